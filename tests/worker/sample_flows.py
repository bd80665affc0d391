"""Small flows that the worker's tests and benchmarks run: each does one thing a worker has to cope with."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import time
from pathlib import Path

from prefect import flow, get_run_logger

from flows.worker import termination


@flow
async def nothing() -> None:
    """End at once."""


@flow
def nothing_sync() -> None:
    """End at once, without a loop."""


@flow
async def greet(name: str = "world") -> str:
    """Say hello in the log."""
    get_run_logger().info("hello %s", name)
    return f"hello {name}"


@flow
async def sleep(seconds: float = 60, note: str | None = None) -> None:
    """Wait; when interrupted, write down why."""
    try:
        await asyncio.sleep(seconds)
    except asyncio.CancelledError:
        if note:
            Path(note).write_text(str(termination.reason()))
        raise


@flow
def sleep_sync(seconds: float = 60) -> None:
    """Wait in a blocking call that signals interrupt."""
    time.sleep(seconds)


@flow
async def deaf(seconds: float = 60) -> None:
    """Wait, whatever anyone says."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        try:
            await asyncio.sleep(0.1)
        except asyncio.CancelledError:
            continue


@flow
async def blocked(seconds: float = 60) -> None:
    """Block the loop itself, so that nothing can be heard."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        time.sleep(0.1)  # noqa: ASYNC251 - blocking is the point


@flow
async def forking(note: str, seconds: float = 60) -> None:
    """Leave children behind: one in the group, one that left it."""
    child = subprocess.Popen(["sleep", "600"])
    daemon = subprocess.Popen(["sleep", "600"], start_new_session=True)
    Path(note).write_text(f"{os.getpid()} {child.pid} {daemon.pid}")
    await asyncio.sleep(seconds)


@flow
async def vanish(code: int = 3) -> None:
    """Leave without a word."""
    os._exit(code)


@flow
async def segfault() -> None:
    """Die as broken native code dies."""
    os.kill(os.getpid(), signal.SIGSEGV)
    await asyncio.sleep(5)


@flow
async def fail() -> None:
    """Fail as user code fails."""
    raise ValueError("as planned")


@flow
async def eat(megabytes: int = 2000) -> int:
    """Take more memory than is good."""
    return len(b"x" * (megabytes * 1024 * 1024))
