"""A server on the loopback that http tasks of a benchmark call, and that notes when each request arrived."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

_ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok"


@dataclass
class Target:
    """Where it listens, and what arrived."""

    port: int = 0
    arrived_at: dict[str, float] = field(default_factory=dict)
    """Seconds since the epoch of each execution's first request."""
    repeated: int = 0
    """Requests of executions that had made one before."""
    at_once: int = 0
    most_at_once: int = 0

    def url(self, wait_seconds: float = 0) -> str:
        """An address that answers after so many seconds."""
        return f"http://127.0.0.1:{self.port}/{wait_seconds:g}"

    async def answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer one request."""
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
        first, *lines = head.split("\r\n")
        headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
        execution_id = headers.get("x-scheduler-execution-id", "")
        self.repeated += execution_id in self.arrived_at
        self.arrived_at.setdefault(execution_id, time.time())
        self.at_once += 1
        self.most_at_once = max(self.at_once, self.most_at_once)
        try:
            await asyncio.sleep(float(first.split()[1].strip("/")))
            writer.write(_ANSWER)
            await writer.drain()
        finally:
            self.at_once -= 1
            writer.close()


@asynccontextmanager
async def target() -> AsyncIterator[Target]:
    """One that listens on a free port."""
    aim = Target()
    server = await asyncio.start_server(aim.answer, "127.0.0.1", 0, backlog=1024)
    async with server:
        aim.port = server.sockets[0].getsockname()[1]
        yield aim
