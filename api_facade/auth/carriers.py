"""Where a request carries its token. What a foreign page makes a browser send is refused before: `adapters.web`."""

from __future__ import annotations

from starlette.requests import HTTPConnection

COOKIE = "falcon_auth_token"


def carried_token(request: HTTPConnection) -> str | None:
    """The Bearer token, else the cookie's. Source: go-falcon, authentication middleware."""
    scheme, _, value = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() == "bearer" and value.strip():
        return value.strip()
    return request.cookies.get(COOKIE) or None
