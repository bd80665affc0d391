"""The stack that runs on a home, seen from another terminal: its processes, its Prefect server, and its end."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import psutil

from falcon_scheduler.core.errors import SchedulerError
from falcon_scheduler.deployments.stack.home import Home
from falcon_scheduler.deployments.stack.process import PART_MARK, leftovers
from falcon_scheduler.deployments.stack.product import known_prefect_api

STOP_PATIENCE = timedelta(minutes=2)


@dataclass(frozen=True, slots=True)
class PartUsage:
    """The processes of one part."""

    part: str
    pid: int
    """Of the first one."""
    processes: int
    memory_bytes: int


def existing_home(path: Path) -> Home:
    """A home that a stack has used. Raises `SchedulerError`."""
    if not (path.expanduser() / "secrets").is_dir():
        raise SchedulerError(f"{path} is no home of a stack; name the one that `up` uses with --home")
    return Home(path)


class RunningStack:
    """One stack at work."""

    def __init__(self, home: Path) -> None:
        """Raises `SchedulerError`: no stack runs there."""
        self._home = existing_home(home)
        supervisor = self._home.holder()
        if supervisor is None:
            raise SchedulerError(f"No stack runs on {self._home.path}")
        self._supervisor = supervisor

    def prefect_environment(self) -> Mapping[str, str]:
        """Variables that lead the prefect command to the stack's own Prefect server.

        Raises:
            SchedulerError: the stack uses a Prefect server that was given to it.
        """
        known = known_prefect_api(self._home)
        if not known:
            raise SchedulerError(
                f"The Prefect server of {self._home.path} is one of yours: PREFECT_API_URL and "
                "PREFECT_API_AUTH_STRING are as you set them"
            )
        return known

    def parts(self) -> Iterator[PartUsage]:
        """What the parts use, the supervisor first."""
        parts = {"supervisor": [psutil.Process(self._supervisor)]}
        for process in leftovers(self._home.path):
            with suppress(psutil.Error):  # it has just ended
                name = "postgres" if process.name() == "postgres" else process.environ()[PART_MARK]
                children = process.children(recursive=True) if name == "postgres" else []
                parts.setdefault(name, []).extend([process, *children])
        for part, processes in parts.items():
            yield PartUsage(part, processes[0].pid, len(processes), sum(map(_memory_bytes, processes)))

    def stop(self) -> None:
        """Stop it as Ctrl-C in its terminal would, and wait until it has ended.

        Raises:
            SchedulerError: it has not ended within `STOP_PATIENCE`.
        """
        os.kill(self._supervisor, signal.SIGTERM)
        deadline = time.monotonic() + STOP_PATIENCE.total_seconds()
        while self._home.holder() is not None:
            if time.monotonic() > deadline:
                raise SchedulerError(
                    f"Process {self._supervisor} has not stopped yet; its logs are in {self._home.logs}"
                )
            time.sleep(0.1)


def _memory_bytes(process: psutil.Process) -> int:
    """Its own memory and its share of what it shares; nothing once it has ended."""
    try:
        memory = process.memory_full_info()
    except psutil.Error:
        return 0
    return int(getattr(memory, "pss", memory.uss))  # macOS does not report shares
