"""The whole product as its user has it: http tasks, asked for by eight clients of the API, on servers of its own.

    python -m benchmarks.product                      # about six minutes on two cores
    python -m benchmarks.product --tasks 20 --clients 4 --seconds 0 --burst 0 --slow 0

Then http tasks by schedule (one each second, and many due at the same second), and many requests to slow targets.

Prints how soon runs start, how many are carried, what each costs which process, and how many requests to Prefect it
makes. Beside it, in the same minutes, what Prefect's API alone carries: four requests a run (create and three
transitions) by as many clients. Compare the ratios: seconds depend on the machine and on what else it does.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import re
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any
from uuid import UUID

import httpx
import psutil
from prefect.client.schemas.objects import State
from prefect.states import Completed, Pending, Running

from benchmarks.every_second import api, say
from benchmarks.http_phases import every_second, same_second, slow_targets
from benchmarks.http_target import target
from benchmarks.worker_stage import Stage, load, machine, percentile, servers, set_stage

PARTS = {"postgres", "valkey", "mongo", "prefect", "facade", "worker"}
IDLE_SECONDS = 10
LEAST_SHOWN = 0.1
SETTLING_SECONDS = 8
PATIENCE_SECONDS = 300
WARM_UP = 5
"""Runs before the measurement, and clients' first requests: what is paid once is not a cost of a run."""
_REQUEST = re.compile(r'"([A-Z]+) (/api/\S*) HTTP/1')
_ID = re.compile(r"[0-9a-f]{8}-[0-9a-f-]{27}|falcon(?=/)")


@dataclass
class Measured:
    """What one phase showed."""

    seconds: float
    cpu_seconds: dict[str, float]
    requests: Counter[str]


