"""From a request to a principal: whose token it is, and what its bearer may do.

What a caller may do is looked up only when a route asks for a permission that the token itself does not give, so
reads and super-admin tokens work while MongoDB's groups can't be read.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Protocol

from starlette.requests import Request

from api_facade.auth.carriers import carried_token
from api_facade.auth.claims import Claims
from api_facade.auth.tokens import TokenVerifier
from api_facade.cache import BriefCache
from core.domain.principal import Grants, Permission, Principal
from core.errors import PermissionMissing, Unauthenticated

GRANTS_TTL = timedelta(seconds=10)
"""How long a grant that was taken away may still be used."""


NOTHING_GRANTED = Grants()


class GrantSource(Protocol):
    """Knows what characters may do."""

    async def grants(self, character_id: int) -> Grants:
        """What the character may do now. Raises `Unavailable`."""
        ...


class Authenticator:
    """Tells who is asking."""

    def __init__(self, verifier: TokenVerifier, source: GrantSource) -> None:
        self._verifier = verifier
        self._grants = BriefCache(source.grants, ttl=GRANTS_TTL)

    async def identify(self, request: Request) -> Claims:
        """Who is asking, by the token's word.

        Raises:
            Unauthenticated: no token, or one that is not to be believed.
        """
        token = carried_token(request)
        if token is None:
            raise Unauthenticated
        return await self._verifier.verify(token)

    async def permit(self, claims: Claims, permission: Permission) -> Principal:
        """The caller, who may do this.

        Raises:
            PermissionMissing: the caller may not.
            Unavailable: it takes a look at the groups to know, and they can't be read.
        """
        grants = Grants() if claims.is_super_admin else await self._grants.get(claims.character_id)
        principal = principal_of(claims, grants)
        if not principal.may(permission):
            raise PermissionMissing(permission)
        return principal


def principal_of(claims: Claims, grants: Grants = NOTHING_GRANTED) -> Principal:
    """The caller with what is known of its permissions."""
    return Principal(
        user_id=claims.user_id,
        character_id=claims.character_id,
        character_name=claims.character_name,
        is_super_admin=claims.is_super_admin or grants.is_super_admin,
        permissions=grants.permissions,
    )
