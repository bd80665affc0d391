"""Times every request by the template of its route."""

from __future__ import annotations

import time
from datetime import timedelta

from starlette.types import ASGIApp, Message, Receive, Scope, Send

_UNMATCHED = "(no route)"
_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})


class RequestMetrics:
    """The layer next to the routes: it sees which one answered."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """See ASGI."""
        container = getattr(scope["app"].state, "container", None) if scope["type"] == "http" else None
        if container is None:
            await self._app(scope, receive, send)
            return
        status = 500
        took: timedelta | None = None
        began = time.perf_counter()

        async def noted(message: Message) -> None:
            nonlocal status, took
            if message["type"] == "http.response.start":
                status = message["status"]
                if _is_stream(message):  # how long somebody watches is no time that an answer took
                    took = timedelta(seconds=time.perf_counter() - began)
            await send(message)

        try:
            await self._app(scope, receive, noted)
        finally:
            route = _template(scope)
            method = scope["method"] if scope["method"] in _METHODS else "OTHER"
            took = took or timedelta(seconds=time.perf_counter() - began)
            container.metrics.note_request(method, route, status, took)


def _is_stream(start: Message) -> bool:
    return any(name == b"content-type" and value.startswith(b"text/event-stream") for name, value in start["headers"])


def _template(scope: Scope) -> str:
    """The path with the names of its parameters in the place of their values."""
    if scope.get("route") is None:
        return _UNMATCHED
    names = {value: f"{{{name}}}" for name, value in scope.get("path_params", {}).items()}
    return "/".join(names.get(part, part) for part in scope["path"].split("/"))
