"""Gives every request an id, a line in the log, and an answer even when the code fails.

The id comes from the caller's X-Request-ID when that is safe to log. It is in the answer's header, in every problem
and on every log line of the request.
"""

from __future__ import annotations

import logging
import re
import time
import uuid
from collections.abc import Set
from contextvars import ContextVar
from http import HTTPStatus

from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from falcon_scheduler.api_facade.problems import internal_problem

HEADER = "X-Request-ID"
BROWSER_RULES = {
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
}
"""For every answer without its own policy: a browser must run nothing of it and show it in no frame."""

logger = logging.getLogger(__name__)

_FIT = re.compile(r"[A-Za-z0-9._:/=+-]{1,100}")
_present: ContextVar[str] = ContextVar("request_id", default="")


def request_id() -> str:
    """The id of the request that is being answered; empty outside of one."""
    return _present.get()


class RequestTracing:
    """The outermost layer of the app. Answers of 200 at `unlogged` paths leave no line in the log."""

    def __init__(self, app: ASGIApp, *, unlogged: Set[str] = frozenset()) -> None:
        self._app = app
        self._unlogged = unlogged

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """See ASGI."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        given = Headers(scope=scope).get(HEADER, "")
        own_id = given if _FIT.fullmatch(given) else uuid.uuid4().hex
        token = _present.set(own_id)
        answer = _Answer(send, own_id, has_body=scope["method"] != "HEAD")
        began = time.monotonic()
        try:
            await self._app(_read_as_get(scope), receive, answer.send)
        except ClientDisconnect:
            logger.info("The client went away")
        except Exception:
            logger.exception("The request failed")
            if not answer.status:
                await internal_problem(own_id)(scope, receive, answer.send)
        finally:
            took_ms = round((time.monotonic() - began) * 1000, 1)
            fields = {"method": scope["method"], "path": scope["path"], "status": answer.status, "took_ms": took_ms}
            if scope["path"] not in self._unlogged or answer.status != HTTPStatus.OK:
                logger.info("%(method)s %(path)s %(status)s", fields, extra={"fields": fields})
            _present.reset(token)


def _read_as_get(scope: Scope) -> Scope:
    """A HEAD is a GET whose body is kept back. Source: RFC 9110, section 9.3.2."""
    return {**scope, "method": "GET"} if scope["method"] == "HEAD" else scope


class _Answer:
    """Passes the answer on with its id, and remembers its status (0 before it began)."""

    def __init__(self, send: Send, own_id: str, *, has_body: bool) -> None:
        self._send = send
        self._own_id = own_id
        self._has_body = has_body
        self.status = 0

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
            headers = MutableHeaders(scope=message)
            headers[HEADER] = self._own_id
            for name, value in BROWSER_RULES.items():
                headers.setdefault(name, value)
            headers.setdefault("Cache-Control", "no-store")  # depends on the token: no cache may share it
        elif not self._has_body and message["type"] == "http.response.body":
            message = {**message, "body": b""}
        await self._send(message)
