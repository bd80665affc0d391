"""The worker's connection to one preloaded process: starts it, asks it to fork, follows what it reports.

The messages are those of `flows.interprocess.messages`. Knows nothing of Prefect.
"""

from __future__ import annotations

import asyncio
import contextlib
import signal
import socket
import sys
from collections import deque
from collections.abc import Callable, Mapping
from typing import Any

from falcon_scheduler.flows.interprocess import process_control
from falcon_scheduler.flows.interprocess.channel import Received, Sent, WorkerChannel
from falcon_scheduler.flows.interprocess.message_format import DamagedMessage, ProtocolMismatch, Reader, encode
from falcon_scheduler.flows.interprocess.messages import (
    READ_BY_WORKER,
    READ_FROM_LANE,
    READ_FROM_RUN,
    Exited,
    Forked,
    ForkLane,
    ForkRun,
    FromLane,
    FromRun,
    OutOfDate,
    Ready,
    Retire,
    ToForkserver,
    ToLane,
    ToRun,
    ToWorker,
)
from falcon_scheduler.flows.worker.forked_process import ForkedProcess, ProcessEnd

_LONGEST_EVENT_BYTES = 4096

RunProcess = ForkedProcess[ToRun, FromRun]
LaneProcess = ForkedProcess[ToLane, FromLane]


class LaunchError(Exception):
    """The preloaded process could not be started, or ended while it was needed."""


class UpgradedInPlace(LaunchError):
    """The preloaded process runs another version of the package than this worker, which has to be restarted."""


