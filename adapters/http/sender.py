"""Sends a task's HTTP request and returns the answer, within its time, size and the guard's bounds.

It is independent of tasks: the executor decides which status is expected and what is shown. Each request has its own
client, so that no cookie or connection is shared with a later request. The environment's proxies and .netrc are
ignored: they would lead around the guard.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Final, Self

import httpcore
import httpx

from falcon_scheduler.adapters.http.backend import GuardedBackend, resolve
from falcon_scheduler.adapters.http.body import ACCEPTED_ENCODINGS, Body
from falcon_scheduler.adapters.http.errors import (
    AddressRefused,
    HttpFailed,
    NoAnswerInTime,
    NotSendable,
    RedirectedTooOften,
    RedirectRefused,
    translated,
)
from falcon_scheduler.adapters.http.exchange import Exchange
from falcon_scheduler.adapters.http.guard import AddressGuard
from falcon_scheduler.adapters.http.host_limit import HostLimit
from falcon_scheduler.adapters.http.tls import Tls, context_of
from falcon_scheduler.core.domain.duration import format_duration

MOST_REDIRECTS = 10
_FOR_ANY_SITE: Final = frozenset(
    {"accept", "accept-encoding", "accept-language", "content-length", "content-type", "host", "user-agent"}
)
"""Headers that are sent after a redirect to another site. Any other header may be a credential."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Proxy:
    """An HTTP proxy to go through."""

    url: str
    user: str = ""
    password: str = field(default="", repr=False)

    @classmethod
    def of(cls, address: str) -> Self:
        """Read an address that may hold user and password."""
        url = httpx.URL(address)
        bare = str(url.copy_with(username=None, password=None))
        return cls(url=bare, user=url.username, password=url.password)


@dataclass(frozen=True, slots=True, kw_only=True)
class HttpRequest:
    """All of a request. Its parts may hold secrets, so its repr shows none of them."""

    method: str
    url: str = field(repr=False)
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    content: bytes = field(default=b"", repr=False)
    timeout: timedelta
    """Bounds everything: names, connections, redirects and the last byte of the body."""
    body_limit_bytes: int
    follow_redirects: bool = True
    content_is_secret: bool = False
    """The content is not sent on to another site."""
    tls: Tls = field(default_factory=Tls)
    proxy: Proxy | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class HttpAnswer:
    """An answer, with any status."""

    status_code: int
    reason: str
    headers: httpx.Headers = field(repr=False)
    body: Body = field(repr=False)
    elapsed: timedelta
    redirects: int
    final_url: str
    """Without userinfo, query and fragment."""


