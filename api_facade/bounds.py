"""Bounds of a request's line: what is longer is refused before it is taken apart."""

from __future__ import annotations

from starlette.types import ASGIApp, Receive, Scope, Send

from falcon_scheduler.api_facade.problems import UriTooLong, problem_of
from falcon_scheduler.api_facade.tracing import request_id

PATH_BYTES = 2 * 1024
QUERY_BYTES = 8 * 1024
MOST_PARAMETERS = 100


class RequestBounds:
    """Refuses long paths and queries, and queries of very many parts."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """See ASGI."""
        if scope["type"] == "http" and not _fits(scope):
            await problem_of(UriTooLong(), request_id())(scope, receive, send)
            return
        await self._app(scope, receive, send)


def _fits(scope: Scope) -> bool:
    path, query = scope.get("raw_path") or scope["path"].encode(), scope["query_string"]
    return len(path) <= PATH_BYTES and len(query) <= QUERY_BYTES and query.count(b"&") < MOST_PARAMETERS
