"""Where a request carries its token, and the guard against requests that a foreign page makes with our cookie."""

from __future__ import annotations

from collections.abc import Set
from dataclasses import dataclass
from urllib.parse import urlsplit

from starlette.requests import HTTPConnection

from core.errors import Forbidden

COOKIE = "falcon_auth_token"
SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})


class CrossSiteRequest(Forbidden):
    """A page of another site made the browser send our cookie with a changing request."""

    code = "cross_site_request"

    def __init__(self) -> None:
        super().__init__("A cookie is not accepted from another site's page; send the token as Bearer")


@dataclass(frozen=True, slots=True)
class Carried:
    """A token and how it came."""

    token: str
    by_cookie: bool


def carried_token(request: HTTPConnection) -> Carried | None:
    """The Bearer token, else the cookie's. Source: go-falcon, authentication middleware."""
    scheme, _, value = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() == "bearer" and value.strip():
        return Carried(value.strip(), by_cookie=False)
    cookie = request.cookies.get(COOKIE)
    return Carried(cookie, by_cookie=True) if cookie else None


def check_same_site(request: HTTPConnection, method: str, trusted_origins: Set[str]) -> None:
    """Refuse a changing request that a browser sent on behalf of another site's page.

    Browsers say so in Sec-Fetch-Site, older ones in Origin; a client that sends neither is no browser, and nobody
    can make it send a cookie. Only hosts are compared, for behind a proxy we can't know the scheme.
    Source: Go, net/http CrossOriginProtection.

    Raises:
        CrossSiteRequest
    """
    origin, site = request.headers.get("origin"), request.headers.get("sec-fetch-site")
    if method in SAFE_METHODS or (origin is not None and origin in trusted_origins):
        return
    if site is not None:
        if site not in {"same-origin", "none"}:
            raise CrossSiteRequest
    elif origin is not None and urlsplit(origin).netloc != request.headers.get("host"):
        raise CrossSiteRequest
