"""Refuses requests that a foreign web page makes a browser send: by their host, and by the page's origin.

A page can't reach a server on loopback itself, but it can make the user's browser do it, in two ways. First, it sends
a request from its own origin; the answer is hidden from it, but the effect happens. Second, its own host name
resolves to our address (DNS rebinding), and the browser takes it for a page of ours. The first way shows in `Origin`
and `Sec-Fetch-Site`, the second in `Host`. A page can change neither.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection
from ipaddress import ip_address
from urllib.parse import urlsplit

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

from falcon_scheduler.core.errors import Forbidden

SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
_HOST = re.compile(r"(?P<name>\[[0-9a-f:.]+\]|[a-z0-9._-]+)(:[0-9]+)?", re.IGNORECASE)


class UntrustedHost(Forbidden):
    """The request names a host that is not ours."""

    code = "untrusted_host"

    def __init__(self) -> None:
        super().__init__("The Host header names no host of this server; API_TRUSTED_HOSTS names further ones")


class CrossSiteRequest(Forbidden):
    """A page of another site made the browser send a request that may change something."""

    code = "cross_site_request"

    def __init__(self) -> None:
        super().__init__("A page of another site may not send this; API_TRUSTED_ORIGINS names pages that may")


class CallerCheck:
    """ASGI middleware around a whole server, websockets included.

    Args:
        app: what answers the requests that pass.
        hosts: names of this server, `*.example.com` for all below one, `*` for any. `localhost` and IP addresses
            always pass, since no attacker can make them resolve to something else. Empty: every host.
        origins: origins whose pages may send requests that change something, besides the server's own.
        refusal: makes the answer to an HTTP request that is refused. A websocket is closed.
    """

    def __init__(
        self,
        app: ASGIApp,
        *,
        hosts: Collection[str],
        origins: Collection[str],
        refusal: Callable[[Forbidden], ASGIApp],
    ) -> None:
        self._app = app
        self._hosts = frozenset(host.lower() for host in hosts)
        self._origins = frozenset(origins)
        self._refusal = refusal

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """See ASGI."""
        if scope["type"] not in {"http", "websocket"}:
            await self._app(scope, receive, send)
            return
        try:
            headers = Headers(scope=scope)
            check_host(headers.getlist("host"), self._hosts)
            if scope.get("method") not in SAFE_METHODS:  # a websocket has no method, and may change anything
                check_origin(headers, self._origins)
        except Forbidden as refused:
            if scope["type"] == "websocket":
                await send({"type": "websocket.close", "code": 1008})
            else:
                await self._refusal(refused)(scope, receive, send)
        else:
            await self._app(scope, receive, send)


def check_host(given: Collection[str], trusted: Collection[str]) -> None:
    """Check the values of the `Host` header. A request without one was not sent by a browser.

    Raises:
        UntrustedHost
    """
    if not trusted or not given:
        return
    fitting = _HOST.fullmatch(next(iter(given))) if len(given) == 1 else None
    if fitting is None or not _is_trusted(fitting["name"].lower(), trusted):
        raise UntrustedHost


def _is_trusted(name: str, trusted: Collection[str]) -> bool:
    if name == "localhost" or name in trusted or "*" in trusted:
        return True
    if any(pattern.startswith("*.") and name.endswith(pattern[1:]) for pattern in trusted):
        return True
    try:
        ip_address(name.strip("[]"))
    except ValueError:
        return False
    return True


def check_origin(headers: Headers, trusted: Collection[str]) -> None:
    """Check whether a page of another site made a browser send the request.

    Browsers report it in Sec-Fetch-Site, older ones in Origin; a client that sends neither is no browser. A Bearer
    token passes: a browser sends one only from a page of ours. Only hosts are compared, since behind a proxy the
    scheme is unknown. Source: Go, net/http CrossOriginProtection.

    Raises:
        CrossSiteRequest
    """
    origin, site = headers.get("origin"), headers.get("sec-fetch-site")
    if (origin is not None and origin in trusted) or _carries_bearer(headers):
        return
    if site is not None:
        if site not in {"same-origin", "none"}:
            raise CrossSiteRequest
    elif origin is not None and urlsplit(origin).netloc.lower() != headers.get("host", "").lower():
        raise CrossSiteRequest


def _carries_bearer(headers: Headers) -> bool:
    scheme, _, token = headers.get("authorization", "").partition(" ")
    return scheme.lower() == "bearer" and bool(token.strip())