async def main(tasks: int, clients: int, idle_tasks: int, seconds: int, burst: int, slow: int) -> None:
    os.environ.update(SCHEDULER_HTTP_ALLOW="127.0.0.0/8", PREFECT_SERVER_LOGGING_LEVEL="INFO", API_RATE_LIMIT="0")
    os.environ.setdefault("SCHEDULER_HTTP_PER_HOST", "1000")  # all requests go to one
    say(machine())
    async with target() as aim, set_stage(PARTS) as stage, api(stage) as http:
        say(f"{load()}, {tasks} http tasks, {clients} clients, {idle_tasks} further tasks that do not run")
        ids = await gathered(clients, [partial(make, http, n, aim.url()) for n in range(tasks + idle_tasks)])
        await run_all(http, ids[:WARM_UP], clients)
        await asyncio.sleep(SETTLING_SECONDS)
        idle = await measured(stage, lambda: asyncio.sleep(IDLE_SECONDS))
        bare_before = await bare_runs_a_second(stage, clients, tasks // 2)
        asked: dict[str, float] = {}
        executions: list[str] = []
        busy = await measured(stage, lambda: run_all(http, ids[:tasks], clients, asked, executions))
        bare_after = await bare_runs_a_second(stage, clients, tasks // 2)
        bare = (bare_before + bare_after) / 2
        await report(http, tasks, idle, busy, bare, asked, executions)
        if seconds:
            await every_second(http, aim, seconds)
        if burst:
            await same_second(http, aim, burst, bare)
        if slow:
            await slow_targets(http, stage, aim, slow)
        say(load())


async def report(
    http: httpx.AsyncClient,
    many: int,
    idle: Measured,
    busy: Measured,
    bare: float,
    asked: dict[str, float],
    executions: Sequence[str],
) -> None:
    started = [await start_delay_ms(http, execution) for execution in executions]
    rate = many / busy.seconds
    say(f"execute, request to answer: {spread([*asked.values()])}")
    say(f"request to work begun: {spread(started)}")
    say(f"runs/s: {rate:.2f}; the bare API's limit: {bare:.2f}; our share: {rate / bare:.0%}")
    say(f"idle: {sum(idle.cpu_seconds.values()) / idle.seconds:.3f} core, by process (ms/s): {shares(idle, 1)}")
    cost = sum(busy.cpu_seconds.values()) / many * 1000
    say(f"CPU a run: {cost:.0f} ms, by process (ms): {shares(busy, many / busy.seconds)}")
    say(f"  without what runs when idle: {cost - idle_ms_a_run(idle, busy, many):.0f} ms")
    each_second = Counter({path: number / idle.seconds for path, number in idle.requests.items()})
    extra = {path: (number - each_second[path] * busy.seconds) / many for path, number in busy.requests.items()}
    show("requests to Prefect a second when idle", each_second)
    show("further ones a run", extra)


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


def spread(values_ms: Sequence[float]) -> str:
    """Median, 95th percentile and worst, in milliseconds."""
    return f"p50 {percentile(values_ms, 50):.0f} ms, p95 {percentile(values_ms, 95):.0f}, max {max(values_ms):.0f}"


async def start_delay_ms(http: httpx.AsyncClient, execution_id: str) -> float:
    """From the request, as the facade noted it, to the begin of the work."""
    found = (await http.get(f"/executions/{execution_id}")).raise_for_status().json()
    queued, began = (datetime.fromisoformat(each) for each in (found["metadata"]["queued_at"], found["started_at"]))
    return (began - queued).total_seconds() * 1000


async def make(http: httpx.AsyncClient, number: int, url: str) -> str:
    """An http task that fires once a day, in six to eighteen hours from now. Returns its id."""
    hour = (datetime.now(UTC).hour + 6 + number // 60 % 12) % 24
    schedule = f"0 {number % 60} {hour} * * *"
    body = {"name": f"product {number}", "type": "http", "schedule": schedule, "config": {"url": url}}
    return str((await http.post("/tasks", json=body)).raise_for_status().json()["id"])


async def run_all(
    http: httpx.AsyncClient,
    ids: Sequence[str],
    clients: int,
    asked_ms: dict[str, float] | None = None,
    executions: list[str] | None = None,
) -> None:
    """Execute each task once, by so many clients, and wait for all the ends."""

    async def execute(task_id: str) -> str:
        began = time.monotonic()
        answer = (await http.post(f"/tasks/{task_id}/execute")).raise_for_status().json()
        if asked_ms is not None:
            asked_ms[task_id] = (time.monotonic() - began) * 1000
        return str(answer["execution_id"])

    found = await gathered(clients, [partial(execute, each) for each in ids])
    if executions is not None:
        executions.extend(found)
    deadline = time.monotonic() + PATIENCE_SECONDS
    left = set(found)
    while left:
        page = (await http.get("/executions", params={"page_size": 100})).raise_for_status().json()["executions"]
        left -= {each["id"] for each in page if each["status"] in ("completed", "failed")}
        if failed := [each["error"] for each in page if each["status"] == "failed" and each["id"] in found]:
            raise RuntimeError(f"a run failed: {failed[0]}")
        if time.monotonic() > deadline:
            raise TimeoutError(f"{len(left)} runs did not end")
        await asyncio.sleep(0.25)


async def bare_runs_a_second(stage: Stage, clients: int, many: int) -> float:
    """What Prefect's API alone carries: create, Pending, Running, Completed, by so many clients."""
    flow_id = await stage.client.create_flow_from_name("bare")
    deployment = await stage.client.create_deployment(flow_id=flow_id, name="bare")
    began = time.monotonic()
    await gathered(clients, [lambda: bare_run(stage, deployment) for _ in range(many)])
    return many / (time.monotonic() - began)


async def bare_run(stage: Stage, deployment: UUID) -> None:
    run = await stage.client.create_flow_run_from_deployment(deployment)
    states: tuple[State[Any], ...] = (Pending(), Running(), Completed())
    for state in states:
        await stage.client.set_flow_run_state(run.id, state)


async def gathered(clients: int, work: Sequence[Callable[[], Awaitable[Any]]]) -> list[Any]:
    """Do all of it, so many at once; the results in order."""
    gate = asyncio.Semaphore(clients)

    async def one(each: Callable[[], Awaitable[Any]]) -> Any:
        async with gate:
            return await each()

    return await asyncio.gather(*(one(each) for each in work))


async def measured(stage: Stage, work: Callable[[], Awaitable[object]]) -> Measured:
    """Do it, and see what it cost."""
    log = Path(stage.environment["SCHEDULER_HOME"]) / "logs" / "prefect.log"
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
    return Measured(seconds, {name: spent[name] - before[name] for name in spent}, requests)


def cpu(stage: Stage) -> dict[str, float]:
    """CPU seconds so far, by part. The worker's preloaded process and all runs forked from it are `runs`."""
    spent: dict[str, float] = {"runs": 0.0}
    for name, process in servers(stage, PARTS).items():
        spent[name] = sum(process.cpu_times()[:2])
        below = sum(all_seconds(each) for each in process.children(recursive=True))
        spent["runs" if name == "worker" else name] += below + sum(process.cpu_times()[2:4])
    return spent


def all_seconds(process: psutil.Process) -> float:
    """User and system time of a process and of those of its children that have ended."""
    try:
        return sum(process.cpu_times()[:4])
    except psutil.NoSuchProcess:
        return 0.0


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--tasks", type=int, default=80)
    parser.add_argument("--clients", type=int, default=8)
    parser.add_argument("--idle-tasks", type=int, default=0)
    parser.add_argument("--seconds", type=int, default=60, help="of a task that fires each second")
    parser.add_argument("--burst", type=int, default=200, help="tasks that are due at the same second")
    parser.add_argument("--slow", type=int, default=300, help="requests that wait at once")
    given = parser.parse_args()
    asyncio.run(main(given.tasks, given.clients, given.idle_tasks, given.seconds, given.burst, given.slow))
