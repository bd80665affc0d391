"""A web server that takes alerts, and now and then does not."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import Any


@dataclass
class Taken:
    """A request as it came."""

    path: str
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


@dataclass
class Receiver:
    """Answers with the next of `answers`, or 204; `silent` never answers."""

    port: int
    taken: list[Taken] = field(default_factory=list)
    answers: list[int] = field(default_factory=list)
    silent: bool = False
    headers: dict[str, str] = field(default_factory=dict)

    def url(self, path: str = "/hook", scheme: str = "http") -> str:
        return f"{scheme}://127.0.0.1:{self.port}{path}"

    async def has_taken(self) -> bool:
        return bool(self.taken)

    def alerts_received(self) -> list[tuple[str, str]]:
        """Type and kind of what came, in order."""
        return [(each.json["type"], each.json["data"]["kind"]) for each in self.taken]


@asynccontextmanager
async def receiving() -> AsyncIterator[Receiver]:
    """A receiver on a free port."""
    open_ones: set[asyncio.StreamWriter] = set()

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        open_ones.add(writer)
        try:
            with suppress(OSError, asyncio.IncompleteReadError):
                receiver.taken.append(await _read(reader))
                if receiver.silent:
                    await reader.read()
                    return
                status = receiver.answers.pop(0) if receiver.answers else 204
                lines = [f"HTTP/1.1 {status} Whatever", "Content-Length: 0", "Connection: close"]
                lines += [f"{name}: {value}" for name, value in receiver.headers.items()]
                writer.write(("\r\n".join(lines) + "\r\n\r\n").encode())
                await writer.drain()
        finally:
            open_ones.discard(writer)
            writer.close()

    server = await asyncio.start_server(talk, "127.0.0.1", 0)
    receiver = Receiver(server.sockets[0].getsockname()[1])
    try:
        yield receiver
    finally:
        server.close()
        for writer in list(open_ones):
            writer.transport.abort()


async def _read(reader: asyncio.StreamReader) -> Taken:
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
    first, *lines = head.rstrip("\r\n").split("\r\n")
    headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
    body = await reader.readexactly(int(headers.get("content-length", "0")))
    return Taken(first.split(" ")[1], headers, body)
