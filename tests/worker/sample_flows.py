"""Small flows that the worker's tests and benchmarks run: each does one thing a worker has to cope with."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import time
from pathlib import Path

from prefect import flow, get_run_logger, task
from prefect.runtime import flow_run

from falcon_scheduler.flows import runtime, termination


def _write(path: str, text: str) -> None:
    """Write at once: a reader sees all or nothing."""
    unfinished = Path(f"{path}.{os.getpid()}")
    unfinished.write_text(text)
    unfinished.rename(path)


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
            _write(note, str(termination.reason()))
        raise


@flow
def sleep_sync(seconds: float = 60) -> None:
    """Wait in a blocking call that signals interrupt."""
    time.sleep(seconds)


@flow
async def deaf(seconds: float = 60, note: str | None = None) -> None:
    """Wait, whatever anyone says."""
    if note:
        _write(note, str(os.getpid()))
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        try:
            await asyncio.sleep(0.1)
        except asyncio.CancelledError:
            continue


@flow
async def blocked(seconds: float = 60, note: str | None = None) -> None:
    """Block the loop itself, so that no signal is noticed."""
    if note:
        _write(note, str(os.getpid()))
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        time.sleep(0.1)  # noqa: ASYNC251 - blocking is the point


@flow
async def forking(note: str, seconds: float = 60) -> None:
    """Leave children behind: one in the group, one that left it."""
    child = await asyncio.create_subprocess_exec("sleep", "600")
    daemon = await asyncio.create_subprocess_exec("sleep", "600", start_new_session=True)
    _write(note, f"{os.getpid()} {child.pid} {daemon.pid}")
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


@flow
async def surroundings() -> None:
    """Say what a deployment's job variables came to."""
    get_run_logger().info("%s in %s", os.environ.get("COLOUR"), Path.cwd())


@flow
async def sign(note: str) -> None:
    """Sign a file with the run's id, so that a second time would show."""
    with open(note, "a") as signatures:  # noqa: ASYNC230 - a line, in a process of its own
        signatures.write(f"{flow_run.id}\n")


@task
async def double(number: int) -> int:
    """A step that Prefect shows by itself."""
    get_run_logger().info("doubling %d", number)
    return number * 2


@flow
async def stepwise() -> int:
    """Take steps: two tasks and a flow within the flow."""
    await greet("from within")
    return await double(await double(1))


@flow
def note_environment(note: str) -> None:
    """Write down every variable: those the process has now, and those it was started with."""
    _write(note, f"{dict(os.environ)}\n{Path('/proc/self/environ').read_text()}")


@flow
async def note_plugin(note: str) -> None:
    """Write down which plug-in a task's run would find, and who loaded it."""
    runtime.load_registry()
    plugin = sys.modules["falcon_plugins.changing"]
    loaded = "itself" if os.getpid() == plugin.LOADED_BY else "before the fork"
    _write(note, f"{plugin.VERSION}, {plugin.MODE}, loaded {loaded}")
