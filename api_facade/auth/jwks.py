"""Public keys of an identity provider, from its JSON Web Key Set.

The provider may be slow, hang or be away at any time. A request with a known key never waits for it: keys are renewed
in the background. A request with an unknown key waits for one fetch, which all such requests share and which has a
timeout. After a failed fetch, requests fail at once until a pause is over.
"""

from __future__ import annotations

import asyncio
import json
import logging
import time
from datetime import timedelta

import httpx
import jwt

from falcon_scheduler.core.errors import Unavailable

PROVIDER_ALGORITHMS = ("RS256", "EdDSA")
KEYS_TTL = timedelta(minutes=10)
"""Age at which the keys are fetched again, in the background."""
KEYS_TRUSTED_FOR = timedelta(hours=24)
"""Age at which keys are no longer accepted: a key that the provider withdrew must expire even if fetches fail."""
FETCH_TIMEOUT = timedelta(seconds=5)
"""For the whole fetch, even if the answer arrives slowly."""
FETCH_PAUSE = timedelta(seconds=10)
"""Pause between fetches, doubled with each failure. Without it tokens with invented key ids would cause fetches."""
LONGEST_PAUSE = timedelta(minutes=5)
MOST_BYTES = 1024 * 1024
_REDIRECTS = 3

logger = logging.getLogger(__name__)


class ProviderKeys:
    """Fetches the keys at the first use, every ten minutes, and when a token names an unknown key.

    `audience` None: the audience is not checked.
    """

    def __init__(self, url: str, *, issuer: str, audience: str | None = None) -> None:
        self.issuer = issuer
        self.audience = audience
        self._url = url
        self._keys: dict[str, jwt.PyJWK] = {}
        self._fetched_at = float("-inf")  # on the monotonic clock, as all times here
        self._rests_until = float("-inf")
        self._failures = 0
        """Failed fetches since the last success."""
        self._fetching: asyncio.Task[None] | None = None

    async def key_of(self, token: str) -> jwt.PyJWK:
        """The key that the token names.

        Raises:
            jwt.PyJWTError: it names none, or one that the provider does not have.
            Unavailable: the provider does not answer and the key was not fetched before.
        """
        key_id = jwt.get_unverified_header(token).get("kid")
        if not isinstance(key_id, str):
            raise jwt.InvalidTokenError("no key id")
        if key_id in self._keys and self._age_seconds < KEYS_TRUSTED_FOR.total_seconds():
            if self._age_seconds > KEYS_TTL.total_seconds():
                self._fetch()
            return self._keys[key_id]
        if (fetching := self._fetch()) is not None:
            await asyncio.shield(fetching)
        if self._failures:
            raise Unavailable("The identity provider", self._rest)
        if key_id not in self._keys:
            raise jwt.InvalidTokenError("unknown key id")
        return self._keys[key_id]

    @property
    def _age_seconds(self) -> float:
        return time.monotonic() - self._fetched_at

    @property
    def _rest(self) -> timedelta:
        return timedelta(seconds=max(self._rests_until - time.monotonic(), 1))

    def _fetch(self) -> asyncio.Task[None] | None:
        """The fetch that is under way, else a new one; None during the pause after a fetch."""
        if self._fetching is None and time.monotonic() >= self._rests_until:
            self._fetching = asyncio.create_task(self._renew())
        return self._fetching

    async def _renew(self) -> None:
        try:
            async with asyncio.timeout(FETCH_TIMEOUT.total_seconds()):
                self._keys = _signing_keys(await self._read())
        except Exception as error:  # noqa: BLE001 - any error of the provider counts as a failed fetch
            self._failures += 1
            pause = min(FETCH_PAUSE * 2 ** min(self._failures - 1, 10), LONGEST_PAUSE)
            logger.warning("The keys of the identity provider could not be fetched: %s", type(error).__name__)
        else:
            self._failures, self._fetched_at, pause = 0, time.monotonic(), FETCH_PAUSE
        finally:
            self._fetching = None
        self._rests_until = time.monotonic() + pause.total_seconds()

    async def _read(self) -> bytes:
        data = bytearray()
        async with (
            httpx.AsyncClient(follow_redirects=True, max_redirects=_REDIRECTS, timeout=None) as client,  # noqa: S113 - ours is around it
            client.stream("GET", self._url) as answer,
        ):
            answer.raise_for_status()
            async for part in answer.aiter_bytes():
                data += part
                if len(data) > MOST_BYTES:
                    raise ValueError("the key set is too large")
        return bytes(data)


def _signing_keys(data: bytes) -> dict[str, jwt.PyJWK]:
    """The keys by their ids. Raises `ValueError` or `jwt.PyJWTError` for an invalid key set, or one without keys."""
    value = json.loads(data)
    if not isinstance(value, dict):
        raise ValueError("a key set is a JSON object")
    found = jwt.PyJWKSet.from_dict(value).keys
    keys = {str(key.key_id): key for key in found if key.public_key_use in {"sig", None} and key.key_id}
    if not keys:
        raise ValueError("the key set holds no signing key")
    return keys
