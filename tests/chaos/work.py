"""The work that the chaos run's tasks do. Imports nothing of ours, as a user's plug-in would not.

Every run writes a line when it starts, several while it works and one when it ends, to a file of its task: what
really happened, reported by the work itself.
"""

from __future__ import annotations

import asyncio
import json
import os
import time
from pathlib import Path
from typing import Any

BEAT_SECONDS = 0.25


def _tell(file: str, event: str) -> None:
    line = {"at": time.time(), "run": os.environ.get("PREFECT__FLOW_RUN_ID", ""), "event": event, "pid": os.getpid()}
    with Path(file).open("a") as out:
        out.write(json.dumps(line) + "\n")


def _starts(file: str) -> int:
    run = os.environ.get("PREFECT__FLOW_RUN_ID")
    told = [json.loads(line) for line in Path(file).read_text().splitlines()]
    return sum(line["event"] == "start" and line["run"] == run for line in told)


async def steady(file: str, seconds: float) -> str:
    """Work that listens."""
    _tell(file, "start")
    ends = time.monotonic() + seconds
    while time.monotonic() < ends:
        await asyncio.sleep(BEAT_SECONDS)
        _tell(file, "beat")
    _tell(file, "end")
    return "x" * 2000


def grinding(file: str, seconds: float) -> str:
    """Work that blocks and notices no cancellation."""
    _tell(file, "start")
    ends = time.monotonic() + seconds
    while time.monotonic() < ends:
        time.sleep(BEAT_SECONDS)
        _tell(file, "beat")
    _tell(file, "end")
    return "ground"


async def moody(file: str, seconds: float) -> str:
    """Work that fails at its first attempt and succeeds at the next."""
    _tell(file, "start")
    await asyncio.sleep(seconds)
    _tell(file, "end")
    if _starts(file) < 2:
        raise ValueError("not in the mood")
    return "well, then"


def register(registry: Any) -> None:
    """Called by the registry because `SCHEDULER_PLUGINS` names this module."""
    for function in (steady, grinding, moody):
        registry.register_function(function, module="chaos")
