"""What stands outside of the API's base: an index for who comes without a path, and probes for who watches us.

`/healthz` and `/readyz` stand at the root whatever `API_PREFIX` is, as `/metrics` does: they are for the machine that
runs the process, not for clients behind a proxy. They ask for no token, are not limited and, when all is well, leave
no line in the log.
"""

from __future__ import annotations

from importlib.metadata import version

from fastapi import APIRouter, Request
from starlette.responses import JSONResponse, RedirectResponse, Response

HEALTH_PATH, READINESS_PATH = "/healthz", "/readyz"
UNLOGGED = frozenset({HEALTH_PATH, READINESS_PATH})
"""Paths that are asked every few seconds; only their failures are logged."""


def root_router(prefix: str, base: str) -> APIRouter:
    """The routes, for an API at `base`, which begins with `prefix`."""
    router = APIRouter()
    index = {
        "name": "Falcon Scheduler",
        "version": version("falcon-scheduler"),
        "docs": f"{base}/docs",
        "openapi": f"{base}/openapi.json",
        "status": f"{base}/status",
        "health": HEALTH_PATH,
        "readiness": READINESS_PATH,
    }

    async def show_index(request: Request) -> Response:
        """A browser is led to the documentation, everybody else is told where things are."""
        if "text/html" in request.headers.get("accept", ""):
            return RedirectResponse(f"{base}/docs")  # a path alone: the caller's Host header is not repeated
        return JSONResponse(index)

    for path in dict.fromkeys(("/", *([prefix, f"{prefix}/"] if prefix else []), base, f"{base}/")):
        router.add_api_route(path, show_index, methods=["GET"], include_in_schema=False, name=f"index of {path}")

    @router.get(HEALTH_PATH, include_in_schema=False)
    async def healthz() -> JSONResponse:
        """The process answers. Nothing else is asked: a restart of ours would mend nothing elsewhere."""
        return JSONResponse({"status": "alive"})

    @router.get(READINESS_PATH, include_in_schema=False)
    async def readyz(request: Request) -> JSONResponse:
        """Whether MongoDB and Prefect answer; 503 when one does not, so that no requests are sent here."""
        away = await request.app.state.container.status.away()
        body = {"status": "ready"} if not away else {"status": "not ready", "not_answering": away}
        return JSONResponse(body, status_code=503 if away else 200)

    return router
