"""Hundreds of clients that dribble, do not read, or only stay: everybody else is served, and they are let go."""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest
import pytest_asyncio

from falcon_scheduler.adapters.settings import Settings
from falcon_scheduler.api_facade.composition.services import Services
from falcon_scheduler.api_facade.connections import BODY_PATIENCE, MOST_CONNECTIONS
from falcon_scheduler.deployments.stack.addresses import Addresses
from falcon_scheduler.deployments.stack.home import Home
from falcon_scheduler.deployments.stack.product import Facade
from tests.api.conftest import BASE, bearer, token_of
from tests.conftest import wait_until

DRIBBLING_HEADS, DRIBBLING_BODIES, DEAF, IDLE = 250, 100, 60, 90
ASKING_SECONDS = 8.0
"""How long the flood is kept up: whoever is let go comes again."""


@dataclass
class Served:
    """A facade as `falcon-scheduler up` starts it."""

    port: int
    token: str
    process: psutil.Process

    def connections(self) -> int:
        """How many it holds open with clients."""
        held = self.process.net_connections(kind="tcp")
        return sum(each.laddr.port == self.port and each.status == psutil.CONN_ESTABLISHED for each in held)


@pytest_asyncio.fixture
async def served(services: Services, settings: Settings, tmp_path: Path) -> AsyncIterator[Served]:
    async with httpx.AsyncClient(timeout=60) as http:
        part = Facade(Home(tmp_path / "home"), settings, Addresses(), http)
        command = part.command()
        with (tmp_path / "facade.log").open("wb") as log:
            given = {name: text for name, text in command.environment.items() if text is not None}
            process = await asyncio.create_subprocess_exec(
                *command.argv, env={**os.environ, **given, "API_RATE_LIMIT": "0"}, stdout=log, stderr=log
            )

        async def is_ready() -> bool:
            with contextlib.suppress(httpx.TransportError):
                return await part.is_ready()
            return False

        await wait_until(is_ready, "the facade is ready")
        port = int(part.url.split(":")[2].split("/")[0])
        yield Served(port, token_of(settings, super_admin=True), psutil.Process(process.pid))
    process.terminate()
    await process.wait()


@dataclass
class Flood:
    """Clients that want to be a nuisance, and what became of their connections."""

    port: int
    begun: int = 0
    ended: int = 0
    answers: list[bytes] = field(default_factory=list)

    async def connection(self, first: bytes, more: bytes = b"", *, deaf: bool = False) -> None:
        """Send something, then a little more every half second, until the server closes the connection."""
        sock = socket.socket()
        sock.setblocking(False)
        if deaf:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        loop, answer = asyncio.get_running_loop(), b""
        try:
            await loop.sock_connect(sock, ("127.0.0.1", self.port))
            self.begun += 1
            await loop.sock_sendall(sock, first)
            while True:
                await asyncio.sleep(0.5)
                await loop.sock_sendall(sock, more)
                if not deaf and (came := _came(sock)) is not None:
                    answer += came
                    if not came:
                        break
        except OSError:
            pass
        finally:
            self.ended += 1
            sock.close()
        if answer:
            self.answers.append(answer)

    async def again_and_again(self, connect: Callable[[], Awaitable[None]]) -> None:
        """Come back as soon as one is let go."""
        while True:
            await connect()
            await asyncio.sleep(0.5)


def _came(sock: socket.socket) -> bytes | None:
    """What has come; empty at the end, None when there is nothing yet."""
    try:
        return sock.recv(65536)
    except BlockingIOError:
        return None


def nuisances(flood: Flood, token: str) -> list[Callable[[], Coroutine[Any, Any, None]]]:
    head = f"GET {BASE}/tasks HTTP/1.1\r\nHost: localhost\r\n".encode()
    post = (
        f"POST {BASE}/tasks HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {token}\r\n"
        "Content-Type: application/json\r\nContent-Length: 60000\r\n\r\n{"
    ).encode()
    document = f"GET {BASE}/openapi.json HTTP/1.1\r\nHost: localhost\r\n\r\n".encode() * 50

    return [
        *(lambda: flood.connection(head, b"X"),) * DRIBBLING_HEADS,
        *(lambda: flood.connection(post, b" "),) * DRIBBLING_BODIES,
        *(lambda: flood.connection(document, b"G", deaf=True),) * DEAF,
        *(lambda: flood.connection(b""),) * IDLE,
    ]


