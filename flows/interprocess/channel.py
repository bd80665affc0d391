"""Lines of JSON between a worker and one run's process, over a socket pair.

The run's end blocks while it sends: a run that logs faster than its worker reads is slowed down, nothing is lost.
The worker's end is an ordinary asyncio stream. What the messages mean stands in `messages`.
"""

from __future__ import annotations

import asyncio
import json
import socket
import threading
from collections.abc import Iterator
from typing import Any

LONGEST_MESSAGE_BYTES = 32 * 1024 * 1024
"""Room for the largest flow run: Prefect bounds parameters at 512 KiB, results of flows are bounded by nothing."""

Message = dict[str, Any]


class RunChannel:
    """The end that a run's process holds. Any thread may send."""

    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection
        self._received = b""
        self._sending = threading.Lock()

    def fileno(self) -> int:
        """The descriptor to watch for messages to read."""
        return self._connection.fileno()

    def send(self, kind: str, **fields: Any) -> None:
        """Send one message. Without effect when the worker is gone: the run is about to be ended anyway."""
        line = json.dumps({"kind": kind, **fields}, default=str).encode() + b"\n"
        try:
            with self._sending:
                self._connection.sendall(line)
        except OSError:
            return

    def receive(self) -> Message:
        """Wait for one message.

        Raises:
            EOFError: the worker is gone.
        """
        while b"\n" not in self._received:
            data = self._connection.recv(65536)
            if not data:
                raise EOFError("the worker is gone")
            self._received += data
        return self._take()

    def waiting(self) -> Iterator[Message]:
        """The messages that have already arrived, without waiting for more."""
        try:
            while data := self._connection.recv(65536, socket.MSG_DONTWAIT):
                self._received += data
        except BlockingIOError:
            pass
        while b"\n" in self._received:
            yield self._take()

    def _take(self) -> Message:
        line, _, self._received = self._received.partition(b"\n")
        message: Message = json.loads(line)
        return message


class WorkerChannel:
    """The end that the worker holds."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer

    @classmethod
    async def open(cls, connection: socket.socket) -> WorkerChannel:
        """Take over one end of a socket pair."""
        connection.setblocking(False)
        return cls(*await asyncio.open_connection(sock=connection, limit=LONGEST_MESSAGE_BYTES))

    def send(self, kind: str, **fields: Any) -> None:
        """Send one message. Without effect when the run is gone."""
        if not self._writer.is_closing():
            self._writer.write(json.dumps({"kind": kind, **fields}, default=str).encode() + b"\n")

    async def messages(self) -> Any:
        """Every message until the run's process has closed its end."""
        while True:
            try:
                line = await self._reader.readline()
            except (ConnectionError, ValueError):
                return
            if not line.endswith(b"\n"):
                return
            yield json.loads(line)

    def close(self) -> None:
        """Let go of the descriptor."""
        self._writer.close()
