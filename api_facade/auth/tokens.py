"""Verifies tokens: HS256 with our own keys, and by choice those of an identity provider with its public keys.

The token's algorithm decides which keys are tried, never the other way round: a public key is never used as a shared
secret. The answer does not contain the reason for a refusal.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

import jwt

from falcon_scheduler.api_facade.auth.claims import BAD_TOKEN, Claims, read_claims
from falcon_scheduler.api_facade.auth.jwks import PROVIDER_ALGORITHMS, ProviderKeys
from falcon_scheduler.api_facade.auth.mint import ALGORITHM, ISSUER
from falcon_scheduler.core.errors import Unauthenticated

CLOCK_SKEW = timedelta(seconds=30)
LONGEST_TOKEN = 8192

_REQUIRED = ["exp", "iss", "user_id", "character_id"]


class TokenVerifier:
    """Accepts tokens of our keys (the present one, then the previous) and of the provider, if there is one."""

    def __init__(self, keys: Sequence[str], provider: ProviderKeys | None = None) -> None:
        self._keys = tuple(keys)
        self._provider = provider

    async def verify(self, token: str) -> Claims:
        """The claims of a token.

        Raises:
            Unauthenticated: the token does not verify, for any reason.
            Unavailable: the identity provider's keys are needed and can't be fetched.
        """
        if len(token) > LONGEST_TOKEN:
            raise Unauthenticated(BAD_TOKEN)
        try:
            algorithm = jwt.get_unverified_header(token).get("alg")
            if algorithm == ALGORITHM:
                return self._of_ours(token)
            if self._provider is not None and algorithm in PROVIDER_ALGORITHMS:
                return await self._of_provider(token, self._provider)
        except (jwt.PyJWTError, ValueError) as error:  # a header that is not UTF-8 is a bare ValueError
            raise Unauthenticated(BAD_TOKEN) from error
        raise Unauthenticated(BAD_TOKEN)

    def _of_ours(self, token: str) -> Claims:
        for key in self._keys:
            try:
                payload = jwt.decode(
                    token,
                    key,
                    algorithms=[ALGORITHM],
                    issuer=ISSUER,
                    leeway=CLOCK_SKEW,
                    options={"require": _REQUIRED, "verify_aud": False},
                )
            except jwt.InvalidSignatureError:
                continue
            return read_claims(payload, ours=True)
        raise Unauthenticated(BAD_TOKEN)

    async def _of_provider(self, token: str, provider: ProviderKeys) -> Claims:
        payload = jwt.decode(
            token,
            await provider.key_of(token),
            algorithms=list(PROVIDER_ALGORITHMS),
            issuer=provider.issuer,
            audience=provider.audience,
            leeway=CLOCK_SKEW,
            options={"require": _REQUIRED, "verify_aud": provider.audience is not None},
        )
        return read_claims(payload, ours=False)
