"""From a request to a principal: whose token it is, and what its bearer may do.

What a caller may do is looked up when a route asks for a permission that the token itself does not give, or shows
what only some may see. While MongoDB's groups can't be read, super-admin tokens work, and readers see what everybody
may see.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Protocol

from starlette.requests import Request

from falcon_scheduler.api_facade.auth.carriers import carried_token
from falcon_scheduler.api_facade.auth.claims import Claims
from falcon_scheduler.api_facade.auth.tokens import TokenVerifier
from falcon_scheduler.api_facade.cache import BriefCache
from falcon_scheduler.core.domain.principal import Grants, Permission, Principal
from falcon_scheduler.core.errors import PermissionMissing, Unauthenticated, Unavailable

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

    def __init__(self, verifier: TokenVerifier, source: GrantSource, *, reading_is_granted: bool = False) -> None:
        """`reading_is_granted` says that groups grant reading; otherwise whoever has a token may read."""
        self._verifier = verifier
        self._reading_is_granted = reading_is_granted
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
        principal = await self._looked_up(claims)
        if not principal.may(permission):
            raise PermissionMissing(permission)
        return principal

    async def admit_reader(self, claims: Claims) -> Principal:
        """The caller, who may read, with its permissions: they decide what it is shown.

        Any permission of the scheduler lets its owner read.

        Raises:
            PermissionMissing: groups grant reading, and the caller's grant nothing.
            Unavailable: groups grant reading, and they can't be read.
        """
        try:
            principal = await self._looked_up(claims)
        except Unavailable:
            if self._reading_is_granted:
                raise
            return principal_of(claims)
        if self._reading_is_granted and not any(principal.may(each) for each in Permission):
            raise PermissionMissing(Permission.READ)
        return principal

    async def admit(self, claims: Claims) -> Principal:
        """The same where all readers are shown the same: nothing is looked up without need."""
        return await self.admit_reader(claims) if self._reading_is_granted else principal_of(claims)

    async def _looked_up(self, claims: Claims) -> Principal:
        grants = Grants() if claims.is_super_admin else await self._grants.get(claims.character_id)
        return principal_of(claims, grants)


def principal_of(claims: Claims, grants: Grants = NOTHING_GRANTED) -> Principal:
    """The caller with what is known of its permissions."""
    return Principal(
        user_id=claims.user_id,
        character_id=claims.character_id,
        character_name=claims.character_name,
        is_super_admin=claims.is_super_admin or grants.is_super_admin,
        permissions=grants.permissions,
    )
