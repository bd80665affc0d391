"""A small HTTP server over raw sockets that misbehaves on request: what a task may meet in the world."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import gzip
import json
import ssl
import zlib
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from urllib.parse import parse_qsl, urlsplit


@dataclass
class Seen:
    """A request as the server got it."""

    method: str
    path: str
    query: dict[str, str]
    headers: dict[str, str]
    body: bytes


@dataclass
class WebServer:
    """Where it listens, and what it was asked."""

    port: int
    scheme: str
    seen: list[Seen] = field(default_factory=list)
    open_connections: int = 0
    bytes_sent: int = 0
    asked: asyncio.Event = field(default_factory=asyncio.Event)
    """Set by the first request."""

    def url(self, path: str, host: str = "127.0.0.1") -> str:
        return f"{self.scheme}://{host}:{self.port}{path}"


Handler = Callable[[Seen, "Out"], Awaitable[None]]


@dataclass
class Out:
    """The way back to the client."""

    writer: asyncio.StreamWriter
    server: WebServer
    reader: asyncio.StreamReader

    async def send(self, data: bytes) -> None:
        self.writer.write(data)
        await self.writer.drain()
        self.server.bytes_sent += len(data)

    async def answer(self, status: int, body: bytes = b"", *, reason: str = "Whatever", **headers: str) -> None:
        lines = [f"HTTP/1.1 {status} {reason}", f"Content-Length: {len(body)}", "Connection: close"]
        lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
        await self.send(("\r\n".join(lines) + "\r\n\r\n").encode("latin-1") + body)


async def _echo(seen: Seen, out: Out) -> None:
    body = {
        "method": seen.method,
        "path": seen.path,
        "query": seen.query,
        "headers": seen.headers,
        "body": seen.body.decode("utf-8", "replace"),
    }
    await out.answer(200, json.dumps(body).encode(), Content_Type="application/json")


async def _status(seen: Seen, out: Out) -> None:
    headers = {"Retry_After": seen.query["after"]} if "after" in seen.query else {}
    await out.answer(int(seen.path.rsplit("/", 1)[1]), b"a body", reason="Words of the server", **headers)


async def _body(seen: Seen, out: Out) -> None:
    """Gives back what the query says: `text` as `type`, `times` over, or `base64` bytes."""
    body = base64.b64decode(seen.query["base64"]) if "base64" in seen.query else seen.query["text"].encode()
    await out.answer(200, body * int(seen.query.get("times", "1")), Content_Type=seen.query.get("type", "text/plain"))


async def _redirect(seen: Seen, out: Out) -> None:
    await out.answer(int(seen.query.get("code", "302")), Location=seen.query["to"])


async def _redirect_forever(seen: Seen, out: Out) -> None:
    await out.answer(302, Location="/redirect-forever")


async def _silent(seen: Seen, out: Out) -> None:
    await out.reader.read()  # until the client goes


async def _after(seen: Seen, out: Out) -> None:
    """Answers after so many seconds."""
    await asyncio.sleep(float(seen.path.rsplit("/", 1)[1]))
    await out.answer(200, b"at last", Content_Type="text/plain")


async def _slow_head(seen: Seen, out: Out) -> None:
    await out.send(b"HTTP/1.1 200 OK\r\n")
    for number in range(100_000):
        await out.send(f"X-{number}: 1\r\n".encode())
        await asyncio.sleep(0.1)


async def _slow_body(seen: Seen, out: Out) -> None:
    await out.send(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n")
    for _ in range(100_000):
        await out.send(b".")
        await asyncio.sleep(0.1)


async def _endless_body(seen: Seen, out: Out) -> None:
    await out.send(b"HTTP/1.1 200 OK\r\n\r\n")
    while True:
        await out.send(b"endless " * 1024)


async def _endless_head(seen: Seen, out: Out) -> None:
    await out.send(b"HTTP/1.1 200 OK\r\nX: ")
    while True:
        await out.send(b"x" * 8192)


async def _endless_interim(seen: Seen, out: Out) -> None:
    while True:
        await out.send(b"HTTP/1.1 103 Early Hints\r\n\r\n")
        await asyncio.sleep(0)


async def _bomb(seen: Seen, out: Out) -> None:
    """A gigabyte of spaces in a megabyte of gzip, endlessly repeated."""
    squeezed = gzip.compress(b" " * 32 * 1024 * 1024)
    await out.send(b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\n\r\n")
    while True:
        await out.send(squeezed)


async def _packed(seen: Seen, out: Out) -> None:
    text = b"unpacked text"
    raw = zlib.compressobj(wbits=-15)
    packed = {
        "gzip": gzip.compress(text),
        "two-members": gzip.compress(text[:5]) + gzip.compress(text[5:]),
        "deflate": zlib.compress(text),
        "raw-deflate": raw.compress(text) + raw.flush(),
        "lying": b"not gzip at all",
        "cut": gzip.compress(text)[:-12],
        "unknown": b"\x0b\x05\x80unpacked text\x03",
    }[seen.path.rsplit("/", 1)[1]]
    await out.answer(200, packed, Content_Encoding=seen.query["as"])


async def _no_http(seen: Seen, out: Out) -> None:
    await out.send(b"SSH-2.0-OpenSSH_9.2\r\n")


async def _short(seen: Seen, out: Out) -> None:
    await out.send(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\nnot a thousand")


async def _bad_chunk(seen: Seen, out: Out) -> None:
    await out.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\nzz\r\n")


async def _hang_up(seen: Seen, out: Out) -> None:
    out.writer.transport.abort()


async def _charset(seen: Seen, out: Out) -> None:
    await out.answer(200, "Grüße €".encode("cp1252"), Content_Type=f"text/plain; charset={seen.query['is']}")


_HANDLERS: dict[str, Handler] = {
    "echo": _echo,
    "status": _status,
    "body": _body,
    "redirect": _redirect,
    "redirect-forever": _redirect_forever,
    "silent": _silent,
    "after": _after,
    "slow-head": _slow_head,
    "slow-body": _slow_body,
    "endless-body": _endless_body,
    "endless-head": _endless_head,
    "endless-interim": _endless_interim,
    "bomb": _bomb,
    "packed": _packed,
    "no-http": _no_http,
    "short": _short,
    "bad-chunk": _bad_chunk,
    "hang-up": _hang_up,
    "charset": _charset,
}


async def _read(reader: asyncio.StreamReader) -> Seen:
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
    first, *lines = head.rstrip("\r\n").split("\r\n")
    method, target, _ = first.split(" ", 2)
    headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
    body = await reader.readexactly(int(headers.get("content-length", "0")))
    parts = urlsplit(target)
    return Seen(method, parts.path, dict(parse_qsl(parts.query)), headers, body)


@asynccontextmanager
async def serving(tls: ssl.SSLContext | None = None, *, host: str = "127.0.0.1") -> AsyncIterator[WebServer]:
    """A server on a free port, closed with all its connections at the end."""
    tasks: set[asyncio.Task[None]] = set()

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        web.open_connections += 1
        try:
            with contextlib.suppress(OSError, asyncio.IncompleteReadError, ssl.SSLError):
                seen = await _read(reader)
                web.seen.append(seen)
                web.asked.set()
                await _HANDLERS[seen.path.split("/")[1]](seen, Out(writer, web, reader))
        finally:
            web.open_connections -= 1
            writer.close()

    def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.get_running_loop().create_task(talk(reader, writer))
        tasks.add(task)
        task.add_done_callback(tasks.discard)

    server = await asyncio.start_server(connected, host, 0, ssl=tls)
    web = WebServer(server.sockets[0].getsockname()[1], "https" if tls else "http")
    try:
        yield web
    finally:
        server.close()
        for task in list(tasks):
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
