"""What routes depend on: the container, and a caller with the needed permission."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Annotated, cast

from fastapi import Depends, Header, Request, Security
from fastapi.security import APIKeyCookie, HTTPBearer

from falcon_scheduler.api_facade.auth.carriers import COOKIE
from falcon_scheduler.api_facade.auth.claims import Claims
from falcon_scheduler.api_facade.container import Container
from falcon_scheduler.core.domain.principal import Permission, Principal
from falcon_scheduler.core.errors import Unauthenticated, Unavailable

_bearer = HTTPBearer(auto_error=False, bearerFormat="JWT", scheme_name="bearer", description="HS256 token.")
_cookie = APIKeyCookie(
    name=COOKIE,
    auto_error=False,
    scheme_name="cookie",
    description="The same token as a cookie; changes are refused when another site's page sends them.",
)
_CARRIERS = [Security(_bearer), Security(_cookie)]
"""For the OpenAPI document alone; the authenticator reads the token."""


def _container(request: Request) -> Container:
    return cast(Container, request.app.state.container)


Parts = Annotated[Container, Depends(_container)]


async def _public(request: Request, parts: Parts) -> None:
    count_address(request, parts)


async def _claims(
    request: Request, parts: Parts, _bearer: Annotated[object, _CARRIERS[0]], _cookie: Annotated[object, _CARRIERS[1]]
) -> Claims:
    try:
        claims = await parts.authenticator.identify(request)
    except (Unauthenticated, Unavailable):  # unidentified, also when the provider's keys can't be fetched
        count_address(request, parts)
        raise
    request.state.caller = caller = f"user {claims.user_id}"
    parts.rates.take(caller)
    return claims


def count_address(request: Request, parts: Container) -> None:
    """Count a request without an identified caller, by its address. Raises `TooManyRequests`."""
    parts.rates.take(f"address {parts.addresses.of(request)}")


async def _reader(claims: Identified, parts: Parts) -> Principal:
    return await parts.authenticator.admit_reader(claims)


async def _caller(claims: Identified, parts: Parts) -> Principal:
    return await parts.authenticator.admit(claims)


def _who_may(permission: Permission) -> Callable[..., Awaitable[Principal]]:
    async def permitted(claims: Identified, parts: Parts) -> Principal:
        return await parts.authenticator.permit(claims, permission)

    return permitted


Public = Depends(_public)
"""For routes without a token: requests are counted by address."""
Identified = Annotated[Claims, Depends(_claims)]
Reader = Annotated[Principal, Depends(_reader)]
"""Any valid token (with `API_READ_PERMISSION`, a permission too). The route masks data by the permissions."""
Caller = Annotated[Principal, Depends(_caller)]
"""The same for routes that show every reader the same."""
Creator = Annotated[Principal, Depends(_who_may(Permission.CREATE))]
Updater = Annotated[Principal, Depends(_who_may(Permission.UPDATE))]
Deleter = Annotated[Principal, Depends(_who_may(Permission.DELETE))]
Runner = Annotated[Principal, Depends(_who_may(Permission.EXECUTE))]
Controller = Annotated[Principal, Depends(_who_may(Permission.CONTROL))]
Manager = Annotated[Principal, Depends(_who_may(Permission.MANAGE))]

IdempotencyKey = Annotated[
    str | None,
    Header(
        alias="Idempotency-Key",
        min_length=1,
        max_length=255,
        pattern=r"^[!-~]+$",
        description="Makes a repeat safe for 24 hours: a text of your own for each request, a UUID for example.",
    ),
]
"""A client's name for a request."""