class HttpSender:
    """Sends requests under one guard."""

    def __init__(
        self, guard: AddressGuard, *, user_agent: str, proxy: Proxy | None = None, per_host: int = 1000
    ) -> None:
        """
        Args:
            guard: decides which addresses may be called.
            user_agent: for requests that set none.
            proxy: for requests that name none.
            per_host: how many requests are sent to one host at once.
        """
        self._guard = guard
        self._hosts = HostLimit(per_host)
        self._user_agent = user_agent
        self._proxy = proxy

    @staticmethod
    def prepare() -> None:
        """Make now what the first request would make: reading the trusted authorities takes a quarter of a second.

        For a process that others are forked from: the children inherit the result.
        """
        context_of(Tls())

    async def send(self, request: HttpRequest, exchange: Exchange | None = None) -> HttpAnswer:
        """Send the request and read the answer. `exchange` lets a caller read the progress after an interruption.

        A request first waits for a slot of its host, which does not count against its timeout.

        Raises:
            HttpFailed: there is no answer; the subclass is the reason.
        """
        async with self._hosts.slot(request.url):
            return await self._send(request, exchange or Exchange())

    async def _send(self, request: HttpRequest, exchange: Exchange) -> HttpAnswer:
        try:
            async with asyncio.timeout(request.timeout.total_seconds()):
                with translated():
                    return await self._exchange(request, exchange)
        except TimeoutError as error:
            late = NoAnswerInTime(f"No complete answer within {format_duration(request.timeout)}")
            late.partial = exchange.so_far()
            raise late from error
        except HttpFailed as error:
            error.partial = exchange.so_far()
            raise

    async def _exchange(self, request: HttpRequest, exchange: Exchange) -> HttpAnswer:
        proxy = request.proxy or self._proxy
        async with self._client(request, proxy, exchange) as client:
            following = self._first(client, request, exchange)
            for _ in range(MOST_REDIRECTS + 1):
                if proxy is not None:
                    await self._check_behind_proxy(following.url)
                response = await client.send(following, stream=True)
                try:
                    if not (request.follow_redirects and response.next_request):
                        exchange.response = response
                        body = await exchange.body.read(
                            response, request.body_limit_bytes, asked_for=_own_encoding(request)
                        )
                        return _answer(response, body, exchange)
                finally:
                    await response.aclose()
                following = _next(response.next_request, following, request)
                exchange.follow()
        raise RedirectedTooOften(f"Redirected more than {MOST_REDIRECTS} times")

    def _client(self, request: HttpRequest, proxy: Proxy | None, exchange: Exchange) -> httpx.AsyncClient:
        backend = GuardedBackend(self._guard, exchange.resolved)
        return httpx.AsyncClient(
            transport=_GuardedTransport(backend, context_of(request.tls), proxy),
            headers={"User-Agent": self._user_agent, "Accept-Encoding": ACCEPTED_ENCODINGS},
            timeout=request.timeout.total_seconds(),
            follow_redirects=False,
            trust_env=False,
        )

    def _first(self, client: httpx.AsyncClient, request: HttpRequest, exchange: Exchange) -> httpx.Request:
        try:
            headers = {name.encode(): value.encode() for name, value in request.headers.items()}
            content = request.content or None
            return client.build_request(
                request.method,
                request.url,
                headers=headers,
                content=content,
                extensions={"trace": exchange.trace},
            )
        except (httpx.InvalidURL, UnicodeError, ValueError) as error:
            raise NotSendable("The address or a header can't be sent over HTTP") from error

    async def _check_behind_proxy(self, url: httpx.URL) -> None:
        """The proxy makes the connection, so we can only check what the name resolves to from here."""
        port = url.port or (443 if url.scheme == "https" else 80)
        addresses = await resolve(url.raw_host.decode("ascii"), port)
        if not all(self._guard.permits(url.host, port, address) for address in addresses):
            raise AddressRefused(url.host, port)


class _GuardedTransport(httpx.AsyncHTTPTransport):
    """httpx's transport over our own pool: httpx accepts no network backend from its callers."""

    def __init__(self, backend: GuardedBackend, context: ssl.SSLContext, proxy: Proxy | None) -> None:
        # httpx 0.28 reads only `_pool`; every test that sends a request would notice a change.
        if proxy is None:
            self._pool = httpcore.AsyncConnectionPool(ssl_context=context, network_backend=backend)
        else:
            self._pool = httpcore.AsyncHTTPProxy(
                proxy_url=proxy.url,
                proxy_auth=(proxy.user, proxy.password) if proxy.user else None,
                ssl_context=context,
                proxy_ssl_context=context_of(Tls()) if proxy.url.startswith("https:") else None,
                network_backend=backend,
            )


def _next(following: httpx.Request | None, before: httpx.Request, request: HttpRequest) -> httpx.Request:
    """The request after a redirect, without what another site must not get."""
    if following is None:
        raise AssertionError("only called after a redirect")
    if _site(following.url) != _site(before.url):
        if request.content_is_secret and following.method == before.method and request.content:
            raise RedirectRefused("The answer redirects to another site, and the body holds a secret")
        for name in set(following.headers) - _FOR_ANY_SITE:
            del following.headers[name]
    return following


def _site(url: httpx.URL) -> tuple[str, str, int | None]:
    return url.scheme, url.host, url.port


def _own_encoding(request: HttpRequest) -> str | None:
    """The Accept-Encoding that the task sets itself."""
    return next((text for name, text in request.headers.items() if name.lower() == "accept-encoding"), None)


def _answer(response: httpx.Response, body: Body, exchange: Exchange) -> HttpAnswer:
    url = response.url.copy_with(username=None, password=None, query=None, fragment=None)
    return HttpAnswer(
        status_code=response.status_code,
        reason=response.reason_phrase,
        headers=response.headers,
        body=body,
        elapsed=exchange.elapsed,
        redirects=exchange.redirects,
        final_url=str(url),
    )
