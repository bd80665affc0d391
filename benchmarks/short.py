"""A short form of the benchmarks that compares with the stored baseline: `make bench`. About a minute.

    python -m benchmarks.short            # prints each figure beside that of benchmarks/baseline.json
    python -m benchmarks.short --store    # and stores them there

Every figure is a ratio or a number of requests, so another machine and other work change it little: CPU is compared
with that of a run on Prefect's API alone (create and three transitions), measured in the same minutes. It never fails
because something has become slower: that is for a reader to judge.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
from collections.abc import Mapping
from pathlib import Path

import httpx

from benchmarks.every_second import api, say
from benchmarks.growth import delete_all, task
from benchmarks.growth import imported as import_all
from benchmarks.http_target import target
from benchmarks.measuring import PARTS, Measured, measured
from benchmarks.product import bare_runs_a_second, run_all
from benchmarks.worker_stage import Stage, load, machine, set_stage

BASELINE = Path(__file__).with_name("baseline.json")
TASKS, MORE = 10, 30
RUNS = 20
CLIENTS = 4
IDLE_SECONDS = 10
SETTLING_SECONDS = 4
WORSE = 1.5
"""Changes above this are marked. Two runs of the same version differ by up to 1.45 beside other work."""
RISING_IS_GOOD = frozenset({"runs a second / those of the bare API"})

Figures = Mapping[str, float]


async def main(store: bool) -> None:
    os.environ.update(SCHEDULER_HTTP_ALLOW="127.0.0.0/8", PREFECT_SERVER_LOGGING_LEVEL="INFO", API_RATE_LIMIT="0")
    say(f"{machine()}, {load()}")
    async with target() as aim, set_stage(PARTS) as stage, api(stage) as http:
        figures = await measure(stage, http, aim.url())
    show(figures, json.loads(BASELINE.read_text()) if BASELINE.exists() else {})
    if store:
        BASELINE.write_text(json.dumps({name: round(value, 3) for name, value in figures.items()}, indent=2) + "\n")


async def measure(stage: Stage, http: httpx.AsyncClient, url: str) -> Figures:
    """All figures, on one stack."""
    ids = await import_all(http, [task(number, url) for number in range(TASKS)])
    await run_all(http, ids[:CLIENTS], CLIENTS)
    await asyncio.sleep(SETTLING_SECONDS)
    idle = await measured(stage, lambda: asyncio.sleep(IDLE_SECONDS))
    rates: list[float] = []

    async def bare() -> None:
        rates.append(await bare_runs_a_second(stage, CLIENTS, RUNS))

    alone = await measured(stage, bare)

    async def twice() -> None:
        for _ in range(RUNS // TASKS):  # one after the other: a task that is at work skips a second run
            await run_all(http, ids, CLIENTS)

    runs = await measured(stage, twice)
    further = range(TASKS, TASKS + MORE)
    made = await measured(stage, lambda: import_all(http, [task(number, url) for number in further]))
    gone = await measured(stage, lambda: delete_all(http, [f"growth-{number}" for number in further]))
    bare_run = cpu_of_one(alone, idle, RUNS)
    return {
        "runs a second / those of the bare API": RUNS / runs.seconds / rates[0],
        "CPU of a run / of a bare one": cpu_of_one(runs, idle, RUNS) / bare_run,
        "CPU of a create / of a bare run": cpu_of_one(made, idle, MORE) / bare_run,
        "CPU of a delete / of a bare run": cpu_of_one(gone, idle, MORE) / bare_run,
        "CPU a second when idle / of a bare run": cpu_a_second(idle) / bare_run,
        "requests to Prefect a second when idle": requests_a_second(idle),
        "requests to Prefect for a run": requests_for_one(runs, idle, RUNS),
        "requests to Prefect for a create": requests_for_one(made, idle, MORE),
        "requests to Prefect for a delete": requests_for_one(gone, idle, MORE),
    }


def cpu_a_second(phase: Measured) -> float:
    """Cores in use."""
    return sum(phase.cpu_seconds.values()) / phase.seconds


def cpu_of_one(busy: Measured, idle: Measured, many: int) -> float:
    """CPU seconds of one, without what runs when idle."""
    return (sum(busy.cpu_seconds.values()) - cpu_a_second(idle) * busy.seconds) / many


def requests_a_second(phase: Measured) -> float:
    """Requests to Prefect."""
    return sum(phase.requests.values()) / phase.seconds


def requests_for_one(busy: Measured, idle: Measured, many: int) -> float:
    """Requests to Prefect, without those that are sent when idle."""
    return (sum(busy.requests.values()) - requests_a_second(idle) * busy.seconds) / many


def show(figures: Figures, baseline: Figures) -> None:
    """A table; what has become much worse is marked."""
    say(f"{'':<44}{'baseline':>10}{'now':>10}")
    for name, value in figures.items():
        before = baseline.get(name)
        say(f"{name:<44}{before if before is not None else '-':>10}{value:>10.3f}{mark(name, before, value)}")


def mark(name: str, before: float | None, value: float) -> str:
    """What is printed after a figure that has become much worse."""
    if not before or not value:
        return ""
    change = before / value if name in RISING_IS_GOOD else value / before
    return "  worse" if change > WORSE else ""


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--store", action="store_true", help="keep the figures as the baseline")
    asyncio.run(main(parser.parse_args().store))
