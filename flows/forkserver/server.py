"""The loop of the preloaded process: requests in, forks and exits out.

It has one thread, forks on request, reports how each forked process ended, and ensures that no process of a run
outlives it. It executes no user code beyond importing it. When its worker is gone it kills every run and reports them
to Prefect before it exits. The messages are those of `flows.interprocess.messages`.
"""

from __future__ import annotations

import contextlib
import os
import selectors
import signal
import socket
import time
from collections import defaultdict
from dataclasses import dataclass
from typing import NoReturn

from falcon_scheduler.flows.forkserver.loaded_files import LoadedFiles
from falcon_scheduler.flows.interprocess import process_control
from falcon_scheduler.flows.interprocess.message_format import encode
from falcon_scheduler.flows.interprocess.messages import (
    READ_BY_FORKSERVER,
    Exited,
    Forked,
    ForkLane,
    ForkRun,
    OutOfDate,
    Retire,
    RunClaimed,
    RunSettled,
    SendSignal,
    ToWorker,
)

_LONGEST_REQUEST_BYTES = 4096
_FILES_CHECK_SECONDS = 1.0
_DRAIN_CHECK_SECONDS = 0.01
_DRAIN_LIMIT_SECONDS = 5.0
"""How long the members of a killed group may take to go before the run is reported as ended all the same."""


@dataclass(frozen=True, slots=True)
class _Ended:
    """A run whose own process is gone and whose group may not be."""

    status: int
    deadline: float


class ForkServer:
    """Forks runs for one worker."""

    def __init__(self, control: socket.socket) -> None:
        self._control = control
        self._forked: set[int] = set()
        self._claimed: defaultdict[int, set[str]] = defaultdict(set)
        self._ended: dict[int, _Ended] = {}
        self._retiring = False
        self._is_out_of_date = False
        self._checked_at = time.monotonic()
        self._files = LoadedFiles()
        self._selector = selectors.DefaultSelector()

    def serve(self) -> None:
        """Answer until the worker is gone, or until it retires this process and the last run has ended."""
        wakeup_read, wakeup_write = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        signal.set_wakeup_fd(wakeup_write, warn_on_full_buffer=False)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        self._selector.register(self._control, selectors.EVENT_READ)
        self._selector.register(wakeup_read, selectors.EVENT_READ)
        while not (self._retiring and not self._forked and not self._ended):
            for key, _ in self._selector.select(self._patience()):
                if key.fd == wakeup_read:
                    os.read(wakeup_read, 4096)
                elif not self._serve_request():
                    self._abandon()
                    return
            self._reap()
            self._report_ended()
            self._watch_files()

    def _patience(self) -> float | None:
        if self._ended:
            return _DRAIN_CHECK_SECONDS
        return None if self._is_out_of_date else _FILES_CHECK_SECONDS

    def _serve_request(self) -> bool:
        """Do what one request asks for. False when the worker is gone."""
        try:
            data, descriptors, _, _ = socket.recv_fds(self._control, _LONGEST_REQUEST_BYTES, 1)
            for descriptor in descriptors:
                os.set_inheritable(descriptor, False)
        except ConnectionError:
            return False
        if not data:
            return False
        request = READ_BY_FORKSERVER.decode(data)
        match request:
            case ForkRun() | ForkLane():
                self._fork(request, descriptors[0])
            case RunClaimed():
                if request.pid in self._forked:
                    self._claimed[request.pid].add(request.flow_run_id)
            case RunSettled():
                self._claimed.get(request.pid, set()).discard(request.flow_run_id)
            case SendSignal():
                self._signal(request.pid, request.signal)
            case Retire():
                self._retiring = True
        return True

    def _fork(self, request: ForkRun | ForkLane, descriptor: int) -> None:
        if self._files.changed():
            os.close(descriptor)
            self._send(OutOfDate(request.number))
            return
        pid = os.fork()
        if pid == 0:
            self._become(request, descriptor)
        os.close(descriptor)
        self._forked.add(pid)
        self._send(Forked(request.number, pid))

    def _become(self, request: ForkRun | ForkLane, descriptor: int) -> NoReturn:
        signal.set_wakeup_fd(-1)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        self._selector.close()
        self._control.close()
        # Imported here: a fault in it fails the run or the lane, and the server lives.
        if isinstance(request, ForkLane):
            from falcon_scheduler.flows.child import lane_process

            lane_process.main(descriptor)
        from falcon_scheduler.flows.child import run_process

        run_process.main(descriptor)

    def _signal(self, pid: int, number: int) -> None:
        """Signal a run, or its whole group when it is to be killed. Only runs not reaped yet: no strangers."""
        if pid not in self._forked:
            return
        if number == signal.SIGKILL:
            process_control.kill_group(pid)
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, number)

    def _reap(self) -> None:
        while (found := self._next_exit()) is not None:
            if found in self._forked:
                process_control.kill_group(found)  # before reaping: until then the number cannot be another's
            _, status = os.waitpid(found, 0)
            if found in self._forked:
                self._forked.discard(found)
                self._claimed.pop(found, None)
                self._ended[found] = _Ended(status, time.monotonic() + _DRAIN_LIMIT_SECONDS)

    @staticmethod
    def _next_exit() -> int | None:
        try:
            exited = os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)
        except ChildProcessError:
            return None
        return exited.si_pid if exited else None

    def _report_ended(self) -> None:
        """Report every run of which nothing is left. Processes that left its group were adopted here: kill them."""
        if not self._ended:
            return
        for stray in self._strays():
            with contextlib.suppress(ProcessLookupError):
                os.kill(stray, signal.SIGKILL)
        self._reap_strays()
        # The kernel ends a killed process some time later, and only then are its own children adopted here.
        strays_are_gone = not self._strays()
        for pid, ended in list(self._ended.items()):
            gone = strays_are_gone and process_control.group_is_gone(pid)
            if gone or time.monotonic() > ended.deadline:
                del self._ended[pid]
                self._send(Exited(pid, ended.status, left_over=not gone))

    def _reap_strays(self) -> None:
        for stray in self._strays():
            with contextlib.suppress(ChildProcessError):
                os.waitpid(stray, os.WNOHANG)

    def _strays(self) -> set[int]:
        return process_control.children() - self._forked

    def _watch_files(self) -> None:
        now = time.monotonic()
        if self._is_out_of_date or now - self._checked_at < _FILES_CHECK_SECONDS:
            return
        self._checked_at = now
        if self._files.changed():
            self._is_out_of_date = True
            self._send(OutOfDate(None))

    def _send(self, message: ToWorker) -> None:
        with contextlib.suppress(OSError):
            self._control.send(encode(message))

    def _abandon(self) -> None:
        """The worker is gone: kill its runs, and report those that it had claimed to Prefect."""
        orphaned = [flow_run_id for claimed in self._claimed.values() for flow_run_id in claimed]
        for pid in self._forked:
            process_control.kill_group(pid)
        deadline = time.monotonic() + _DRAIN_LIMIT_SECONDS
        while (self._forked or self._ended) and time.monotonic() < deadline:
            self._reap()
            self._report_ended()
            time.sleep(_DRAIN_CHECK_SECONDS)
        if orphaned:
            from falcon_scheduler.flows.forkserver.orphan_reporter import report_orphaned

            report_orphaned(orphaned)
