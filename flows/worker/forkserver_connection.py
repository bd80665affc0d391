"""The worker's connection to one preloaded process: starts it, asks it to fork, follows what it reports.

The messages are those of `flows.interprocess.messages`. Knows nothing of Prefect.
"""

from __future__ import annotations

import asyncio
import contextlib
import signal
import socket
import sys
from collections.abc import Mapping

from falcon_scheduler.flows.interprocess import process_control
from falcon_scheduler.flows.interprocess.channel import WorkerChannel
from falcon_scheduler.flows.interprocess.messages import (
    READ_BY_WORKER,
    DamagedMessage,
    Exited,
    Forked,
    ForkRun,
    OutOfDate,
    ProtocolMismatch,
    Ready,
    Retire,
    ToForkserver,
    ToWorker,
    encode,
)
from falcon_scheduler.flows.worker.forked_process import ForkedProcess, ProcessEnd

_LONGEST_EVENT_BYTES = 4096


class LaunchError(Exception):
    """The preloaded process could not be started, or ended while it was needed."""


class UpgradedInPlace(LaunchError):
    """The preloaded process runs another version of the package than this worker, which has to be restarted."""


class ForkserverConnection:
    """One preloaded process and the processes that it has forked."""

    def __init__(self, process: asyncio.subprocess.Process, control: socket.socket) -> None:
        self.processes: dict[int, ForkedProcess] = {}
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
            raise
        return connection

    async def fork_run(self, flow_run_id: str) -> ForkedProcess | None:
        """A new process for a run, or `None` when a loaded file has changed on disk.

        Raises:
            LaunchError: the preloaded process is gone.
        """
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)
        self._number += 1
        answer: asyncio.Future[int | None] = self._loop.create_future()
        self._forks[self._number] = answer
        with theirs:
            request = encode(ForkRun(self._number, flow_run_id))
            try:
                socket.send_fds(self._control, [request], [theirs.fileno()])
            except OSError as error:
                ours.close()
                raise LaunchError("the preloaded process is gone") from error
        try:
            pid = await answer
        except BaseException:
            ours.close()
            raise
        if pid is None:
            ours.close()
            return None
        forked = ForkedProcess(pid, await WorkerChannel.open(ours), self._request)
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
        self._control.close()

    async def wait(self) -> int:
        """Wait until it has exited."""
        return await self._process.wait()

    def _request(self, request: ToForkserver) -> None:
        with contextlib.suppress(OSError):
            self._control.send(encode(request))

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
