"""Makes tokens that the facade accepts: for the command line, and for browsers that bring a one-time code."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

import jwt

ALGORITHM = "HS256"
ISSUER = "go-falcon"


@dataclass(frozen=True, slots=True)
class Bearer:
    """The owner of a token. `scopes` are separated by spaces, as in EVE SSO."""

    user_id: str
    character_id: int
    character_name: str
    scopes: str = ""
    is_super_admin: bool = False


def mint_token(secret: str, bearer: Bearer, *, issued_at: datetime, ttl: timedelta) -> str:
    """Sign a token that is valid from `issued_at` for `ttl`."""
    claims: dict[str, object] = {
        "user_id": bearer.user_id,
        "character_id": bearer.character_id,
        "character_name": bearer.character_name,
        "scopes": bearer.scopes,
        "iss": ISSUER,
        "iat": issued_at,
        "exp": issued_at + ttl,
    }
    if bearer.is_super_admin:
        claims["super_admin"] = True
    return jwt.encode(claims, secret, algorithm=ALGORITHM)