@pytest.mark.slow
async def test_slow_clients_are_let_go_and_everybody_else_is_served(served: Served) -> None:
    flood = Flood(served.port)
    clients = nuisances(flood, served.token)
    assert len(clients) > MOST_CONNECTIONS
    keeping_on = [asyncio.create_task(flood.again_and_again(each)) for each in clients]

    async def all_came() -> bool:
        return flood.begun >= len(clients)

    await wait_until(all_came, "all of them have connected")
    base = f"http://127.0.0.1:{served.port}{BASE}"
    headers = bearer(served.token)
    most = answered = 0
    async with httpx.AsyncClient(headers=headers, timeout=120) as kept:
        ends_at = asyncio.get_running_loop().time() + ASKING_SECONDS
        while asyncio.get_running_loop().time() < ends_at:
            async with httpx.AsyncClient(headers=headers, timeout=120) as new:
                assert (await new.get(f"{base}/tasks")).status_code == 200
            assert (await kept.get(f"{base}/tasks")).status_code == 200
            answered += 2
            most = max(most, served.connections())
            await asyncio.sleep(0.2)
        assert answered >= 2
        assert most <= MOST_CONNECTIONS + 60, "some are between being accepted and being let go"
        for each in keeping_on:
            each.cancel()
        await asyncio.gather(*keeping_on, return_exceptions=True)


@pytest.mark.slow
async def test_each_slow_client_is_let_go_in_its_time_though_there_is_room(served: Served) -> None:
    flood = Flood(served.port)
    clients = nuisances(flood, served.token)[:: len(nuisances(flood, served.token)) // 40]
    asking = [asyncio.create_task(each()) for each in clients]

    async def all_are_gone() -> bool:
        return flood.ended == len(clients)

    await wait_until(all_are_gone, "all have been let go", 2 * BODY_PATIENCE.total_seconds() + 30)
    await asyncio.gather(*asking)
    assert any(answer.startswith(b"HTTP/1.1 408") for answer in flood.answers), "a dribbled body is told so"
    assert served.connections() == 0


async def answer_to(port: int, *pieces: bytes) -> bytes:
    """What comes back for bytes that are sent piece by piece."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    with contextlib.suppress(ConnectionError):
        for piece in pieces:
            writer.write(piece)
            await writer.drain()
            await asyncio.sleep(0.05)
        return await asyncio.wait_for(reader.read(), 120)
    return b""


@pytest.mark.slow
async def test_a_head_beyond_the_bounds_is_not_taken_apart(served: Served) -> None:
    def get(headers: bytes, *, last: bool = True) -> bytes:
        end = b"Connection: close\r\n" if last else b""
        return b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n" + headers + end + b"\r\n"

    body = b"x\r\n" * 10_000
    post = b"POST /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Length: %d\r\n\r\n" % len(body)
    for fits in (
        (get(b"X: " + b"x" * 8000 + b"\r\n"),),
        (get(b"a: b\r\n" * 100),),
        (get(b"", last=False), get(b"a: b\r\n" * 100)),
        (get(b"", last=False) * 20 + get(b""),),
        (post[:-1], post[-1:] + body),
        (post + body,),
    ):
        status = b"HTTP/1.1 405" if fits[0].startswith(b"POST") else b"HTTP/1.1 200"
        assert (await answer_to(served.port, *fits)).startswith(status), fits
    for too_large in (
        (get(b"X: " + b"x" * 17_000 + b"\r\n"),),
        (get(b"a: b\r\n" * 10_000),),
        (get(b"a: b\r\n" * 200),),
        tuple(get(b"a: b\r\n" * 200)[start : start + 100] for start in range(0, 1300, 100)),
    ):
        answer = await answer_to(served.port, *too_large)
        assert answer[:12] in {b"HTTP/1.1 400", b""}, "refused, or closed before all of it was sent"
    pipelined = await answer_to(served.port, get(b"", last=False) + get(b"a: b\r\n" * 2000))
    assert pipelined.count(b"HTTP/1.1 200") == 1
