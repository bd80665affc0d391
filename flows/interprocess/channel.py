"""The channel between a worker and the process of one run: messages as lines of JSON over a socket pair.

The run's end blocks while it sends: a run that logs faster than its worker reads is slowed down, and no log is lost.
The worker's end is an asyncio stream.
"""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import AsyncIterator, Iterator
from typing import Generic, Self, TypeVar

from falcon_scheduler.flows.interprocess.message_format import Message, Reader, encode
from falcon_scheduler.flows.interprocess.messages import READ_BY_LANE, READ_BY_RUN, FromLane, FromRun, ToLane, ToRun

LONGEST_MESSAGE_BYTES = 32 * 1024 * 1024
"""Enough for the largest flow run: Prefect bounds parameters at 512 KiB, but results of flows by nothing."""

Sent = TypeVar("Sent", bound=Message)
Received = TypeVar("Received", bound=Message)


class ChildChannel(Generic[Sent, Received]):
    """The end in a forked process. Any thread may send."""

    def __init__(self, connection: socket.socket, reader: Reader[Received]) -> None:
        self.is_cut = False
        """Whether the worker has closed its end, as far as `received` has seen."""
        self._connection = connection
        self._reader = reader
        self._received = b""
        self._sending = threading.Lock()

    def fileno(self) -> int:
        """The descriptor to watch for messages to read."""
        return self._connection.fileno()

    def send(self, message: Sent) -> None:
        """Send one message. Without effect when the worker is gone: the process is about to be ended anyway."""
        line = encode(message) + b"\n"
        try:
            with self._sending:
                self._connection.sendall(line)
        except OSError:
            return

    def receive(self) -> Received:
        """Wait for one message.

        Raises:
            EOFError: the worker is gone.
            DamagedMessage, ProtocolMismatch: see `message_format.Reader.decode`.
        """
        while b"\n" not in self._received:
            data = self._connection.recv(65536)
            if not data:
                raise EOFError("the worker is gone")
            self._received += data
        return self._next()

    def received(self) -> Iterator[Received]:
        """The messages that have already arrived, without waiting for more."""
        try:
            while data := self._connection.recv(65536, socket.MSG_DONTWAIT):
                self._received += data
            self.is_cut = True
        except BlockingIOError:
            pass
        while b"\n" in self._received:
            yield self._next()

    def _next(self) -> Received:
        line, _, self._received = self._received.partition(b"\n")
        return self._reader.decode(line)


class RunChannel(ChildChannel[FromRun, ToRun]):
    """The end in the process of a run."""

    def __init__(self, connection: socket.socket) -> None:
        super().__init__(connection, READ_BY_RUN)


class LaneChannel(ChildChannel[FromLane, ToLane]):
    """The end in a lane."""

    def __init__(self, connection: socket.socket) -> None:
        super().__init__(connection, READ_BY_LANE)


class WorkerChannel(Generic[Sent, Received]):
    """The end in the worker."""

    def __init__(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, messages: Reader[Received]
    ) -> None:
        self._reader = reader
        self._writer = writer
        self._messages = messages

    @classmethod
    async def open(cls, connection: socket.socket, messages: Reader[Received]) -> Self:
        """Take over one end of a socket pair, over which these messages are received."""
        connection.setblocking(False)
        reader, writer = await asyncio.open_connection(sock=connection, limit=LONGEST_MESSAGE_BYTES)
        return cls(reader, writer, messages)

    def send(self, message: Sent) -> None:
        """Send one message. Without effect when the forked process is gone."""
        if not self._writer.is_closing():
            self._writer.write(encode(message) + b"\n")

    async def messages(self) -> AsyncIterator[Received]:
        """Every message until the forked process has closed its end.

        Raises:
            DamagedMessage, ProtocolMismatch: see `message_format.Reader.decode`.
        """
        while True:
            try:
                line = await self._reader.readline()
            except (ConnectionError, ValueError):
                return
            if not line.endswith(b"\n"):
                return
            yield self._messages.decode(line)

    def close(self) -> None:
        """Close the descriptor."""
        self._writer.close()
