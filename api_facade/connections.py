"""Bounds what a connection may cost: uvicorn's HTTP protocol with patience that ends, and room that is made.

    uvicorn --http falcon_scheduler.api_facade.connections:BoundedProtocol ...

uvicorn waits for ever for a head, for a body and for an answer to be read, and beyond its limit of connections it
refuses all clients, so a few hundred slow clients would shut out all others. Here each of these waits has a timeout,
and a connection beyond the bound replaces the one that has been idle for longest. The caller is the peer of the
connection; only `api_facade.addresses` reads the headers of proxies.
"""

from __future__ import annotations

import asyncio
import logging
import re
import time
from datetime import timedelta
from enum import Enum, auto
from typing import Any, ClassVar

import h11
from uvicorn.middleware.proxy_headers import ProxyHeadersMiddleware
from uvicorn.protocols.http.h11_impl import H11Protocol

logger = logging.getLogger(__name__)

MOST_CONNECTIONS = 400
"""Open at once in one process. Below uvicorn's `--limit-concurrency`, beyond which it answers 503 to everybody."""
HEAD_PATIENCE = timedelta(seconds=10)
"""For the head of a request, from the connection or the last answer on; so it bounds idle connections too."""
BODY_PATIENCE = timedelta(seconds=13)
"""For the whole body; the app itself answers 408 earlier when it wants to read it."""
READING_PATIENCE = timedelta(seconds=15)
"""For the client to take the next `READ_AT_LEAST` bytes of an answer that the network has no room for."""
READ_AT_LEAST = 64 * 1024
HEAD_BYTES = 16 * 1024
HEAD_LINES = 128
"""Of one request. h11 bounds a head only if it arrives in pieces; it parses a head in one piece without a bound."""
LOOK_INTERVAL = timedelta(seconds=1)
TOLD_EVERY = timedelta(seconds=10)


class Phase(Enum):
    """What we wait for."""

    HEAD = auto()
    BODY = auto()
    WORK = auto()
    """For the app: nothing that the client could hurry."""
    READING = auto()
    """For the client to read its answer."""


_PATIENCE = {Phase.HEAD: HEAD_PATIENCE, Phase.BODY: BODY_PATIENCE, Phase.READING: READING_PATIENCE}


class HeadBounds:
    """Counts the bytes and lines of one request's head as they come."""

    _END = re.compile(rb"\n\r?\n")

    def __init__(self) -> None:
        self._bytes = self._lines = 0
        self._last = b""

    def take(self, data: bytes) -> bool:
        """Whether the head still fits with these bytes; what comes after its end is not counted."""
        known = len(self._last)
        seen = self._last + data
        end = self._END.search(seen)
        head = seen[known : end.end() if end else None]
        self._bytes += len(head)
        self._lines += head.count(b"\n")
        self._last = seen[-3:]
        fits = self._bytes <= HEAD_BYTES and self._lines <= HEAD_LINES
        if end:
            self._bytes, self._lines, self._last = 0, 0, b""
        return fits


class BoundedProtocol(H11Protocol):
    """One connection. It checks its own timeouts every second."""

    _crowded_out: ClassVar[int] = 0
    _told_at: ClassVar[float] = float("-inf")

    def __init__(self, *args: Any, **named: Any) -> None:
        super().__init__(*args, **named)
        if isinstance(self.app, ProxyHeadersMiddleware):  # it believes X-Forwarded-For of everybody on this machine
            self.app = self.app.app
        self._head = HeadBounds()
        self._look_handle: asyncio.TimerHandle | None = None
        self._unread_bytes = 0
        """How much of an answer the client had still to read when it last read `READ_AT_LEAST`."""
        self._subject = self._present_subject()
        self._since = time.monotonic()

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override] # as uvicorn's own
        """See asyncio."""
        super().connection_made(transport)
        self._look_later()
        if len(self.connections) > MOST_CONNECTIONS:
            self._make_room()

    def data_received(self, data: bytes) -> None:
        """See asyncio."""
        if self.conn.their_state is not h11.IDLE:
            self._head = HeadBounds()
        elif not self._head.take(data):
            self._refuse_head()
            return
        super().data_received(data)

    def on_response_complete(self) -> None:
        """See uvicorn. A request that was sent ahead of the answer is parsed now, so it is checked first."""
        self._head = HeadBounds()
        if self.conn.their_state is h11.DONE and not self._head.take(self.conn.trailing_data[0]):
            self.transport.close()
            return
        super().on_response_complete()

    def shutdown(self) -> None:
        """See uvicorn. It waits for answers to end; a stream, which would not, is asked to."""
        super().shutdown()
        at_shutdown = self.scope["state"].get("at_shutdown") if self.scope else None
        if at_shutdown is not None:
            at_shutdown()

    def _refuse_head(self) -> None:
        if self.conn.our_state is h11.IDLE:
            self.send_400_response("The head of the request is too large")
        else:
            self.transport.close()

    def connection_lost(self, exc: Exception | None) -> None:
        """See asyncio."""
        if self._look_handle is not None:
            self._look_handle.cancel()
        super().connection_lost(exc)

    @property
    def phase(self) -> Phase:
        """What is waited for now."""
        if self._unread_bytes:
            return Phase.READING
        if self.conn.their_state is h11.SEND_BODY:
            return Phase.BODY
        if self.conn.our_state is h11.SEND_RESPONSE or self.conn.our_state is h11.SEND_BODY:
            return Phase.WORK
        return Phase.HEAD

    @property
    def waited_seconds(self) -> float:
        """How long the client has kept us waiting; 0 while it does not, or not for long."""
        if self.phase is Phase.WORK or self._subject != self._present_subject():
            return 0
        return time.monotonic() - self._since

    def _present_subject(self) -> object:
        """What the present wait is about."""
        return self.phase, self.cycle, self._unread_bytes

    def _look_later(self) -> None:
        self._look_handle = self.loop.call_later(LOOK_INTERVAL.total_seconds(), self._look)

    def _look(self) -> None:
        unread = self.transport.get_write_buffer_size()
        if not self._unread_bytes - READ_AT_LEAST < unread <= self._unread_bytes or unread == 0:
            self._unread_bytes = unread
        if self._subject != self._present_subject():
            self._subject, self._since = self._present_subject(), time.monotonic()
        patience = _PATIENCE.get(self.phase)
        if patience is not None and self.waited_seconds > patience.total_seconds():
            logger.debug("A client was too slow: %s", self.phase)
            self.transport.abort()
        else:
            self._look_later()

    def _make_room(self) -> None:
        """Close the connection that has kept us waiting for longest; this one, when all others are at work."""
        bounded = (each for each in self.connections if isinstance(each, BoundedProtocol))
        waiting = [each for each in bounded if each.phase is not Phase.WORK]
        longest = max(waiting, key=lambda each: each.waited_seconds, default=self)
        self.connections.discard(longest)  # it counts no more, though its end comes with the loop's next turn
        longest.transport.abort()
        self._tell_of_crowd()

    @classmethod
    def _tell_of_crowd(cls) -> None:
        BoundedProtocol._crowded_out += 1
        now = time.monotonic()
        if now - cls._told_at > TOLD_EVERY.total_seconds():
            logger.warning(
                "More than %d connections; %d that kept us waiting were closed", MOST_CONNECTIONS, cls._crowded_out
            )
            BoundedProtocol._told_at, BoundedProtocol._crowded_out = now, 0
