"""One-time codes that sign a browser in: what the link holds that `falcon-scheduler up` prints.

A code is signed with the secret that tokens are signed with, but is no token: its issuer is another, so no route
takes it as one. It is good once, for a limited time; that it was used is remembered in MongoDB for a day.
"""

from __future__ import annotations

import hashlib
import uuid
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

import jwt

from falcon_scheduler.api_facade.auth.claims import read_claims
from falcon_scheduler.api_facade.auth.mint import ALGORITHM, Bearer, mint_token
from falcon_scheduler.core.errors import Unauthenticated
from falcon_scheduler.core.ports import Clock
from falcon_scheduler.core.ports.keyed import KeyedRequest, KeyedRequestStore

CODE_ISSUER = "falcon-scheduler/sign-in"
CODE_TTL = timedelta(hours=1)
"""How long a link waits to be opened. Below a day, for which uses are remembered."""
REMEMBERED_FOR = timedelta(days=1)
SESSION_TTL = timedelta(hours=12)
"""Of a session that a code began."""
USED = "This link was used already, or has expired; `falcon-scheduler sign-in` prints another one"


def mint_code(secret: str, bearer: Bearer, *, issued_at: datetime) -> str:
    """Sign a code that signs in whoever opens it first, as `bearer`."""
    claims = {
        "iss": CODE_ISSUER,
        "jti": uuid.uuid4().hex,
        "iat": issued_at,
        "exp": issued_at + CODE_TTL,
        "user_id": bearer.user_id,
        "character_id": bearer.character_id,
        "character_name": bearer.character_name,
        "super_admin": bearer.is_super_admin,
    }
    return jwt.encode(claims, secret, algorithm=ALGORITHM)


def sign_in_link(api_url: str, code: str) -> str:
    """The page's address with the code behind `#`: browsers send no fragment, so no log contains it."""
    return f"{api_url.rstrip('/')}/ui/#/sign-in?code={code}"


class SignInCodes:
    """Exchanges codes for tokens."""

    def __init__(self, keys: Sequence[str], uses: KeyedRequestStore, clock: Clock) -> None:
        """`keys`: the present one, which new tokens are signed with, then the previous."""
        self._keys = tuple(keys)
        self._uses = uses
        self._clock = clock

    async def exchange(self, code: str) -> str:
        """A token for the bearer whom the code names.

        Raises:
            Unauthenticated: the code is none, has expired, or was used.
            Unavailable: MongoDB does not answer, so that nobody knows whether it was used.
        """
        claims = self._verified(code)
        believed = read_claims(claims, ours=True)
        await self._use(str(claims["jti"]))
        bearer = Bearer(
            believed.user_id,
            believed.character_id,
            believed.character_name,
            is_super_admin=believed.is_super_admin,
        )
        return mint_token(self._keys[0], bearer, issued_at=self._clock.now(), ttl=SESSION_TTL)

    def _verified(self, code: str) -> Mapping[str, Any]:
        required = ["exp", "iss", "jti", "user_id", "character_id"]
        for key in self._keys:
            try:
                claims: Mapping[str, Any] = jwt.decode(
                    code, key, algorithms=[ALGORITHM], issuer=CODE_ISSUER, options={"require": required}
                )
            except jwt.InvalidSignatureError:
                continue
            except (jwt.PyJWTError, ValueError) as error:
                raise Unauthenticated(USED) from error
            return claims
        raise Unauthenticated(USED)

    async def _use(self, code_id: str) -> None:
        now = self._clock.now()
        own = KeyedRequest(
            id=f"sign-in {hashlib.sha256(code_id.encode()).hexdigest()}",
            digest="",
            run_key=uuid.uuid4().hex,
            asked_at=now,
        )
        if (await self._uses.claim(own, now - REMEMBERED_FOR)).run_key != own.run_key:
            raise Unauthenticated(USED)
