"""Public keys of an identity provider, from its JSON Web Key Set."""

from __future__ import annotations

import asyncio
import time
from datetime import timedelta

import jwt

from core.errors import Unavailable

PROVIDER_ALGORITHMS = ("RS256", "EdDSA")
KEYS_TTL = timedelta(minutes=10)
FETCH_PAUSE = timedelta(seconds=10)
"""After a fetch, unknown key ids are refused for this long: a stranger's tokens don't make us ask at will."""


class ProviderKeys:
    """Fetches the keys when they are first needed, every ten minutes, and when a token names one we don't know.

    `audience` None means that the audience is not looked at.
    """

    def __init__(self, url: str, *, issuer: str, audience: str | None = None) -> None:
        self.issuer = issuer
        self.audience = audience
        self._client = jwt.PyJWKClient(url, cache_keys=False, cache_jwk_set=False, timeout=5)
        self._keys: dict[str, jwt.PyJWK] = {}
        self._fetched_at = float("-inf")  # on the monotonic clock, as all times here
        self._fetching = asyncio.Lock()

    async def key_of(self, token: str) -> jwt.PyJWK:
        """The key that the token names.

        Raises:
            jwt.PyJWTError: it names none, or one that the provider does not have.
            Unavailable: the provider does not answer and the key is not known from before.
        """
        key_id = jwt.get_unverified_header(token).get("kid")
        if not isinstance(key_id, str):
            raise jwt.InvalidTokenError("no key id")
        age = time.monotonic() - self._fetched_at
        if age > KEYS_TTL.total_seconds() or (key_id not in self._keys and age > FETCH_PAUSE.total_seconds()):
            await self._fetch(key_id)
        if key_id not in self._keys:
            raise jwt.InvalidTokenError("unknown key id")
        return self._keys[key_id]

    async def _fetch(self, key_id: str) -> None:
        asked_at = time.monotonic()
        async with self._fetching:
            if self._fetched_at > asked_at:  # somebody fetched while we waited
                return
            try:
                keys = await asyncio.to_thread(self._client.get_signing_keys)
            except jwt.PyJWKClientError as error:
                if key_id in self._keys:
                    return  # better an hour-old key than nobody let in
                raise Unavailable("The identity provider") from error
            self._keys = {str(key.key_id): key for key in keys}
            self._fetched_at = time.monotonic()
