"""Many tasks that are due at the same second: that each runs once, in the order of the priorities, and how soon.

    python -m benchmarks.burst 1000        # about ten minutes on two cores

A quarter of the tasks has each priority. Their schedule names one second, some minutes ahead. One client reads the
task list all the while: its latency before and during the burst is what others notice of it.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import time
from collections import Counter
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

import httpx

from benchmarks.every_second import api, say
from benchmarks.growth import imported
from benchmarks.http_target import Target, target
from benchmarks.measuring import PARTS, measured, shares, show, spread
from benchmarks.product import bare_runs_a_second
from benchmarks.worker_stage import QUEUES, load, machine, set_stage

IMPORTED_AT_ONCE = 250
PAGE = 100
IDLE_READS = 50
CLIENTS, BARE_RUNS = 8, 40
PAUSE_SECONDS = 0.2
SETTLING_SECONDS = 10
"""Waited for requests that nobody should make: a second one of an instant."""


async def main(many: int, tasks_a_second: float, patience_seconds: float) -> None:
    os.environ.update(SCHEDULER_HTTP_ALLOW="127.0.0.0/8", PREFECT_SERVER_LOGGING_LEVEL="INFO", API_RATE_LIMIT="0")
    os.environ.setdefault("SCHEDULER_HTTP_PER_HOST", "1000")  # all requests go to one
    say(f"{machine()}, {load()}")
    async with target() as aim, set_stage(PARTS) as stage, api(stage) as http:
        bare = await bare_runs_a_second(stage, CLIENTS, BARE_RUNS)
        due = datetime.now(UTC).replace(microsecond=0) + timedelta(seconds=30 + many / tasks_a_second)
        tasks = [task(number, due, aim.url()) for number in range(many)]
        for start in range(0, many, IMPORTED_AT_ONCE):
            await imported(http, tasks[start : start + IMPORTED_AT_ONCE])
        if (late := (datetime.now(UTC) - due).total_seconds()) > -SETTLING_SECONDS:
            raise TimeoutError(f"the tasks were made {late:.0f} s after they were due; lower --tasks-a-second")
        before = [await read_ms(http) for _ in range(IDLE_READS)]
        await asyncio.sleep(max((due - datetime.now(UTC)).total_seconds(), 0))
        during: list[float] = []
        cost = await measured(stage, lambda: read_until_all_arrived(http, aim, many, patience_seconds, during))
        await asyncio.sleep(SETTLING_SECONDS)
        show_order(aim, due, await tasks_of_executions(http, many), many)
        share = many / cost.seconds / bare
        say(f"the bare API's limit before it: {bare:.2f} runs/s; our share until the last request: {share:.0%}")
        say(f"a list of tasks, before the burst: {spread(before)}; during it: {spread(during)}")
        say(f"CPU in the burst (ms/s): {shares(cost, 1)}")
        show("requests to Prefect a run", {path: number / many for path, number in cost.requests.items()})
        say(load())


def task(number: int, due: datetime, url: str) -> dict[str, object]:
    """One that is due at that second of each year."""
    schedule = f"{due.second} {due.minute} {due.hour} {due.day} {due.month} *"
    name, priority = f"burst-{number}", QUEUES[number % len(QUEUES)]
    return {
        "id": name,
        "name": name,
        "type": "http",
        "schedule": schedule,
        "priority": priority,
        "config": {"url": url},
    }


async def read_ms(http: httpx.AsyncClient, path: str = "/tasks") -> float:
    """What a client waits for a page of tasks, or for what the path names."""
    began = time.monotonic()
    (await http.get(path)).raise_for_status()
    return (time.monotonic() - began) * 1000


async def read_until_all_arrived(
    http: httpx.AsyncClient, aim: Target, many: int, patience_seconds: float, times: list[float]
) -> None:
    """Reads again and again, and adds how long each took."""
    deadline = time.monotonic() + patience_seconds
    while len(aim.arrived_at) < many and time.monotonic() < deadline:
        times.append(await read_ms(http))
        await asyncio.sleep(PAUSE_SECONDS)


async def tasks_of_executions(http: httpx.AsyncClient, many: int) -> Mapping[str, str]:
    """The task of each execution."""
    found: dict[str, str] = {}
    for page in range(1, -(-many // PAGE) + 2):
        answer = await http.get("/executions", params={"page": page, "page_size": PAGE})
        found |= {each["id"]: each["task_id"] for each in answer.raise_for_status().json()["executions"]}
    return found


def show_order(aim: Target, due: datetime, task_of: Mapping[str, str], many: int) -> None:
    """Print whether each ran once, how soon, and in which order."""
    arrived = sorted((at - due.timestamp(), task_of.get(each, "")) for each, at in aim.arrived_at.items())
    executions = Counter(name for name in task_of.values() if name.startswith("burst-"))
    asked = {name for _, name in arrived}
    lost = sum(f"burst-{number}" not in asked for number in range(many))
    twice = sum(number > 1 for number in executions.values())
    last = arrived[-1][0]
    say(f"{many} tasks due at one second: {lost} lost, {twice} with two executions, {aim.repeated} requests repeated")
    say(f"the last request {last:.1f} s after the second, {len(arrived) / last:.1f} a second")
    ranks = [(at, int(name.removeprefix("burst-")) % len(QUEUES)) for at, name in arrived if name]
    for rank, priority in enumerate(QUEUES):
        own = [at for at, each in ranks if each == rank]
        if own:
            say(f"    {priority}: first {own[0]:.1f} s, last {own[-1]:.1f} s")
    late = sum(any(later < rank for _, later in ranks[place + 1 :]) for place, (_, rank) in enumerate(ranks))
    say(f"    {late} requests were made before one of a higher priority")


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("tasks", type=int, nargs="?", default=1000)
    parser.add_argument("--tasks-a-second", type=float, default=3, help="as fast as they are made at least")
    parser.add_argument("--patience-seconds", type=float, default=600)
    given = parser.parse_args()
    asyncio.run(main(given.tasks, given.tasks_a_second, given.patience_seconds))
