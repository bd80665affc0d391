"""The whole product as its user has it: tasks that eight clients of the API ask for, on servers of its own.

    python -m benchmarks.product                      # about ten minutes on two cores
    python -m benchmarks.product --kinds http --tasks 20 --clients 4 --seconds 0 --burst 0 --slow 0 --stock 0

One kind of task after the other: http, functions and executors that do nothing in a process of their own, and
functions that share one. Then http tasks by schedule (one each second, and many due at the same second), many
requests to slow targets, and an empty flow under Prefect's own process worker on the same servers.

Prints how soon runs start, how many are carried, what each costs which process, how many requests to Prefect it makes
and how many operations on MongoDB and Redis. Beside each, in the same minutes, what Prefect's API alone carries: four
requests a run (create and three transitions) by as many clients. With MONGODB_URI the store is
that one. Compare the ratios: seconds depend on the machine and on what else it does.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime
from functools import partial
from typing import Any
from uuid import UUID

import httpx
from prefect.client.schemas.objects import State
from prefect.states import Completed, Pending, Running

from benchmarks.every_second import api, say
from benchmarks.http_phases import every_second, paced, same_second, slow_targets
from benchmarks.http_target import target
from benchmarks.measuring import PARTS, Measured, idle_ms_a_run, measured, shares, show, spread
from benchmarks.work import CONFIG_OF
from benchmarks.worker import compare
from benchmarks.worker_stage import Stage, load, machine, set_stage

IDLE_SECONDS = 10
SETTLING_SECONDS = 8
PATIENCE_SECONDS = 300
WARM_UP = 5
"""Runs before the measurement, and clients' first requests: what is paid once is not a cost of a run."""


async def main(given: argparse.Namespace) -> None:
    os.environ.update(SCHEDULER_HTTP_ALLOW="127.0.0.0/8", PREFECT_SERVER_LOGGING_LEVEL="INFO", API_RATE_LIMIT="0")
    os.environ.setdefault("SCHEDULER_HTTP_PER_HOST", "1000")  # all requests go to one
    os.environ["SCHEDULER_PLUGINS"] = "benchmarks.work"
    say(machine())
    async with target() as aim, set_stage(PARTS) as stage, api(stage) as http:
        say(f"{load()}, {given.tasks} tasks of each kind, {given.clients} clients")
        bare = 0.0
        for number, kind in enumerate(given.kinds.split(",")):
            bare = await by_hand(stage, http, kind, aim.url(), given, is_first=number == 0)
        if given.seconds:
            await every_second(http, aim, given.seconds)
        if given.paced:
            await paced(http, aim, given.clients, given.paced)
        if given.burst:
            await same_second(http, stage, aim, given.burst, bare)
        if given.slow:
            await slow_targets(http, stage, aim, given.slow)
        if given.stock:
            await stock_worker(stage, bare)
        say(load())


async def by_hand(
    stage: Stage, http: httpx.AsyncClient, kind: str, url: str, given: argparse.Namespace, *, is_first: bool
) -> float:
    """One kind of task, requested by clients. Prints its figures; returns the bare API's runs a second."""
    many, clients = given.tasks, given.clients
    say(f"--- {kind}")
    idle_tasks = given.idle_tasks if is_first else 0
    ids = await gathered(clients, [partial(make, http, kind, n, url) for n in range(many + idle_tasks)])
    await run_all(http, ids[:WARM_UP], clients)
    await asyncio.sleep(SETTLING_SECONDS)
    idle = await measured(stage, lambda: asyncio.sleep(IDLE_SECONDS))
    bare_before = await bare_runs_a_second(stage, clients, many // 2)
    asked: dict[str, float] = {}
    executions: list[str] = []
    busy = await measured(stage, lambda: run_all(http, ids[:many], clients, asked, executions))
    bare_after = await bare_runs_a_second(stage, clients, many // 2)
    bare = (bare_before + bare_after) / 2
    await report(http, many, idle, busy, bare, asked, executions)
    return bare


async def stock_worker(stage: Stage, bare: float) -> None:
    """An empty flow under Prefect's own process worker, with ten slots."""
    figures = await compare(stage, "process")
    say("--- an empty flow under Prefect's own process worker")
    say(f"created to Running: {spread([each * 1000 for each in figures.starts])}")
    rate, worker_ms, server_ms = figures.runs_a_second, figures.cpu_seconds * 1000, figures.server_cpu_seconds * 1000
    say(f"runs/s: {rate:.2f}; share of the bare API's limit: {rate / bare:.0%}")
    say(f"CPU a run: {worker_ms:.0f} ms worker and run, {server_ms:.0f} ms server and database")


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
    further = {
        name: (number - idle.operations[name] / idle.seconds * busy.seconds) / many
        for name, number in busy.operations.items()
    }
    say(f"operations a run: {', '.join(f'{name} {number:.1f}' for name, number in further.items())}")


async def start_delay_ms(http: httpx.AsyncClient, execution_id: str) -> float:
    """From the request, as the facade noted it, to the begin of the work."""
    found = (await http.get(f"/executions/{execution_id}")).raise_for_status().json()
    queued, began = (datetime.fromisoformat(each) for each in (found["metadata"]["queued_at"], found["started_at"]))
    return (began - queued).total_seconds() * 1000


async def make(http: httpx.AsyncClient, kind: str, number: int, url: str) -> str:
    """A task that fires once a day, in six to eighteen hours from now. Returns its id."""
    hour = (datetime.now(UTC).hour + 6 + number // 60 % 12) % 24
    schedule = f"0 {number % 60} {hour} * * *"
    task_type, config = CONFIG_OF.get(kind, ("http", {"url": url}))
    body = {"name": f"{kind} {number}", "type": task_type, "schedule": schedule, "config": config}
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


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--tasks", type=int, default=80)
    parser.add_argument("--clients", type=int, default=8)
    parser.add_argument("--idle-tasks", type=int, default=0)
    parser.add_argument("--seconds", type=int, default=60, help="of a task that fires each second")
    parser.add_argument("--paced", type=int, default=60, help="seconds of clients that request every other second")
    parser.add_argument("--burst", type=int, default=200, help="tasks that are due at the same second")
    parser.add_argument("--slow", type=int, default=300, help="requests that wait at once")
    parser.add_argument("--kinds", default="http,function,shared,custom")
    parser.add_argument("--stock", type=int, default=1, help="0 leaves Prefect's own worker out")
    asyncio.run(main(parser.parse_args()))
