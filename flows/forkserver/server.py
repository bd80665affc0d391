"""The preloaded process that every run is forked from.

    python -m falcon_scheduler.flows.forkserver.server DESCRIPTOR

It has one thread, imports what runs need once, forks on request, tells how each run ended, and sees to it that
nothing of a run outlives it. It never runs user code itself beyond importing it. When its worker is gone it kills
every run and says so to Prefect before it ends.

Messages, one JSON object each over a `SOCK_SEQPACKET` pair:

    worker -> {"do": "fork", "number", "run"} with a descriptor   {"do": "claimed", "pid"}
              {"do": "signal", "pid", "signal"}   {"do": "retire"}
    here   -> {"event": "forked", "number", "pid"}   {"event": "stale", "number"?}
              {"event": "exited", "pid", "status", "cpu_seconds", "max_rss_kib", "left_over"}
"""

from __future__ import annotations

import contextlib
import gc
import json
import os
import selectors
import signal
import socket
import sys
import time
from dataclasses import dataclass
from typing import Any

from falcon_scheduler.flows.forkserver import preload
from falcon_scheduler.flows.interprocess import process_control

_LONGEST_REQUEST_BYTES = 4096
_STALE_CHECK_SECONDS = 1.0
_DRAIN_CHECK_SECONDS = 0.01
_DRAIN_LIMIT_SECONDS = 5.0
"""How long the members of a killed group may take to go before the run is reported as ended all the same."""


@dataclass
class _Ended:
    """A run whose own process is gone and whose group may not be."""

    report: dict[str, Any]
    deadline: float


