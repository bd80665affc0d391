"""Whom a request is counted for: the peer of the connection, unless a trusted proxy says who is asking."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Mapping
from dataclasses import replace

import httpx
import pytest
import uvicorn
from starlette.requests import HTTPConnection
from starlette.responses import PlainTextResponse
from starlette.types import Receive, Scope, Send

from falcon_scheduler.adapters.settings import Settings
from falcon_scheduler.api_facade.addresses import ClientAddresses
from falcon_scheduler.api_facade.app import build_app
from falcon_scheduler.api_facade.composition.root import compose
from falcon_scheduler.api_facade.composition.services import Services
from falcon_scheduler.api_facade.connections import BoundedProtocol
from falcon_scheduler.deployments.stack.home import free_port
from tests.api.conftest import BASE
from tests.conftest import wait_until


def address(peer: str | None, *forwarded: str, trusted: tuple[str, ...] = ()) -> str:
    headers = [(b"x-forwarded-for", each.encode()) for each in forwarded]
    client = (peer, 4711) if peer is not None else None
    return ClientAddresses(trusted).of(HTTPConnection({"type": "http", "headers": headers, "client": client}))


PROXIES = ("10.0.0.0/8", "::1", "127.0.0.1")


@pytest.mark.parametrize(
    ("peer", "forwarded", "found"),
    [
        ("203.0.113.9", ("198.51.100.1",), "203.0.113.9"),
        ("10.0.0.1", ("198.51.100.1",), "198.51.100.1"),
        ("10.0.0.1", ("6.6.6.6, 198.51.100.1, 10.2.3.4",), "198.51.100.1"),
        ("10.0.0.1", ("6.6.6.6", "198.51.100.1"), "198.51.100.1"),
        ("10.0.0.1", ("198.51.100.1:55123",), "198.51.100.1"),
        ("10.0.0.1", ("[2001:db8:1:2::3]:443",), "2001:db8:1:2::/64"),
        ("10.0.0.1", ("10.9.9.9, 10.8.8.8",), "10.9.9.9"),
        ("10.0.0.1", ("6.6.6.6, unknown",), "10.0.0.1"),
        ("10.0.0.1", ("",), "10.0.0.1"),
        ("10.0.0.1", (), "10.0.0.1"),
        ("::1", ("198.51.100.1",), "198.51.100.1"),
        ("::ffff:10.0.0.1", ("198.51.100.1",), "198.51.100.1"),
        ("2001:db8:1:2:3:4:5:6", (), "2001:db8:1:2::/64"),
        (None, ("198.51.100.1",), "unknown"),
    ],
)
def test_the_caller_is_the_rightmost_that_is_no_proxy_of_ours(
    peer: str | None, forwarded: tuple[str, ...], found: str
) -> None:
    assert address(peer, *forwarded, trusted=PROXIES) == found


@pytest.mark.parametrize("peer", ["127.0.0.1", "10.0.0.1", "203.0.113.9"])
def test_without_the_setting_nobody_is_believed(peer: str) -> None:
    assert address(peer, "198.51.100.1") == peer


async def test_another_forwarded_address_does_not_lift_the_limit(settings: Settings, services: Services) -> None:
    async def statuses(trusted: tuple[str, ...]) -> list[int]:
        limited = replace(
            settings, api=settings.api.model_copy(update={"api_rate_limit": 0.1, "api_trusted_proxies": trusted})
        )
        transport = httpx.ASGITransport(build_app(compose(limited, services), limited), client=("127.0.0.1", 4711))
        async with httpx.AsyncClient(transport=transport, base_url="http://api.test") as client:
            asked = [{"X-Forwarded-For": f"198.51.100.{number}"} for number in range(3)]
            return [(await client.get(f"{BASE}/executors", headers=each)).status_code for each in asked]

    assert await statuses(()) == [401, 429, 429]
    assert await statuses(("127.0.0.1",)) == [401, 401, 401]


async def _who(scope: Scope, receive: Receive, send: Send) -> None:
    await PlainTextResponse(scope["client"][0])(scope, receive, send)


async def test_the_server_believes_no_header_either() -> None:
    port = free_port()
    config = uvicorn.Config(_who, port=port, http=BoundedProtocol, lifespan="off", log_config=None)
    assert config.proxy_headers, "as somebody starts it who leaves the option out"
    server = uvicorn.Server(config)
    server.capture_signals = contextlib.nullcontext  # type: ignore[method-assign,assignment] # pytest keeps its own
    serving = asyncio.create_task(server.serve())

    async def has_started() -> bool:
        return server.started

    await wait_until(has_started, "the server has started")
    headers: Mapping[str, str] = {"X-Forwarded-For": "198.51.100.1"}
    async with httpx.AsyncClient(timeout=60) as client:
        assert (await client.get(f"http://127.0.0.1:{port}/", headers=headers)).text == "127.0.0.1"
    server.should_exit = True
    await serving
