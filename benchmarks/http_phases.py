"""The phases of `benchmarks.product` that show what schedules and slow targets cost."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import httpx
import psutil

from benchmarks.every_second import say
from benchmarks.http_target import Target
from benchmarks.measuring import idle_ms_a_run, measured, shares, tail
from benchmarks.worker_stage import Stage, servers

PACE_SECONDS = 2.0
SETTLING_SECONDS = 3
IDLE_SECONDS = 8
REQUESTED_A_SECOND = 4
SLOW_SECONDS = 20
PATIENCE_SECONDS = 180


async def every_second(http: httpx.AsyncClient, aim: Target, seconds: int) -> None:
    """One task fires each second: due instant to request at the target."""
    before = set(aim.arrived_at)
    task = await _make(http, "each second", "* * * * * *", aim.url())
    await asyncio.sleep(seconds + 5)
    await http.post(f"/tasks/{task}/pause")
    await asyncio.sleep(2)
    delays = await _delays_ms(http, aim, [each for each in aim.arrived_at if each not in before])
    say(f"each second, due instant to request: {tail(delays)} of {len(delays)} requests")


async def paced(http: httpx.AsyncClient, aim: Target, clients: int, seconds: int) -> None:
    """Clients that request an execution every other second each, as people and programs do: what they wait for."""
    ids = [await _make(http, f"paced {number}", "0 0 0 29 2 *", aim.url()) for number in range(clients)]
    waited_ms: list[float] = []
    executions: list[str] = []

    async def client(number: int, task_id: str) -> None:
        await asyncio.sleep(PACE_SECONDS * number / clients)
        for _ in range(int(seconds / PACE_SECONDS)):
            began = time.monotonic()
            answer = (await http.post(f"/tasks/{task_id}/execute")).raise_for_status().json()
            took = time.monotonic() - began
            waited_ms.append(took * 1000)
            executions.append(str(answer["execution_id"]))
            await asyncio.sleep(max(0.0, PACE_SECONDS - took))

    await asyncio.gather(*(client(number, each) for number, each in enumerate(ids)))
    await asyncio.sleep(SETTLING_SECONDS)
    begun = [each for each in executions if each in aim.arrived_at]
    say(f"{clients} clients, each once in {PACE_SECONDS:g} s, execute: {tail(waited_ms)} of {len(waited_ms)}")
    say(f"  request to the request at the target: {tail(await _delays_ms(http, aim, begun, since='queued_at'))}")


async def same_second(http: httpx.AsyncClient, stage: Stage, aim: Target, many: int, bare: float) -> None:
    """Many tasks are due at the same second: how many are carried a second, and what each costs."""
    before = set(aim.arrived_at)
    # far enough ahead to have made them all, at a second of its own
    due = datetime.now(UTC).replace(microsecond=0) + timedelta(seconds=30 + many / 4)
    schedule = f"{due.second} {due.minute} {due.hour} {due.day} {due.month} *"
    for start in range(0, many, 8):
        batch = range(start, min(start + 8, many))
        await asyncio.gather(*(_make(http, f"burst {number}", schedule, aim.url()) for number in batch))
    if (late := (datetime.now(UTC) - due).total_seconds()) > -IDLE_SECONDS - 5:
        say(f"too slow to make {many} tasks in time ({late:.0f} s): no burst measured")
        return
    idle = await measured(stage, lambda: asyncio.sleep(IDLE_SECONDS))
    await asyncio.sleep((due - datetime.now(UTC)).total_seconds() - 1)

    async def all_arrived() -> None:
        for _ in range(int(PATIENCE_SECONDS / 0.05)):
            if len(aim.arrived_at) - len(before) >= many:
                break
            await asyncio.sleep(0.05)
        await asyncio.sleep(SETTLING_SECONDS)

    busy = await measured(stage, all_arrived)
    arrived = sorted(at for each, at in aim.arrived_at.items() if each not in before)
    span = arrived[-1] - due.timestamp()
    rate = len(arrived) / span
    say(
        f"{len(arrived)} of {many} due at one second: the last request {span:.1f} s after it, "
        f"{rate:.1f} runs/s, {rate / bare:.0%} of the bare API's limit"
    )
    cost = sum(busy.cpu_seconds.values()) / many * 1000
    say(f"  CPU a run: {cost:.0f} ms, by process (ms): {shares(busy, many / busy.seconds)}")
    say(f"  without what runs when idle: {cost - idle_ms_a_run(idle, busy, many):.0f} ms")


async def slow_targets(http: httpx.AsyncClient, stage: Stage, aim: Target, many: int) -> None:
    """Many requests wait for their answer at once: memory of the worker and of what it forked."""
    slow_seconds = max(SLOW_SECONDS, many / REQUESTED_A_SECOND)  # the first waits still when the last is made
    ids = []
    for start in range(0, many, 8):
        batch = range(start, min(start + 8, many))
        never = "0 0 0 29 2 *"
        ids += await asyncio.gather(*(_make(http, f"slow {n}", never, aim.url(slow_seconds)) for n in batch))
    aim.most_at_once = 0
    empty = memory_mb(stage)
    for start in range(0, many, 8):
        await asyncio.gather(*(http.post(f"/tasks/{each}/execute") for each in ids[start : start + 8]))
    most, deadline = 0.0, time.monotonic() + slow_seconds + PATIENCE_SECONDS
    while aim.at_once and time.monotonic() < deadline:
        most = max(most, memory_mb(stage))
        await asyncio.sleep(0.5)
    say(f"{aim.most_at_once} slow requests at once: worker and what it forked {most:.0f} MB, {empty:.0f} before")


def memory_mb(stage: Stage) -> float:
    """Memory of the worker, its preloaded process, its lane and its runs, with shared pages counted once."""
    worker = servers(stage, {"worker"})["worker"]
    used = 0
    for process in (worker, *worker.children(recursive=True)):
        try:
            used += process.memory_full_info().pss
        except psutil.Error:
            continue
    return used / 1024**2


async def _delays_ms(
    http: httpx.AsyncClient, aim: Target, ids: Sequence[str], since: str = "scheduled_for"
) -> list[float]:
    delays = []
    for each in ids:
        found = (await http.get(f"/executions/{each}")).raise_for_status().json()
        due = datetime.fromisoformat(found["metadata"][since])
        delays.append((aim.arrived_at[each] - due.timestamp()) * 1000)
    return delays


async def _make(http: httpx.AsyncClient, name: str, schedule: str, url: str) -> str:
    config = {"url": url, "timeout": "2m"}
    body = {"name": name, "type": "http", "schedule": schedule, "config": config, "metadata": {"timeout": "5m"}}
    return str((await http.post("/tasks", json=body)).raise_for_status().json()["id"])
