"""A child process of the stack: started in its own session, its output in a log file, ended reliably.

Every child has two marks in its environment, the stack's home and its part's name. All processes that it starts
inherit them, so the processes of a stack can be found and ended even when their parents are gone.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

import psutil

HOME_MARK = "FALCON_STACK_HOME"
PART_MARK = "FALCON_STACK_PART"

_LARGEST_LOG_BYTES = 10 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Command:
    """What to run and how to end it. `environment` comes on top of the supervisor's own, None removes a variable."""

    argv: tuple[str, ...]
    environment: Mapping[str, str | None] = field(default_factory=dict)
    cwd: Path | None = None
    stop_signal: signal.Signals = signal.SIGTERM
    stop_grace: timedelta = timedelta(seconds=10)


async def spawn(command: Command, home: Path, part: str, log: Path) -> asyncio.subprocess.Process:
    """Start a child in its own session, so that a Ctrl-C for the supervisor does not reach it."""
    environment = {**os.environ, **command.environment, HOME_MARK: str(home), PART_MARK: part}
    descriptor = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    try:
        return await asyncio.create_subprocess_exec(
            *command.argv,
            env={name: value for name, value in environment.items() if value is not None},
            cwd=command.cwd,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=descriptor,
            stderr=descriptor,
            start_new_session=True,
            umask=0o077,
        )
    finally:
        os.close(descriptor)


async def stop(process: asyncio.subprocess.Process, command: Command, home: Path, part: str) -> None:
    """Ask the child to end, wait for its grace period, then kill it and all other processes of its part."""
    if process.returncode is None:
        with contextlib.suppress(ProcessLookupError):
            process.send_signal(command.stop_signal)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(command.stop_grace.total_seconds()):
                await process.wait()
    await asyncio.to_thread(end_leftovers, home, part)
    await process.wait()


def leftovers(home: Path, part: str | None = None) -> list[psutil.Process]:
    """Every live process that a stack on this home started, except the calling one."""
    found = []
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error):
            if process.pid != os.getpid() and _belongs(process, home, part):
                found.append(process)
    return found


def _belongs(process: psutil.Process, home: Path, part: str | None) -> bool:
    if process.name() == "postgres":  # under root it runs as another user; even root may not read its environment
        folder = f"{home}/postgres/"
        return part in (None, "postgres") and any(folder in argument for argument in process.cmdline())
    marks = process.environ()
    return marks.get(HOME_MARK) == str(home) and part in (None, marks.get(PART_MARK))


def end_leftovers(home: Path, part: str | None = None, grace: timedelta = timedelta(seconds=2)) -> int:
    """Terminate, then kill, what is left of a stack or of one part of it. Returns how many processes there were.

    Repeats until none is found, because a dying process may just have started another.
    """
    ended = 0
    deadline = time.monotonic() + 30
    while (alive := leftovers(home, part)) and time.monotonic() < deadline:
        ended += len(alive)
        _signal(alive, signal.SIGTERM)
        _, stubborn = psutil.wait_procs(alive, timeout=grace.total_seconds())
        _signal(stubborn, signal.SIGKILL)
        psutil.wait_procs(stubborn, timeout=5)
    return ended


def _signal(processes: Iterable[psutil.Process], number: signal.Signals) -> None:
    for process in processes:
        with contextlib.suppress(psutil.Error):
            process.send_signal(number)


def trim_log(log: Path) -> None:
    """Move a log that has grown large to `<name>.1` and start an empty one.

    The file is copied, then truncated: the child keeps its descriptor and appends, so its next line is the first one.
    """
    if log.exists() and log.stat().st_size > _LARGEST_LOG_BYTES:
        older = log.with_suffix(log.suffix + ".1")
        older.unlink(missing_ok=True)
        descriptor = os.open(older, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "wb") as copy:
            copy.write(log.read_bytes()[-_LARGEST_LOG_BYTES:])
        os.truncate(log, 0)


def tail(log: Path, lines: int = 15) -> str:
    """The last lines of a log, for the person who looks for the cause of a failure."""
    if not log.exists():
        return ""
    with log.open("rb") as file:
        file.seek(max(0, log.stat().st_size - 16_384))
        text = file.read().decode(errors="replace")
    return "\n".join(text.splitlines()[-lines:])
