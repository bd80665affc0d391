"""Routes outside of the API's base: an index for requests without a path, and probes for monitoring.

`/healthz` and `/readyz` are at the root for every `API_PREFIX`, as `/metrics` is: the machine that runs the process
calls them, not clients behind a proxy. They need no token, have no rate limit and, when healthy, write no log line.
"""

from __future__ import annotations

from fastapi import APIRouter, Request
from starlette.responses import JSONResponse, RedirectResponse, Response

from falcon_scheduler import __version__

HEALTH_PATH, READINESS_PATH = "/healthz", "/readyz"
UNLOGGED = frozenset({HEALTH_PATH, READINESS_PATH})
"""Paths that are called every few seconds; only their failures are logged."""


def root_router(prefix: str, base: str) -> APIRouter:
    """The routes, for an API at `base`, which begins with `prefix`."""
    router = APIRouter()
    index = {
        "name": "Falcon Scheduler",
        "version": __version__,
        "ui": f"{base}/ui/",
        "docs": f"{base}/docs",
        "openapi": f"{base}/openapi.json",
        "status": f"{base}/status",
        "health": HEALTH_PATH,
        "readiness": READINESS_PATH,
    }

    async def show_index(request: Request) -> Response:
        """Redirect a browser to the operations page; return the addresses to other clients."""
        if "text/html" in request.headers.get("accept", ""):
            return RedirectResponse(f"{base}/ui/")  # a path alone: the caller's Host header is not repeated
        return JSONResponse(index)

    for path in dict.fromkeys(("/", *([prefix, f"{prefix}/"] if prefix else []), base, f"{base}/")):
        router.add_api_route(path, show_index, methods=["GET"], include_in_schema=False, name=f"index of {path}")

    @router.get(HEALTH_PATH, include_in_schema=False)
    async def healthz() -> JSONResponse:
        """The process answers. No server is checked: a restart of this process would not repair a server."""
        return JSONResponse({"status": "alive"})

    @router.get(READINESS_PATH, include_in_schema=False)
    async def readyz(request: Request) -> JSONResponse:
        """Whether MongoDB and Prefect answer; 503 when one does not, so that load balancers send no requests here."""
        away = await request.app.state.container.status.away()
        body = {"status": "ready"} if not away else {"status": "not ready", "not_answering": away}
        return JSONResponse(body, status_code=503 if away else 200)

    return router
