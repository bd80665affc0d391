"""The worker's hold on the preloaded process and on every run forked from it.

    launcher = Launcher(environment); await launcher.start()
    process = await launcher.fork(flow_run_id); process.send("work", ...); ended = await process.ended()

Keeps one preloaded process ready, replaces it when what it loaded has changed, and lets the replaced one live until
its last run has ended. Knows nothing of Prefect.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import signal
import socket
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from falcon_scheduler.flows.interprocess import process_control
from falcon_scheduler.flows.interprocess.channel import WorkerChannel

_LONGEST_EVENT_BYTES = 4096
_BETWEEN_RENEWALS_SECONDS = 15.0
_logger = logging.getLogger("falcon.worker.launcher")


class LaunchError(Exception):
    """The preloaded process could not be started, or ended while it was needed."""


@dataclass(frozen=True, slots=True)
class Ended:
    """How a run's process ended."""

    status: int
    """Wait status, as `os.waitpid` gives it."""
    cpu_seconds: float
    max_rss_kib: int
    left_over: bool
    """Whether something of its group would not go."""


class RunProcess:
    """One forked run, from the worker's side."""

    def __init__(self, pid: int, server: _Server, channel: WorkerChannel) -> None:
        self.pid = pid
        self.channel = channel
        self._server = server
        self._ended: asyncio.Future[Ended] = asyncio.get_running_loop().create_future()

    def signal(self, number: signal.Signals) -> None:
        """Send a signal; `SIGKILL` goes to the whole process group. Without effect once the run has ended."""
        self._server.tell(do="signal", pid=self.pid, signal=int(number))

    def note_claim(self) -> None:
        """The run is ours: should the worker die, the preloaded process tells Prefect what became of it."""
        self._server.tell(do="claimed", pid=self.pid)

    async def ended(self) -> Ended:
        """Wait until nothing of the run is left."""
        return await asyncio.shield(self._ended)

    @property
    def is_over(self) -> bool:
        """Whether nothing of the run is left."""
        return self._ended.done()

    def note_end(self, ended: Ended) -> None:
        """Called once, by the server that forked it."""
        if not self._ended.done():
            self._ended.set_result(ended)


