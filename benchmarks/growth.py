"""How the cost of the whole product grows with the number of tasks.

    python -m benchmarks.growth                        # 10, 1,000 and 10,000 tasks: about half an hour on two cores
    python -m benchmarks.growth 10 200                 # the short form
    python -m benchmarks.growth --json growth.json     # the figures as JSON too, for benchmarks.curves

The tasks are made by imports, fire once a day, and do not fire while this measures. For each number of tasks: what
the stack spends while nothing happens, how soon an execution is requested and begun, and how soon a facade that is
started again is ready. Each number of tasks gets the same load: four clients, each of which waits for the end of its
execution before it requests the next one. At the end tasks are deleted in bulk. CPU is by process, so it holds beside
other work; compare the times with those of another number of tasks in the same run.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import cycle, islice
from pathlib import Path

import httpx

from benchmarks import figures
from benchmarks.every_second import api, say
from benchmarks.http_target import target
from benchmarks.measuring import PARTS, Measured, measured, shares, show
from benchmarks.product import run_all, start_delay_ms
from benchmarks.worker_stage import Stage, load, machine, percentile, set_stage

IMPORTED_AT_ONCE = 250
DELETED_AT_ONCE = 100
"""The most that one bulk request takes."""
DELETED = 500
EXECUTED = 100
"""Executions at each number of tasks, also where there are fewer tasks."""
CLIENTS = 4
POLLING_SECONDS = 0.1
PATIENCE_SECONDS = 120
SETTLING_SECONDS = 20
WARM_UP = 5
TRIALS = 20


@dataclass
class Level:
    """What one number of tasks cost."""

    tasks: int
    created_a_second: float
    idle: Measured
    execute_ms: Sequence[float]
    begun_ms: Sequence[float]
    facade_start_seconds: float
    deleted_a_second: float | None = None
    """Measured once, at the end."""

    def idle_core(self) -> float:
        """Cores in use while nothing happens."""
        return sum(self.idle.cpu_seconds.values()) / self.idle.seconds

    def figures(self) -> dict[str, object]:
        """By name, for JSON."""
        return {
            "tasks": self.tasks,
            "idle_core": self.idle_core(),
            "idle_core_by_process": {
                name: round(spent / self.idle.seconds, 3) for name, spent in self.idle.cpu_seconds.items()
            },
            "execute_p50_ms": percentile(self.execute_ms, 50),
            "execute_p95_ms": percentile(self.execute_ms, 95),
            "start_p50_ms": percentile(self.begun_ms, 50),
            "start_p95_ms": percentile(self.begun_ms, 95),
            "created_a_second": self.created_a_second,
            "deleted_a_second": self.deleted_a_second,
            "facade_start_seconds": self.facade_start_seconds,
        }


async def main(levels: Sequence[int], idle_seconds: int, json_file: Path | None) -> None:
    os.environ.update(SCHEDULER_HTTP_ALLOW="127.0.0.0/8", PREFECT_SERVER_LOGGING_LEVEL="INFO", API_RATE_LIMIT="0")
    say(machine())
    ids: list[str] = []
    seen: list[Level] = []
    async with target() as aim, set_stage(PARTS) as stage, api(stage) as http:
        for level in levels:
            say(f"--- {level} tasks, {load()}")
            created = await create(stage, http, ids, level, aim.url())
            seen.append(await measure(stage, http, ids, idle_seconds, created))
            say(f"    compared with {seen[0].tasks} tasks: {compared(seen[0], seen[-1])}")
            figures.store(json_file, "benchmarks.growth", [each.figures() for each in seen])
        seen[-1].deleted_a_second = await delete(stage, http, ids[-DELETED:])
        figures.store(json_file, "benchmarks.growth", [each.figures() for each in seen])
        say(load())


async def create(stage: Stage, http: httpx.AsyncClient, ids: list[str], level: int, url: str) -> float:
    """Import tasks until there are so many. Returns how many a second."""
    first = len(ids)

    async def fill() -> None:
        while len(ids) < level:
            numbers = range(len(ids), min(len(ids) + IMPORTED_AT_ONCE, level))
            ids.extend(await imported(http, [task(number, url) for number in numbers]))

    return rate(f"created by import, {IMPORTED_AT_ONCE} at once", level - first, await measured(stage, fill))


async def imported(http: httpx.AsyncClient, tasks: Sequence[dict[str, object]]) -> list[str]:
    """Their ids, once all are there. What Prefect could not answer in time, beside other work, is sent again."""
    left = [*tasks]
    for _ in range(TRIALS):
        answer = (await http.post("/tasks/import", json={"tasks": left}, timeout=900)).raise_for_status().json()
        left = [left[each["position"]] for each in answer["failed_tasks"]]
        if not left:
            return [str(each["id"]) for each in tasks]
    raise RuntimeError(f"tasks were not imported: {answer['failed_tasks'][0]}")


def task(number: int, url: str) -> dict[str, object]:
    """One that fires once a day, in six to eighteen hours from now."""
    hour = (datetime.now(UTC).hour + 6 + number // 3600 % 12) % 24
    schedule = f"{number // 60 % 60} {number % 60} {hour} * * *"
    name = f"growth-{number}"
    return {"id": name, "name": name, "type": "http", "schedule": schedule, "config": {"url": url}}


def rate(what: str, many: int, cost: Measured) -> float:
    """Prints and returns how many a second, and prints what one cost whom."""
    say(f"{what}: {many / cost.seconds:.1f} a second; CPU of one (ms): {shares(cost, many / cost.seconds)}")
    show("    requests to Prefect for one", {path: number / many for path, number in cost.requests.items()})
    return many / cost.seconds


async def measure(
    stage: Stage, http: httpx.AsyncClient, ids: Sequence[str], idle_seconds: int, created_a_second: float
) -> Level:
    """Everything at the present number of tasks."""
    some = spaced(ids, EXECUTED)
    await run_all(http, some[:WARM_UP], CLIENTS)
    await asyncio.sleep(SETTLING_SECONDS)
    idle = await measured(stage, lambda: asyncio.sleep(idle_seconds))
    asked_ms = await executed(http, some)
    level = Level(
        len(ids),
        created_a_second,
        idle,
        [*asked_ms.values()],
        [await start_delay_ms(http, each) for each in asked_ms],
        await started_again(stage),
    )
    say(f"idle: {level.idle_core():.3f} core, by process (ms a second): {shares(idle, 1)}")
    show("    requests to Prefect a second", {path: number / idle.seconds for path, number in idle.requests.items()})
    say(f"execute: p50 {percentile(level.execute_ms, 50):.0f} ms, p95 {percentile(level.execute_ms, 95):.0f} ms")
    say(f"request to work: p50 {percentile(level.begun_ms, 50):.0f} ms, p95 {percentile(level.begun_ms, 95):.0f} ms")
    say(f"facade ready {level.facade_start_seconds:.1f} s after its start")
    return level


def spaced(ids: Sequence[str], many: int) -> Sequence[str]:
    """So many of them, spread over all."""
    return ids[:: max(len(ids) // many, 1)][:many]


async def executed(http: httpx.AsyncClient, ids: Sequence[str]) -> dict[str, float]:
    """Executes tasks in turn, and waits for each end. Returns how long each request took, by execution."""
    asked_ms: dict[str, float] = {}

    async def client(own: Sequence[str]) -> None:
        for task_id in islice(cycle(own), EXECUTED // CLIENTS):
            began = time.monotonic()
            answer = (await http.post(f"/tasks/{task_id}/execute")).raise_for_status().json()
            asked_ms[answer["execution_id"]] = (time.monotonic() - began) * 1000
            await ended(http, answer["execution_id"])

    await asyncio.gather(*(client(ids[number::CLIENTS]) for number in range(CLIENTS)))
    return asked_ms


async def ended(http: httpx.AsyncClient, execution_id: str) -> None:
    """Wait until it has completed."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < deadline:
        found = (await http.get(f"/executions/{execution_id}")).raise_for_status().json()
        if found["status"] == "completed":
            return
        if found["status"] == "failed":
            raise RuntimeError(f"a run failed: {found['error']}")
        await asyncio.sleep(POLLING_SECONDS)
    raise TimeoutError(f"execution {execution_id} did not end")


