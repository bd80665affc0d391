"""What a phase of a benchmark of the product cost: CPU by process, requests to Prefect, operations of the stores."""

from __future__ import annotations

import asyncio
import os
import re
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import psutil

from benchmarks.every_second import say
from benchmarks.operations import operations
from benchmarks.worker_stage import Stage, percentile, servers

PARTS = {"postgres", "valkey", "prefect", "facade", "worker"} | (set() if "MONGODB_URI" in os.environ else {"mongo"})
"""Without the embedded store when the environment names a MongoDB. One on this machine is counted as `mongo` too."""
LEAST_SHOWN = 0.1
_REQUEST = re.compile(r'"([A-Z]+) (/api/\S*) HTTP/1')
_ID = re.compile(r"[0-9a-f]{8}-[0-9a-f-]{27}|falcon(?=/)")


@dataclass
class Measured:
    """What one phase showed."""

    seconds: float
    cpu_seconds: dict[str, float]
    requests: Counter[str]
    operations: Counter[str]


async def measured(stage: Stage, work: Callable[[], Awaitable[object]]) -> Measured:
    """Do it, and see what it cost."""
    log = Path(stage.environment["SCHEDULER_HOME"]) / "logs" / "prefect.log"
    asked = await operations(stage.environment)
    before, lines = cpu(stage), len(log.read_text().splitlines())
    began = time.monotonic()
    await work()
    seconds = time.monotonic() - began
    await asyncio.sleep(0.5)  # what the ends still cause
    spent = cpu(stage)
    requests = Counter(
        f"{found[1]} {_ID.sub('…', found[2].partition('?')[0])}"
        for line in log.read_text().splitlines()[lines:]
        if (found := _REQUEST.search(line))
    )
    done = Counter({name: number - asked[name] for name, number in (await operations(stage.environment)).items()})
    return Measured(seconds, {name: spent[name] - before[name] for name in spent}, requests, done)


def cpu(stage: Stage) -> dict[str, float]:
    """CPU seconds so far, by part. The worker's preloaded process and all runs forked from it are `runs`."""
    spent: dict[str, float] = {"runs": 0.0}
    for name, process in servers(stage, PARTS).items():
        spent[name] = sum(process.cpu_times()[:2])
        below = sum(all_seconds(each) for each in process.children(recursive=True))
        spent["runs" if name == "worker" else name] += below + sum(process.cpu_times()[2:4])
    if "mongo" not in PARTS:
        spent["mongo"] = sum(all_seconds(each) for each in psutil.process_iter() if each.name() == "mongod")
    return spent


def all_seconds(process: psutil.Process) -> float:
    """User and system time of a process and of those of its children that have ended."""
    try:
        return sum(process.cpu_times()[:4])
    except psutil.NoSuchProcess:
        return 0.0


def show(what: str, requests: Mapping[str, float]) -> None:
    """The sum, and the paths that are asked most."""
    ordered = sorted(requests.items(), key=lambda each: -each[1])
    parts = [f"{number:.2f} {path.replace('/api/', '/')}" for path, number in ordered if number >= LEAST_SHOWN]
    say(f"{what}: {sum(requests.values()):.1f}: {', '.join(parts)}")


def idle_ms_a_run(idle: Measured, busy: Measured, many: int) -> float:
    """What the stack would have spent without the runs in the same time, as milliseconds a run."""
    return sum(idle.cpu_seconds.values()) / idle.seconds * busy.seconds / many * 1000


def shares(phase: Measured, divisor_a_second: float) -> str:
    """Milliseconds by process, the dearest first."""
    cost = {name: spent / phase.seconds / divisor_a_second * 1000 for name, spent in phase.cpu_seconds.items()}
    return ", ".join(f"{name} {value:.0f}" for name, value in sorted(cost.items(), key=lambda each: -each[1]))


def tail(values_ms: Sequence[float]) -> str:
    """Median, 95th and 99th percentile, in milliseconds."""
    p50, p95, p99 = (percentile(values_ms, each) for each in (50, 95, 99))
    return f"p50 {p50:.0f} ms, p95 {p95:.0f}, p99 {p99:.0f}"


def spread(values_ms: Sequence[float]) -> str:
    """Median, 95th percentile and worst, in milliseconds."""
    return f"p50 {percentile(values_ms, 50):.0f} ms, p95 {percentile(values_ms, 95):.0f}, max {max(values_ms):.0f}"
