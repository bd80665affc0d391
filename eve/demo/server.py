"""Joins the two halves and the control routes into one app, and serves it on loopback."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp

from falcon_scheduler.adapters.web.callers import CallerCheck
from falcon_scheduler.eve.demo import esi
from falcon_scheduler.eve.demo.esi import Demo, EsiRoute
from falcon_scheduler.eve.demo.faults import Fault, Kind
from falcon_scheduler.eve.demo.sso import (
    CLIENT_ID,
    CLIENT_SECRET,
    KEYS_ROUTE,
    METADATA_ROUTE,
    TOKEN_ROUTE,
    DemoSso,
)

HOST = "127.0.0.1"
_ANSWERS = {
    "/status": esi.status,
    "/meta/status": esi.meta_status,
    "/characters/affiliation": esi.affiliation,
    "/alliances": esi.alliances,
    "/alliances/{alliance_id}": esi.alliance,
    "/corporations/{corporation_id}": esi.corporation,
}


def environment(base_url: str) -> dict[str, str]:
    """The settings with which the product talks to the demo server instead of EVE."""
    return {
        "ESI_BASE_URL": base_url,
        "ESI_USER_AGENT": "falcon-scheduler-demo/1.0 (nobody@localhost.localdomain)",
        "EVE_SSO_URL": base_url,
        "EVE_CLIENT_ID": CLIENT_ID,
        "EVE_CLIENT_SECRET": CLIENT_SECRET,
    }


class Control:
    """Routes to see and change the demo world from outside its process."""

    def __init__(self, demo: Demo) -> None:
        self._demo = demo

    def routes(self) -> list[Route]:
        """All of them, below `/_demo`."""
        return [
            Route("/_demo/statistics", self.statistics),
            Route("/_demo/faults", self.add_fault, methods=["POST"]),
            Route("/_demo/reset", self.reset, methods=["POST"]),
            Route("/_demo/universe", self.change, methods=["POST"]),
        ]

    async def statistics(self, request: Request) -> Response:
        """Requests by method, route and status."""
        return JSONResponse(dict(self._demo.requests))

    async def add_fault(self, request: Request) -> Response:
        """Switch a fault on: the fields of `Fault`."""
        body = await request.json()
        self._demo.faults.rules.append(Fault(**body | {"kind": Kind(body.get("kind", "status"))}))
        return JSONResponse({}, 201)

    async def reset(self, request: Request) -> Response:
        """All faults off, all counts forgotten."""
        self._demo.reset()
        return JSONResponse({})

    async def change(self, request: Request) -> Response:
        """`moved_share`: the share of characters that change corporation; `cache_seconds`: age of all answers."""
        body = await request.json()
        self._demo.universe.moved_share = float(body.get("moved_share", self._demo.universe.moved_share))
        self._demo.faults.cache_seconds = body.get("cache_seconds", self._demo.faults.cache_seconds)
        return JSONResponse({})


def create_app(demo: Demo, sso: DemoSso) -> ASGIApp:
    """The app; `sso.issuer` must be set before the first token request."""
    methods = {route: ["POST"] if route.startswith("/characters") else ["GET"] for route in _ANSWERS}
    app = Starlette(
        routes=[
            *(
                Route(
                    route.replace("_id}", "_id:int}"),
                    _endpoint(EsiRoute(demo, route, answer)),
                    methods=methods[route],
                )
                for route, answer in _ANSWERS.items()
            ),
            Route(METADATA_ROUTE, sso.metadata),
            Route(KEYS_ROUTE, sso.keys),
            Route(TOKEN_ROUTE, sso.token, methods=["POST"]),
            *Control(demo).routes(),
        ]
    )
    # No password, for ESI has none; but no web page may change its world.
    return CallerCheck(app, hosts=["localhost"], origins=(), refusal=lambda no: PlainTextResponse(str(no), 403))


def _endpoint(route: EsiRoute):  # type: ignore[no-untyped-def]  # Starlette takes functions, not callable objects
    async def answer(request: Request) -> Response:
        return await route(request)

    return answer


class _QuietServer(uvicorn.Server):
    """Leaves signals to the calling process."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.listening = asyncio.Event()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self.listening.set()

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


def _listen(port: int) -> socket.socket:
    """A socket whose protocol is named: asyncio sends small answers at once only then (else 40 ms late)."""
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((HOST, port))
        listener.listen(256)
    except OSError:
        listener.close()
        raise
    return listener


@dataclass(frozen=True, slots=True)
class RunningDemo:
    """A demo server that answers."""

    base_url: str
    demo: Demo
    sso: DemoSso


@asynccontextmanager
async def demo_server(demo: Demo | None = None, port: int = 0) -> AsyncIterator[RunningDemo]:
    """Serve a demo world on loopback for a while; port 0 takes a free one.

    Raises:
        OSError: the port is taken.
    """
    demo = demo or Demo()
    sso = DemoSso(demo)
    with _listen(port) as listener:
        base_url = f"http://{HOST}:{listener.getsockname()[1]}"
        sso.issuer = base_url
        config = uvicorn.Config(
            create_app(demo, sso),
            date_header=False,
            log_level="critical",
            access_log=False,
            lifespan="off",
            timeout_graceful_shutdown=1,
        )
        server = _QuietServer(config)
        serving = asyncio.create_task(server.serve(sockets=[listener]))
        try:
            await server.listening.wait()
            yield RunningDemo(base_url, demo, sso)
        finally:
            server.should_exit = True
            await serving
