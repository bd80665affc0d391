"""A simulation of a real load, and that load on the whole product: how far the forecast is from what happens.

    python -m benchmarks.simulate --minutes 3     # short, for a look; about five minutes
    python -m benchmarks.simulate                 # thirty minutes, on a machine that does nothing else

The script starts everything: servers, facade, one worker of four slots. The tasks sleep for a while, several begin at
the same second, and some are due while they are at work. Each is run twice by hand, so that its duration is measured.
Then the facade forecasts the coming minutes, they pass, and the forecast is compared with the history.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import sys
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx

from benchmarks.every_second import PARTS, api, say, settled
from benchmarks.worker_stage import load, machine, set_stage
from falcon_scheduler.api_facade.schemas.values import format_instant
from falcon_scheduler.core.domain.duration import parse_duration

SLOTS = 4
ALLOWED = 0.2
LOADS = (
    # how many tasks, their schedule, how long each sleeps, and their priority
    (8, "0 * * * * *", "4s", "normal"),
    (4, "0 * * * * *", "1s", "high"),
    (6, "30 * * * * *", "3s", "low"),
    (2, "*/20 * * * * *", "8s", "critical"),
)
AHEAD = timedelta(seconds=90)
"""How long before the measured time the tasks are there, so that everything is planned."""
WARM_UP = 2


@dataclass(frozen=True)
class Figures:
    """What is compared."""

    runs: float
    work_seconds: float
    mean_wait: float
    longest_wait: float


async def main(minutes: float) -> int:
    """Forecast, wait, compare and print; 1 if a figure is further off than allowed."""
    os.environ.update(SCHEDULER_WORKER_COUNT=str(SLOTS), API_RATE_LIMIT="0")
    say(machine())
    say(load())
    async with set_stage(PARTS) as stage, api(stage) as http:
        ids = [task_id for kind in LOADS for task_id in await make(http, *kind)]
        await warm_up(http, ids)
        begin = (datetime.now(UTC) + AHEAD).replace(second=0, microsecond=0)
        end = begin + timedelta(minutes=minutes)
        for task_id in ids:
            (await http.post(f"/tasks/{task_id}/resume")).raise_for_status()
        expected = await forecast(http, begin, end)
        await asyncio.sleep((end - datetime.now(UTC)).total_seconds())
        say(load())
        for task_id in ids:
            (await http.post(f"/tasks/{task_id}/pause")).raise_for_status()
        await settled(http)
        found = await measured(http, ids, begin, end)
    return report(expected, found)


async def make(http: httpx.AsyncClient, count: int, schedule: str, length: str, priority: str) -> list[str]:
    """Paused tasks that sleep. Returns their ids."""
    found = []
    for number in range(count):
        task = {
            "name": f"{priority} {length} {number}",
            "type": "function",
            "schedule": schedule,
            "priority": priority,
            "config": {"function_name": "sleep", "module": "builtin", "parameters": {"duration": length}},
        }
        found.append(str((await http.post("/tasks", json=task)).raise_for_status().json()["id"]))
        (await http.post(f"/tasks/{found[-1]}/pause")).raise_for_status()
    return found


async def warm_up(http: httpx.AsyncClient, ids: list[str]) -> None:
    """Run each task by hand, so that its duration is known."""
    for _ in range(WARM_UP):
        for task_id in ids:
            (await http.post(f"/tasks/{task_id}/execute")).raise_for_status()
        await settled(http)


async def forecast(http: httpx.AsyncClient, begin: datetime, end: datetime) -> Figures:
    """What the facade expects of these minutes."""
    asked = {"from": format_instant(begin), "to": format_instant(end)}
    answer = (await http.post("/schedules/simulate", json=asked)).raise_for_status().json()
    summary, slots = answer["summary"], answer["slots"]
    say(f"forecast with {slots} slots ({answer['slots_are']}), durations {answer['durations']}: {summary}")
    seconds = (end - begin).total_seconds()
    begun = sum(each["runs"] for each in answer["by_priority"])
    used = sum(each["used"] for each in answer["buckets"]) / len(answer["buckets"])
    return Figures(
        runs=begun,
        work_seconds=used * slots * seconds,
        mean_wait=_seconds(summary["late"]),
        longest_wait=_seconds(summary["late_most"]),
    )


async def measured(http: httpx.AsyncClient, ids: list[str], begin: datetime, end: datetime) -> Figures:
    """What happened in these minutes, by the history. A wait is from the due instant to the beginning of the work."""
    runs = [run for task_id in ids for run in await history(http, task_id) if begin <= due_at(run) < end]
    waits = [(_instant(run["started_at"]) - due_at(run)).total_seconds() for run in runs]
    work = [(_instant(run["completed_at"]) - _instant(run["started_at"])).total_seconds() for run in runs]
    least = min(waits, default=0)  # what a run on a free slot needs to begin
    say(f"measured: {len(runs)} runs, the quickest began {least:.2f} s after its instant")
    return Figures(
        runs=len(runs),
        work_seconds=sum(work),
        mean_wait=sum(waits) / max(len(waits), 1) - least,
        longest_wait=max(waits, default=0) - least,
    )


async def history(http: httpx.AsyncClient, task_id: str) -> list[dict[str, Any]]:
    """The scheduled runs of a task that have ended."""
    found: list[dict[str, Any]] = []
    page, pages = 1, 1
    while page <= pages:
        asked: dict[str, str | int] = {"task_id": task_id, "page": page, "page_size": 100}
        answer = (await http.get("/executions", params=asked)).raise_for_status().json()
        found += answer["executions"]
        page, pages = page + 1, answer["total_pages"]
    return [run for run in found if run["metadata"].get("trigger") == "schedule" and run.get("completed_at")]


def report(expected: Figures, found: Figures) -> int:
    """Print each figure; 1 if one is further off than allowed."""
    off = 0
    for name in ("runs", "mean_wait", "longest_wait"):
        wanted, got = getattr(expected, name), getattr(found, name)
        share = abs(wanted - got) / got if got else 0.0
        off |= share > ALLOWED
        say(f"{name.replace('_', ' ')}: forecast {wanted:.2f}, measured {got:.2f}, {share:.0%} off")
    say(
        f"slots in use: forecast {expected.work_seconds:.0f} s with the cost of runs, "
        f"measured {found.work_seconds:.0f} s of work"
    )
    return int(off)


def due_at(run: dict[str, Any]) -> datetime:
    """The instant that the run serves."""
    return _instant(run["metadata"]["scheduled_for"])


def _instant(text: str) -> datetime:
    return datetime.fromisoformat(text)


def _seconds(text: str) -> float:
    return parse_duration(text).total_seconds()


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--minutes", type=float, default=30)
    sys.exit(asyncio.run(main(parser.parse_args().minutes)))
