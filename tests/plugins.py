"""Functions that the tests run. They import nothing of ours, as a user's plug-in would not.

Each writes what it did to a file, so that a test can compare what really happened with the history.
"""

from __future__ import annotations

import asyncio
import logging
import os
import time
from pathlib import Path
from typing import Any


def _write(file: str, line: str) -> None:
    with Path(file).open("a") as out:
        out.write(f"{line}\n")


async def diary(file: str, seconds: float = 0.0, text: str = "") -> str:
    """Write start and end, with a pause between; say so when cancelled."""
    _write(file, f"start {os.getpid()} {text}".strip())
    try:
        await asyncio.sleep(seconds)
    except asyncio.CancelledError:
        _write(file, "cancelled")
        raise
    _write(file, "end")
    return f"waited {seconds:g} s"


async def in_line(file: str, text: str = "", dies: bool = False, seconds: float = 0.2) -> None:
    """Write which one it is, and end after a moment or die."""
    _write(file, text)
    await asyncio.sleep(seconds)
    if dies:
        os.kill(os.getpid(), 9)


def deaf(file: str, seconds: float) -> None:
    """Work in plain blocking code that notices no cancellation."""
    _write(file, f"start {os.getpid()}")
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        time.sleep(0.05)
    _write(file, "end")


def failing(file: str, succeed_at: int = 1000) -> str:
    """Fail until called for the given time."""
    _write(file, "attempt")
    attempts = len(Path(file).read_text().splitlines())
    if attempts < succeed_at:
        raise ValueError(f"attempt {attempts} went wrong")
    return f"succeeded at attempt {attempts}"


def dying(how: str) -> None:
    """End the process without a word."""
    if how == "exit":
        os._exit(3)
    os.kill(os.getpid(), 9)


async def counting(total: int) -> dict[str, Any]:
    """Return a value that is not text."""
    return {"counted": list(range(total))}


async def telling(context: Any, password: str, way: str) -> Any:
    """Reveal a secret in some way."""
    if way == "returned as data":
        return {"said": [password, {"twice": f"it is {password}!"}]}
    if way.startswith("raised"):
        try:
            raise LookupError(f"no use for {password}")
        except LookupError as error:
            if way == "raised":
                raise
            raise RuntimeError("something else") from error
    if way == "logged":
        context.log.warning("the secret is %s", password)
    elif way == "progress":
        await context.progress(1, 2, f"at {password}")
    elif way == "standard log":
        logging.getLogger("a plug-in").warning("the secret is %s", password)
    return f"told {password}" if way == "returned" else "told"


async def stamping(context: Any, file: str) -> str:
    """Write the scheduled instant that this run serves."""
    _write(file, context.scheduled_for.isoformat())
    return "stamped"


async def beside(context: Any, file: str, seconds: float = 0.0, fails: bool = False) -> str:
    """Like `diary`, in a process that it shares with other runs."""
    context.log.info("attempt %s writes its diary", context.attempt)
    if fails:
        raise ValueError("not this time")
    return await diary(file, seconds)


class Sharing:
    """An executor whose runs share a process."""

    isolation = "shared"

    async def execute(self, context: Any) -> str:
        return await beside(context, context.parameters["file"])


def odd(context: Any) -> dict[str, Any]:
    """Return, and log, what a store may refuse."""
    context.log.info("a line with \x00")
    return {
        "success": True,
        "output": "half \ud800 and \x00",
        "detail": {"huge": 2**70, "": "\x00", "$x": float("nan")},
    }


def register(registry: Any) -> None:
    """Called by the registry because `SCHEDULER_PLUGINS` names this module."""
    for function in (diary, in_line, deaf, failing, dying, counting, telling, stamping, odd):
        registry.register_function(function, module="tests")
    registry.register_function(beside, module="tests", isolation="shared")
    registry.register_executor("sharing", Sharing)
