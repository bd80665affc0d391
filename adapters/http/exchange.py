"""Records an exchange while it goes on, so that a timeout or an early end does not lose what was received."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from enum import StrEnum
from typing import Any

import httpx

from falcon_scheduler.adapters.http.body import BodyReader


class Phase(StrEnum):
    """The phase of an exchange."""

    DNS = "dns"
    """The host's name is being resolved."""
    CONNECT = "connect"
    TLS = "tls"
    SEND = "send"
    """The request is being sent."""
    HEAD = "head"
    """Status and headers of the answer are awaited."""
    BODY = "body"


# Source: httpcore 1.0, "Extensions": names of trace events, after the name of the part that sends them.
_BEGINS: Mapping[str, Phase] = {
    "connect_tcp.started": Phase.DNS,
    "start_tls.started": Phase.TLS,
    "send_request_headers.started": Phase.SEND,
    "receive_response_headers.started": Phase.HEAD,
    "receive_response_headers.complete": Phase.BODY,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Partial:
    """What was received before an exchange failed."""

    phase: Phase
    status_code: int | None
    headers: httpx.Headers = field(repr=False)
    content: bytes = field(repr=False)
    """As much of the body as came, unpacked."""
    received_bytes: int
    """Bytes of the body that came, packed as they were."""
    elapsed: timedelta
    redirects: int


class Exchange:
    """Follows one exchange, redirects included."""

    def __init__(self) -> None:
        self.began = time.monotonic()
        self.phase = Phase.DNS
        self.redirects = 0
        self.response: httpx.Response | None = None
        self.body = BodyReader()

    async def trace(self, event: str, info: Mapping[str, Any]) -> None:
        """Take a trace event of httpcore."""
        _, _, name = event.partition(".")
        self.phase = _BEGINS.get(name, self.phase)

    def resolved(self) -> None:
        """The name is resolved, and the connection begins."""
        self.phase = Phase.CONNECT

    def follow(self) -> None:
        """A redirect is followed."""
        self.redirects += 1
        self.response, self.phase = None, Phase.DNS

    @property
    def elapsed(self) -> timedelta:
        """Since the beginning."""
        return timedelta(seconds=time.monotonic() - self.began)

    def so_far(self) -> Partial:
        """What has been received by now."""
        return Partial(
            phase=self.phase,
            status_code=self.response.status_code if self.response is not None else None,
            headers=self.response.headers if self.response is not None else httpx.Headers(),
            content=bytes(self.body.content),
            received_bytes=self.body.received_bytes,
            elapsed=self.elapsed,
            redirects=self.redirects,
        )
