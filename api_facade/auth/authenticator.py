"""From a request to a principal: whose token it is, and what its bearer may do.

Permissions are read from MongoDB only when a route needs one that the token itself does not contain, or returns data
that depends on permissions. While MongoDB can't be read, super-admin tokens work, and readers get what every reader
may see.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Protocol

from starlette.requests import Request

from falcon_scheduler.api_facade.auth.carriers import carried_token
from falcon_scheduler.api_facade.auth.claims import Claims
from falcon_scheduler.api_facade.auth.tokens import TokenVerifier
from falcon_scheduler.core.answer_cache import AnswerCache, briefly
from falcon_scheduler.core.domain.principal import Grants, Permission, Principal
from falcon_scheduler.core.errors import PermissionMissing, Unauthenticated, Unavailable

GRANTS_TTL = timedelta(seconds=10)
"""How long a revoked grant may still be used."""


NOTHING_GRANTED = Grants()


class GrantSource(Protocol):
    """Returns the permissions of characters."""

    async def grants(self, character_id: int) -> Grants:
        """The present permissions of the character. Raises `Unavailable`."""
        ...


class Authenticator:
    """Identifies callers and checks their permissions."""

    def __init__(self, verifier: TokenVerifier, source: GrantSource, *, reading_is_granted: bool = False) -> None:
        """`reading_is_granted`: reading needs a permission; otherwise every valid token may read."""
        self._verifier = verifier
        self._reading_is_granted = reading_is_granted
        self._grants = AnswerCache(source.grants, briefly(GRANTS_TTL))

    async def identify(self, request: Request) -> Claims:
        """The caller, according to the token.

        Raises:
            Unauthenticated: no token, or one that does not verify.
        """
        token = carried_token(request)
        if token is None:
            raise Unauthenticated
        return await self.believe(token)

    async def believe(self, token: str) -> Claims:
        """What the token says. Raises `Unauthenticated` for one that is not to be believed."""
        return await self._verifier.verify(token)

    async def permit(self, claims: Claims, permission: Permission) -> Principal:
        """The caller, if it has the permission.

        Raises:
            PermissionMissing: the caller may not.
            Unavailable: the permission is not in the token, and the groups can't be read.
        """
        principal = await self._looked_up(claims)
        if not principal.may(permission):
            raise PermissionMissing(permission)
        return principal

    async def admit_reader(self, claims: Claims) -> Principal:
        """The caller as a reader, with its permissions: routes mask data by them.

        Every permission of the scheduler includes reading.

        Raises:
            PermissionMissing: reading needs a permission, and the caller has none.
            Unavailable: reading needs a permission, and the groups can't be read.
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
        """A reader of a route that shows all readers the same: permissions are read only if reading needs one."""
        return await self.admit_reader(claims) if self._reading_is_granted else principal_of(claims)

    async def _looked_up(self, claims: Claims) -> Principal:
        grants = Grants() if claims.is_super_admin else await self._grants.get(claims.character_id)
        return principal_of(claims, grants)


def principal_of(claims: Claims, grants: Grants = NOTHING_GRANTED) -> Principal:
    """The caller with its known permissions."""
    return Principal(
        user_id=claims.user_id,
        character_id=claims.character_id,
        character_name=claims.character_name,
        is_super_admin=claims.is_super_admin or grants.is_super_admin,
        permissions=grants.permissions,
    )
