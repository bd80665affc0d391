"""Reads an answer's body up to a limit, unpacking it as it comes. Never holds more than the limit and one chunk."""

from __future__ import annotations

import zlib
from dataclasses import dataclass

import httpx

from falcon_scheduler.adapters.http.errors import AnswerBroken, EncodingUnknown

ACCEPTED_ENCODINGS = "gzip, deflate"
"""Encodings that we request: they can be unpacked in steps under a limit."""


@dataclass(frozen=True, slots=True)
class Body:
    """Unpacked bytes; `truncated` when there was more.

    `encoding` is set when they are still packed: the request itself asked for an encoding that we can't unpack.
    """

    content: bytes
    truncated: bool
    encoding: str = ""


class BodyReader:
    """Reads one body, and keeps what it has read when the reading is interrupted."""

    def __init__(self) -> None:
        self.content = bytearray()
        self.received_bytes = 0

    async def read(self, response: httpx.Response, limit_bytes: int, *, asked_for: str | None = None) -> Body:
        """Read at most `limit_bytes` of the body, then stop reading.

        `asked_for` is the request's own Accept-Encoding. If it is set, a body that we can't unpack is left as it is.

        Raises:
            EncodingUnknown, AnswerBroken: the body can't be unpacked.
        """
        encoding = response.headers.get("content-encoding", "")
        packed = "" if asked_for is None or _is_known(encoding) else encoding
        unpack = _Plain() if packed else _unpacker(encoding)
        content = self.content
        async for chunk in response.aiter_raw():
            self.received_bytes += len(chunk)
            content += unpack.feed(chunk, limit_bytes + 1 - len(content))
            if len(content) > limit_bytes:
                return Body(bytes(content[:limit_bytes]), truncated=True, encoding=packed)
        unpack.end()
        return Body(bytes(content), truncated=False, encoding=packed)


class _Plain:
    def feed(self, chunk: bytes, room: int) -> bytes:
        return chunk[:room]

    def end(self) -> None:
        """Nothing to check: HTTP itself detects a missing end."""


class _Inflating:
    """gzip and deflate. `room` bounds what one step may unpack, so a bomb costs no more than the limit."""

    _EITHER_HEADER = 32 + zlib.MAX_WBITS  # gzip or zlib, recognised by their first bytes. Source: zlib manual
    _NO_HEADER = -zlib.MAX_WBITS  # what some servers send as deflate

    def __init__(self) -> None:
        self._stream = zlib.decompressobj(self._EITHER_HEADER)
        self._begun = False

    def feed(self, chunk: bytes, room: int) -> bytes:
        out = bytearray()
        while chunk and len(out) < room:
            if self._stream.eof:  # a gzip file may have several members
                self._stream = zlib.decompressobj(self._EITHER_HEADER)
            out += self._inflate(chunk, room - len(out))
            chunk = self._stream.unused_data
        return bytes(out)

    def _inflate(self, chunk: bytes, room: int) -> bytes:
        try:
            unpacked = self._stream.decompress(chunk, room)
        except zlib.error as error:
            if self._begun:
                raise AnswerBroken("The answer's body is compressed wrongly") from error
            self._stream = zlib.decompressobj(self._NO_HEADER)
            try:
                unpacked = self._stream.decompress(chunk, room)
            except zlib.error:
                raise AnswerBroken("The answer's body is compressed wrongly") from error
        self._begun = True
        return unpacked

    def end(self) -> None:
        if self._begun and not self._stream.eof:
            raise AnswerBroken("The answer's compressed body ended early")


def _is_known(encoding: str) -> bool:
    names = _names(encoding)
    return not names or (len(names) == 1 and names[0] in {"gzip", "x-gzip", "deflate"})


def _names(encoding: str) -> list[str]:
    return [name.strip().lower() for name in encoding.split(",") if name.strip().lower() not in {"", "identity"}]


def _unpacker(encoding: str) -> _Plain | _Inflating:
    if _is_known(encoding):
        return _Inflating() if _names(encoding) else _Plain()
    raise EncodingUnknown(
        f"The answer's body is compressed in a way that was not asked for ({ACCEPTED_ENCODINGS} was)"
    )