class _Server:
    """One preloaded process."""

    def __init__(self, process: asyncio.subprocess.Process, control: socket.socket) -> None:
        self._process = process
        self._control = control
        self._loop = asyncio.get_running_loop()
        self._forks: dict[int, asyncio.Future[int | None]] = {}
        self._number = 0
        self.runs: dict[int, RunProcess] = {}
        self._early: dict[int, Ended] = {}
        self.ready: asyncio.Future[int] = self._loop.create_future()
        self.stale = asyncio.Event()
        self.retired = False
        self._loop.add_reader(control.fileno(), self._hear)

    @classmethod
    async def launch(cls, environment: Mapping[str, str]) -> _Server:
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        ours.setblocking(False)
        with theirs:
            process = await asyncio.create_subprocess_exec(
                sys.executable,
                "-m",
                "falcon_scheduler.flows.forkserver.server",
                str(theirs.fileno()),
                pass_fds=[theirs.fileno()],
                env=dict(environment),
                start_new_session=True,
            )
        server = cls(process, ours)
        try:
            await server.ready
        except BaseException:
            server.close()
            raise
        return server

    async def fork(self, flow_run_id: str) -> RunProcess | None:
        """Fork a run, or `None` when what is loaded is no longer what stands on disk."""
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)
        self._number += 1
        answer: asyncio.Future[int | None] = self._loop.create_future()
        self._forks[self._number] = answer
        with theirs:
            request = json.dumps({"do": "fork", "number": self._number, "run": flow_run_id}).encode()
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
        run = RunProcess(pid, self, await WorkerChannel.open(ours))
        if (ended := self._early.pop(pid, None)) is not None:
            run.note_end(ended)
        else:
            self.runs[pid] = run
        return run

    def tell(self, **request: Any) -> None:
        with contextlib.suppress(OSError):
            self._control.send(json.dumps(request).encode())

    def retire(self) -> None:
        """Let it end by itself with its last run."""
        self.retired = True
        self.tell(do="retire")

    def close(self) -> None:
        """Cut it off: it kills what is left of its runs and ends."""
        with contextlib.suppress(OSError, ValueError):
            self._loop.remove_reader(self._control.fileno())
        self._control.close()

    async def wait(self) -> int:
        return await self._process.wait()

    def _hear(self) -> None:
        while True:
            try:
                data = self._control.recv(_LONGEST_EVENT_BYTES)
            except BlockingIOError:
                return
            except OSError:
                data = b""
            if not data:
                self._lose()
                return
            self._take(json.loads(data))

    def _take(self, event: dict[str, Any]) -> None:
        if event["event"] == "ready":
            self.ready.set_result(event["pid"])
        elif event["event"] == "forked":
            self._answer(event["number"], event["pid"])
        elif event["event"] == "stale":
            self.stale.set()
            if "number" in event:
                self._answer(event["number"], None)
        elif event["event"] == "exited":
            ended = Ended(event["status"], event["cpu_seconds"], event["max_rss_kib"], event["left_over"])
            if (run := self.runs.pop(event["pid"], None)) is not None:
                run.note_end(ended)
            else:
                self._early[event["pid"]] = ended

    def _answer(self, number: int, pid: int | None) -> None:
        answer = self._forks.pop(number)
        if not answer.done():
            answer.set_result(pid)

    def _lose(self) -> None:
        """It is gone, and by its kernel's word so are the runs it had forked."""
        self.close()
        self.stale.set()
        gone = LaunchError("the preloaded process ended unexpectedly")
        if not self.ready.done():
            self.ready.set_exception(gone)
        for answer in self._forks.values():
            if not answer.done():
                answer.set_exception(gone)
        for run in self.runs.values():
            process_control.kill_group(run.pid)  # what it had started does not die with it
            run.note_end(Ended(status=signal.SIGKILL, cpu_seconds=0.0, max_rss_kib=0, left_over=False))
        self.runs.clear()


class Launcher:
    """Forks runs from a preloaded process that is never out of date."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        self._environment = dict(environment)
        self._current: _Server | None = None
        self._former: list[_Server] = []
        self._renewing = asyncio.Lock()
        self._watch: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Start the preloaded process and keep it up to date.

        Raises:
            LaunchError: it does not start.
        """
        self._current = await _Server.launch(self._environment)
        self._watch = asyncio.create_task(self._renew_when_stale())

    async def fork(self, flow_run_id: str) -> RunProcess:
        """A new process for this run, waiting for its work.

        Raises:
            LaunchError: the preloaded process cannot be started, as when its interpreter is gone.
        """
        for _ in range(5):
            server = self._current
            if server is None:
                raise LaunchError("not started")
            try:
                if (run := await server.fork(flow_run_id)) is not None:
                    return run
            except LaunchError:
                _logger.warning("The preloaded process ended unexpectedly; starting another")
            await self.renew(server)
        raise LaunchError("what runs are preloaded with does not stop changing")

    async def renew(self, outdated: _Server | None = None) -> None:
        """Start anew with what stands on disk now. Runs under way go on as they were."""
        async with self._renewing:
            if self._current is None or (outdated is not None and outdated is not self._current):
                return
            former, self._current = self._current, await _Server.launch(self._environment)
            former.retire()
            self._former = [server for server in self._former if server.runs] + [former]

    async def close(self) -> None:
        """End every preloaded process and whatever of their runs is left."""
        if self._watch is not None:
            self._watch.cancel()
        servers = [server for server in (self._current, *self._former) if server is not None]
        self._current = None
        for server in servers:
            server.close()
        for server in servers:
            await server.wait()

    async def _renew_when_stale(self) -> None:
        """Renew ahead of the next run, but not with every file that somebody saves: a run renews at once anyway."""
        while (server := self._current) is not None:
            await server.stale.wait()
            await asyncio.sleep(_BETWEEN_RENEWALS_SECONDS)
            try:
                await self.renew(server)
            except LaunchError as error:
                _logger.warning("Could not renew the preloaded process: %s", error)