async def started_again(stage: Stage) -> float:
    """Seconds from the start of the facade's process until it is ready."""
    await stage.stack.stop_part("facade")
    began = time.monotonic()
    await stage.stack.start_part("facade")
    return time.monotonic() - began


def compared(first: Level, last: Level) -> str:
    """The ratios that should stay near one."""
    parts = (
        ("idle CPU", first.idle_core(), last.idle_core()),
        ("execute p95", percentile(first.execute_ms, 95), percentile(last.execute_ms, 95)),
        ("start p95", percentile(first.begun_ms, 95), percentile(last.begun_ms, 95)),
    )
    return ", ".join(f"{what} {after / before:.2f} times" for what, before, after in parts)


async def delete(stage: Stage, http: httpx.AsyncClient, ids: Sequence[str]) -> float:
    """Delete tasks in bulk, and print what one cost. Returns how many a second."""
    return rate("deleted in bulk", len(ids), await measured(stage, lambda: delete_all(http, ids)))


async def delete_all(http: httpx.AsyncClient, ids: Sequence[str]) -> None:
    """Delete tasks, one bulk request after the other. What Prefect could not answer in time is sent again."""
    left = [*ids]
    for _ in range(TRIALS):
        failed: list[str] = []
        for start in range(0, len(left), DELETED_AT_ONCE):
            body = {"operation": "delete", "task_ids": left[start : start + DELETED_AT_ONCE]}
            answer = (await http.post("/tasks/bulk", json=body, timeout=900)).raise_for_status().json()
            failed += [each["task_id"] for each in answer["failed"] if each["code"] != "task_not_found"]
        left = failed
        if not left:
            return
    raise RuntimeError(f"{len(left)} tasks were not deleted")


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("levels", type=int, nargs="*", default=[10, 1000, 10_000], help="numbers of tasks")
    parser.add_argument("--idle-seconds", type=int, default=30)
    parser.add_argument("--json", type=Path, help="write the figures to this file too")
    given = parser.parse_args()
    asyncio.run(main(given.levels, given.idle_seconds, given.json))
