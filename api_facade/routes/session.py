"""Sessions of browsers: a token is exchanged for a cookie that no script can read."""

from __future__ import annotations

from datetime import datetime

from fastapi import APIRouter, Request, Response

from falcon_scheduler.api_facade.auth.carriers import COOKIE
from falcon_scheduler.api_facade.auth.claims import Claims
from falcon_scheduler.api_facade.container import Container
from falcon_scheduler.api_facade.declared import READ, LeanRoute, answers, takes
from falcon_scheduler.api_facade.deps import Identified, Parts, Public, Reader
from falcon_scheduler.api_facade.examples import page as examples
from falcon_scheduler.api_facade.schemas.session import SessionEnded, SessionRequest, SessionResponse
from falcon_scheduler.api_facade.shape import judged, read_json, read_whole
from falcon_scheduler.core.domain.principal import Permission, Principal
from falcon_scheduler.core.errors import Invalid

router = APIRouter(prefix="/session", tags=["session"], route_class=LeanRoute)


@router.post(
    "",
    dependencies=[Public],
    responses=answers(200, examples.SESSION, 400, 401, 403, 408, 413, 415, 503, Set_Cookie="The session."),
    openapi_extra=takes("SessionRequest", token=examples.SESSION_REQUEST),
    summary="Sign a browser in",
)
async def sign_in(parts: Parts, request: Request, response: Response) -> SessionResponse:
    """Exchange a token, or the one-time code of a printed link, for a cookie that scripts can't read.

    The cookie is `HttpOnly`, `SameSite=Strict` and, over HTTPS, `Secure`; it ends when the token does.
    """
    request.state.caller = f"address {parts.addresses.of(request)}"
    wanted = await judged(request, read_whole, SessionRequest, await read_json(request))
    if (wanted.token is None) == (wanted.code is None):
        raise Invalid.of("token", "give either a token or a code")
    token = wanted.token or await parts.sign_in_codes.exchange(wanted.code or "")
    claims = await parts.authenticator.believe(token)
    caller = await parts.authenticator.admit_reader(claims)
    response.set_cookie(
        COOKIE,
        token,
        max_age=max(int((claims.expires_at - parts.clock.now()).total_seconds()), 1),
        path=_path_of(request),
        secure=request.url.scheme == "https" or parts.addresses.came_by_https(request),
        httponly=True,
        samesite="strict",
    )
    return _session(caller, claims, parts)


@router.get("", responses=answers(200, examples.SESSION, *READ, 403, 503), summary="Who is signed in")
async def get_session(caller: Reader, claims: Identified, parts: Parts) -> SessionResponse:
    """Who is asking, what that one may do, and until when the token is believed."""
    return _session(caller, claims, parts)


@router.delete(
    "", dependencies=[Public], responses=answers(200, examples.SESSION_ENDED, 403), summary="Sign a browser out"
)
async def sign_out(request: Request, response: Response) -> SessionEnded:
    """Withdraw the cookie. Repeatable. The token itself stays valid until it expires."""
    response.delete_cookie(COOKIE, path=_path_of(request), httponly=True, samesite="strict")
    return SessionEnded(message="Signed out")


def _path_of(request: Request) -> str:
    """The base of the API: what the cookie is sent to."""
    return str(request.scope["path"]).rsplit("/", 1)[0]


def _session(caller: Principal, claims: Claims, parts: Container) -> SessionResponse:
    expires_at: datetime = claims.expires_at
    return SessionResponse(
        user_id=caller.user_id,
        character_id=caller.character_id,
        character_name=caller.character_name,
        is_super_admin=caller.is_super_admin,
        permissions=[str(each) for each in Permission if caller.may(each)],
        expires_at=expires_at,
        default_timezone=parts.default_timezone,
    )
