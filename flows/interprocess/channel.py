"""The channel between a worker and the process of one run: messages as lines of JSON over a socket pair.

The run's end blocks while it sends: a run that logs faster than its worker reads is slowed down, and no log is lost.
The worker's end is an asyncio stream.
"""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import AsyncIterator, Iterator

from falcon_scheduler.flows.interprocess.messages import (
    READ_BY_RUN,
    READ_FROM_RUN,
    FromRun,
    ToRun,
    encode,
)

LONGEST_MESSAGE_BYTES = 32 * 1024 * 1024
"""Enough for the largest flow run: Prefect bounds parameters at 512 KiB, but results of flows by nothing."""


class RunChannel:
    """The end in the process of a run. Any thread may send."""

    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection
        self._received = b""
        self._sending = threading.Lock()

    def fileno(self) -> int:
        """The descriptor to watch for messages to read."""
        return self._connection.fileno()

    def send(self, message: FromRun) -> None:
        """Send one message. Without effect when the worker is gone: the run is about to be ended anyway."""
        line = encode(message) + b"\n"
        try:
            with self._sending:
                self._connection.sendall(line)
        except OSError:
            return

    def receive(self) -> ToRun:
        """Wait for one message.

        Raises:
            EOFError: the worker is gone.
            DamagedMessage, ProtocolMismatch: see `messages.Reader.decode`.
        """
        while b"\n" not in self._received:
            data = self._connection.recv(65536)
            if not data:
                raise EOFError("the worker is gone")
            self._received += data
        return self._next()

    def received(self) -> Iterator[ToRun]:
        """The messages that have already arrived, without waiting for more."""
        try:
            while data := self._connection.recv(65536, socket.MSG_DONTWAIT):
                self._received += data
        except BlockingIOError:
            pass
        while b"\n" in self._received:
            yield self._next()

    def _next(self) -> ToRun:
        line, _, self._received = self._received.partition(b"\n")
        return READ_BY_RUN.decode(line)


class WorkerChannel:
    """The end in the worker."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer

    @classmethod
    async def open(cls, connection: socket.socket) -> WorkerChannel:
        """Take over one end of a socket pair."""
        connection.setblocking(False)
        return cls(*await asyncio.open_connection(sock=connection, limit=LONGEST_MESSAGE_BYTES))

    def send(self, message: ToRun) -> None:
        """Send one message. Without effect when the run is gone."""
        if not self._writer.is_closing():
            self._writer.write(encode(message) + b"\n")

    async def messages(self) -> AsyncIterator[FromRun]:
        """Every message until the process of the run has closed its end.

        Raises:
            DamagedMessage, ProtocolMismatch: see `messages.Reader.decode`.
        """
        while True:
            try:
                line = await self._reader.readline()
            except (ConnectionError, ValueError):
                return
            if not line.endswith(b"\n"):
                return
            yield READ_FROM_RUN.decode(line)

    def close(self) -> None:
        """Close the descriptor."""
        self._writer.close()