class ForkserverConnection:
    """One preloaded process and the processes that it has forked."""

    def __init__(self, process: asyncio.subprocess.Process, control: socket.socket) -> None:
        self.processes: dict[int, ForkedProcess[Any, Any]] = {}
        """The forked processes that have not ended."""
        self.is_out_of_date = asyncio.Event()
        """Set when it forks nothing more: a loaded file has changed, or the process is gone."""
        self._process = process
        self._control = control
        self._loop = asyncio.get_running_loop()
        self._ready: asyncio.Future[None] = self._loop.create_future()
        self._forks: dict[int, asyncio.Future[int | None]] = {}
        self._number = 0
        self._early_ends: dict[int, ProcessEnd] = {}
        self._unsent: deque[tuple[bytes, socket.socket | None]] = deque()
        self._loop.add_reader(control.fileno(), self._receive)

    @classmethod
    async def launch(cls, environment: Mapping[str, str]) -> ForkserverConnection:
        """Start a preloaded process and wait until it can fork.

        Raises:
            LaunchError: it ends before.
            UpgradedInPlace: it runs another version of the package.
        """
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        ours.setblocking(False)
        with theirs:
            process = await asyncio.create_subprocess_exec(
                sys.executable,
                "-m",
                "falcon_scheduler.flows.forkserver",
                str(theirs.fileno()),
                pass_fds=[theirs.fileno()],
                env=dict(environment),
                start_new_session=True,
            )
        connection = cls(process, ours)
        try:
            await connection._ready
        except BaseException:
            connection.close()
            connection._kill()  # it has forked nothing yet, and would go on importing for seconds
            raise
        return connection

    async def fork_run(self) -> RunProcess | None:
        """A new process for a run, or `None` when a loaded file has changed on disk.

        Raises:
            LaunchError: the preloaded process is gone.
        """
        return await self._fork(ForkRun, READ_FROM_RUN, ForkedProcess[ToRun, FromRun])

    async def fork_lane(self) -> LaneProcess | None:
        """A new lane; see `fork_run`."""
        return await self._fork(ForkLane, READ_FROM_LANE, ForkedProcess[ToLane, FromLane])

    async def _fork(
        self,
        request: type[ForkRun] | type[ForkLane],
        messages: Reader[Received],
        kind: Callable[..., ForkedProcess[Sent, Received]],
    ) -> ForkedProcess[Sent, Received] | None:
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)
        self._number += 1
        answer: asyncio.Future[int | None] = self._loop.create_future()
        self._forks[self._number] = answer
        try:
            with theirs:
                self._send(encode(request(self._number)), theirs)
                pid = await answer
        except BaseException:
            ours.close()
            raise
        if pid is None:
            ours.close()
            return None
        forked = kind(pid, await WorkerChannel.open(ours, messages), self._request)
        if (end := self._early_ends.pop(pid, None)) is not None:
            forked.note_end(end)
        else:
            self.processes[pid] = forked
        return forked

    def retire(self) -> None:
        """Let it exit by itself after its last forked process."""
        self._request(Retire())

    def close(self) -> None:
        """Cut it off: it kills what is left of its runs and exits."""
        with contextlib.suppress(OSError, ValueError):
            self._loop.remove_reader(self._control.fileno())
            self._loop.remove_writer(self._control.fileno())
        self._control.close()

    def _kill(self) -> None:
        with contextlib.suppress(ProcessLookupError):
            self._process.kill()

    async def wait(self) -> int:
        """Wait until it has exited."""
        return await self._process.wait()

    def _request(self, request: ToForkserver) -> None:
        with contextlib.suppress(LaunchError):
            self._send(encode(request))

    def _send(self, data: bytes, passed: socket.socket | None = None) -> None:
        """Send in order, and what the kernel does not take at once as soon as it does.

        Raises:
            LaunchError: the preloaded process is gone.
        """
        if self._control.fileno() < 0:
            raise LaunchError("the preloaded process is gone")
        self._unsent.append((data, passed))
        if len(self._unsent) > 1:
            return
        try:
            self._send_waiting()
        except OSError as error:
            self._unsent.clear()
            raise LaunchError("the preloaded process is gone") from error
        if self._unsent:
            self._loop.add_writer(self._control.fileno(), self._send_later)

    def _send_waiting(self) -> None:
        with contextlib.suppress(BlockingIOError):
            while self._unsent:
                data, passed = self._unsent[0]
                if passed is None:
                    self._control.send(data)
                elif passed.fileno() >= 0:  # closed when nobody waits for the fork any more
                    socket.send_fds(self._control, [data], [passed.fileno()])
                self._unsent.popleft()

    def _send_later(self) -> None:
        try:
            self._send_waiting()
        except OSError:  # `_receive` learns of it too
            self._unsent.clear()
        if not self._unsent:
            self._loop.remove_writer(self._control.fileno())

    def _receive(self) -> None:
        while True:
            try:
                data = self._control.recv(_LONGEST_EVENT_BYTES)
            except BlockingIOError:
                return
            except OSError:
                data = b""
            if not data:
                self._lose(LaunchError("the preloaded process ended unexpectedly"))
                return
            try:
                self._follow(READ_BY_WORKER.decode(data))
            except ProtocolMismatch as error:
                self._lose(UpgradedInPlace(str(error)))
                return
            except DamagedMessage as error:
                self._lose(LaunchError(f"the preloaded process sent a damaged message: {error}"))
                return

    def _follow(self, message: ToWorker) -> None:
        match message:
            case Ready():
                self._ready.set_result(None)
            case Forked():
                self._answer(message.number, message.pid)
            case OutOfDate():
                self.is_out_of_date.set()
                if message.number is not None:
                    self._answer(message.number, None)
            case Exited():
                end = ProcessEnd(message.status, message.left_over)
                if (forked := self.processes.pop(message.pid, None)) is not None:
                    forked.note_end(end)
                else:
                    self._early_ends[message.pid] = end

    def _answer(self, number: int, pid: int | None) -> None:
        answer = self._forks.pop(number)
        if not answer.done():
            answer.set_result(pid)

    def _lose(self, error: LaunchError) -> None:
        """It is gone or cut off, and the kernel has killed the processes that it had forked."""
        self.close()
        self.is_out_of_date.set()
        if not self._ready.done():
            self._ready.set_exception(error)
        for answer in self._forks.values():
            if not answer.done():
                answer.set_exception(error)
        for forked in self.processes.values():
            process_control.kill_group(forked.pid)  # what it had started does not die with it
            forked.note_end(ProcessEnd(status=signal.SIGKILL, left_over=False))
        self.processes.clear()