class ForkServer:
    """The single-threaded loop: requests in, forks and exits out."""

    def __init__(self, control: socket.socket) -> None:
        self._control = control
        self._runs: dict[int, str] = {}
        self._claimed: set[int] = set()
        self._ended: dict[int, _Ended] = {}
        self._retiring = False
        self._stale_said = False
        self._checked_at = time.monotonic()
        self._files = preload.LoadedFiles()
        self._selector = selectors.DefaultSelector()

    def serve(self) -> None:
        """Answer until the worker is gone, or until it retires this process and the last run has ended."""
        wakeup_read, wakeup_write = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        signal.set_wakeup_fd(wakeup_write, warn_on_full_buffer=False)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        self._selector.register(self._control, selectors.EVENT_READ)
        self._selector.register(wakeup_read, selectors.EVENT_READ)
        while not (self._retiring and not self._runs and not self._ended):
            for key, _ in self._selector.select(self._patience()):
                if key.fd == wakeup_read:
                    os.read(wakeup_read, 4096)
                elif not self._answer():
                    self._abandon()
                    return
            self._reap()
            self._report_ended()
            self._watch_files()

    def _patience(self) -> float | None:
        if self._ended:
            return _DRAIN_CHECK_SECONDS
        return None if self._stale_said else _STALE_CHECK_SECONDS

    def _answer(self) -> bool:
        """Do what one message asks for. False when the worker is gone."""
        try:
            data, descriptors, _, _ = socket.recv_fds(self._control, _LONGEST_REQUEST_BYTES, 1)
            for descriptor in descriptors:
                os.set_inheritable(descriptor, False)
        except ConnectionError:
            return False
        if not data:
            return False
        request = json.loads(data)
        if request["do"] == "fork":
            self._fork(request["number"], request["run"], descriptors[0])
        elif request["do"] == "claimed":
            self._claimed.add(request["pid"])
        elif request["do"] == "signal":
            self._signal(request["pid"], request["signal"])
        elif request["do"] == "retire":
            self._retiring = True
        return True

    def _fork(self, number: int, flow_run_id: str, descriptor: int) -> None:
        if self._files.changed():
            os.close(descriptor)
            self._tell(event="stale", number=number)
            return
        pid = os.fork()
        if pid == 0:
            self._become_run(descriptor)
        os.close(descriptor)
        self._runs[pid] = flow_run_id
        self._tell(event="forked", number=number, pid=pid)

    def _become_run(self, descriptor: int) -> None:
        signal.set_wakeup_fd(-1)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        self._selector.close()
        self._control.close()
        # Here, so that a broken run side is a failed run and not a dead server.
        from falcon_scheduler.flows.child import run_process

        run_process.main(descriptor)

    def _signal(self, pid: int, number: int) -> None:
        """Signal a run, or its whole group when it is to be killed. Only runs not reaped yet: no strangers."""
        if pid not in self._runs:
            return
        if number == signal.SIGKILL:
            process_control.kill_group(pid)
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, number)

    def _reap(self) -> None:
        while (found := self._next_exit()) is not None:
            if found in self._runs:
                process_control.kill_group(found)  # before reaping: until then the number cannot be another's
            _, status, usage = os.wait4(found, 0)
            if found in self._runs:
                del self._runs[found]
                self._claimed.discard(found)
                report = {
                    "event": "exited",
                    "pid": found,
                    "status": status,
                    "cpu_seconds": usage.ru_utime + usage.ru_stime,
                    "max_rss_kib": usage.ru_maxrss,
                }
                self._ended[found] = _Ended(report, time.monotonic() + _DRAIN_LIMIT_SECONDS)

    @staticmethod
    def _next_exit() -> int | None:
        try:
            exited = os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)
        except ChildProcessError:
            return None
        return exited.si_pid if exited else None

    def _report_ended(self) -> None:
        """Tell the worker of every run of which nothing is left. What left its group was adopted here: kill it."""
        if not self._ended:
            return
        for stray in process_control.children() - self._runs.keys():
            with contextlib.suppress(ProcessLookupError):
                os.kill(stray, signal.SIGKILL)
        self._reap_strays()
        for pid, ended in list(self._ended.items()):
            gone = process_control.group_is_gone(pid)
            if gone or time.monotonic() > ended.deadline:
                del self._ended[pid]
                self._tell(**ended.report, left_over=not gone)

    def _reap_strays(self) -> None:
        for stray in process_control.children() - self._runs.keys():
            with contextlib.suppress(ChildProcessError):
                os.waitpid(stray, os.WNOHANG)

    def _watch_files(self) -> None:
        now = time.monotonic()
        if self._stale_said or now - self._checked_at < _STALE_CHECK_SECONDS:
            return
        self._checked_at = now
        if self._files.changed():
            self._stale_said = True
            self._tell(event="stale")

    def _tell(self, **message: Any) -> None:
        with contextlib.suppress(OSError):
            self._control.send(json.dumps(message).encode())

    def _abandon(self) -> None:
        """The worker is gone without a word: leave nothing behind, and say what became of its runs."""
        orphaned = [self._runs[pid] for pid in self._claimed]
        for pid in self._runs:
            process_control.kill_group(pid)
        deadline = time.monotonic() + _DRAIN_LIMIT_SECONDS
        while (self._runs or self._ended) and time.monotonic() < deadline:
            self._reap()
            self._report_ended()
            time.sleep(_DRAIN_CHECK_SECONDS)
        if orphaned:
            from falcon_scheduler.flows.forkserver.orphan_reporter import report_orphaned

            report_orphaned(orphaned)


def main() -> None:
    """Import, freeze, announce readiness, serve."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)  # the worker decides; a terminal's Ctrl-C reaches it too
    control = socket.socket(fileno=int(sys.argv[1]))
    process_control.adopt_orphans()
    preload.load()
    from falcon_scheduler.flows.child import run_process

    run_process.prepare()
    gc.collect()
    gc.freeze()  # keeps the collector of a run from touching, and so copying, every inherited page
    server = ForkServer(control)
    control.send(json.dumps({"event": "ready", "pid": os.getpid()}).encode())
    server.serve()


if __name__ == "__main__":
    main()
