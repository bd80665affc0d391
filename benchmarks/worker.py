"""The warm worker beside the stock one: same machine, same servers, same flows, one after the other.

    python -m benchmarks.worker                  # everything, about seven minutes on two idle cores
    python -m benchmarks.worker api warm cancel  # some parts: api, stock, warm, facade, cancel, memory

Prints the tables of docs/performance.md. CPU seconds hardly depend on what else runs on the machine; times do.
"""

from __future__ import annotations

import asyncio
import logging
import sys
import time
import uuid
from collections import Counter
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import httpx
import psutil
from prefect.client.schemas.objects import State
from prefect.states import Cancelling, Completed, Pending, Running

from benchmarks.worker_stage import (
    Pool,
    Stage,
    at_work,
    cpu_seconds,
    load,
    machine,
    mean,
    percentile,
    servers,
    set_stage,
    spread,
    token,
)

SLOTS = 10
DATABASE_AND_SERVER = {"prefect", "postgres"}
PARTS = ("api", "stock", "warm", "facade", "cancel", "memory")
STARTS = {"process": 3, "warm-process": 40}
BATCH = {"process": 20, "warm-process": 120}
API_RUNS = 60
CANCELS = {"sleep": 100, "sleep_sync": 20, "deaf": 30, "blocked": 20, "forking": 30}


@dataclass
class Figures:
    """What one worker type came to."""

    starts: list[float]
    runs_a_second: float
    cpu_seconds: float
    """CPU of worker and runs, for each run."""
    server_cpu_seconds: float
    """CPU of the Prefect server and PostgreSQL, for each run."""


async def api_limit(stage: Stage) -> float:
    """Runs a second that the API alone carries: create and three transitions, by ten clients' worth of requests."""
    pool = await stage.pool("warm-process")
    deployment = await pool.deploy("nothing")
    gate = asyncio.Semaphore(SLOTS)

    async def one() -> None:
        async with gate:
            run = await stage.client.create_flow_run_from_deployment(deployment)
            states: tuple[State[Any], ...] = (Pending(), Running(), Completed())
            for state in states:
                await stage.client.set_flow_run_state(run.id, state)

    await one()
    began = time.perf_counter()
    await asyncio.gather(*(one() for _ in range(API_RUNS)))
    return API_RUNS / (time.perf_counter() - began)


async def compare(stage: Stage, type: str) -> Figures:
    """Start latency one by one, then a batch that waits for the worker at once."""
    pool = await stage.pool(type)
    deployment = await pool.deploy("nothing")
    async with at_work(pool, SLOTS) as worker:
        await pool.ended([await pool.run(deployment)])  # the first run of a worker pays for what later ones share
        starts = [await _start(pool, deployment) for _ in range(STARTS[type])]
        await pool.hold(True)
        ids = [await pool.run(deployment) for _ in range(BATCH[type])]
        await asyncio.sleep(1)
        behind = servers(stage, DATABASE_AND_SERVER).values()
        cpu, server_cpu = cpu_seconds(worker), cpu_seconds(*behind)
        released = datetime.now(UTC)
        await pool.hold(False)
        runs = await pool.ended(ids)
        cpu, server_cpu = (
            cpu_seconds(worker) - cpu,
            cpu_seconds(*behind) - server_cpu,
        )
    last = max(run.end_time for run in runs if run.end_time is not None)
    assert all(run.state is not None and run.state.is_completed() for run in runs)
    seconds = last.timestamp() - released.timestamp()
    return Figures(starts, len(ids) / seconds, cpu / len(ids), server_cpu / len(ids))


async def _start(pool: Pool, deployment: uuid.UUID) -> float:
    asked_at = datetime.now(UTC)
    [run] = await pool.ended([await pool.run(deployment)])
    assert run.start_time is not None
    return run.start_time.timestamp() - asked_at.timestamp()


async def through_the_facade() -> list[float]:
    """`POST /execute` to Running, on the whole product."""
    async with set_stage({"postgres", "valkey", "mongo", "prefect", "facade", "worker"}) as stage:
        base = stage.stack.part("facade").url  # type: ignore[attr-defined]
        bearer = await token(stage)
        async with httpx.AsyncClient(headers={"Authorization": f"Bearer {bearer}"}, timeout=30) as http:
            task = {
                "name": "benchmark",
                "schedule": "0 0 0 29 2 ?",
                "type": "function",
                "config": {"function_name": "echo", "module": "builtin", "parameters": {}},
            }
            answer = (await http.post(f"{base}/tasks", json=task)).raise_for_status().json()
            task_id = answer.get("id") or answer["_id"]
            starts = []
            for number in range(31):
                asked_at = datetime.now(UTC)
                answer = (await http.post(f"{base}/tasks/{task_id}/execute")).raise_for_status().json()
                pool = Pool(stage, "falcon", "warm-process")
                [run] = await pool.ended([uuid.UUID(answer["execution_id"])])
                if number and run.start_time is not None:
                    starts.append(run.start_time.timestamp() - asked_at.timestamp())
        return starts


async def cancellations(stage: Stage) -> None:
    """Cancel 200 runs of five tempers, and look at what is left of them."""
    pool = await stage.pool("warm-process")
    stage.environment["SCHEDULER_CANCEL_GRACE"] = "2s"
    latencies: list[float] = []
    states: Counter[str] = Counter()
    survivors = 0
    with TemporaryDirectory() as folder:
        async with at_work(pool, 20):
            deployments = {name: await pool.deploy(name) for name in CANCELS}
            gate = asyncio.Semaphore(12)

            async def one(flow_name: str, number: int) -> None:
                nonlocal survivors
                async with gate:
                    note = Path(folder) / f"{flow_name}-{number}"
                    ended, seconds = await _cancel_one(pool, deployments[flow_name], flow_name, note)
                    states[ended] += 1
                    if flow_name in {"sleep", "sleep_sync"}:
                        latencies.append(seconds)
                    survivors += sum(psutil.pid_exists(pid) for pid in _pids(note))

            await asyncio.gather(*(one(name, number) for name, count in CANCELS.items() for number in range(count)))
    print(f"\n200 cancels ({', '.join(f'{count} {name}' for name, count in CANCELS.items())}; grace 2 s)")
    print(f"  ended as        {dict(states)}")
    print(f"  still alive     {survivors} processes of theirs")
    print(f"  request to Cancelled, cooperative runs: {spread(latencies)}")


async def _cancel_one(pool: Pool, deployment: uuid.UUID, flow_name: str, note: Path) -> tuple[str, float]:
    client = pool.stage.client
    parameters: dict[str, Any] = {"note": str(note)} if flow_name in {"deaf", "blocked", "forking"} else {}
    run = await pool.run(deployment, **parameters)
    while True:
        state = (await client.read_flow_run(run)).state
        if state is not None and state.is_running() and (not parameters or await asyncio.to_thread(note.exists)):
            break
        await asyncio.sleep(0.1)
    asked_at = datetime.now(UTC)
    await client.set_flow_run_state(run, Cancelling())
    while True:
        state = (await client.read_flow_run(run)).state
        if state is not None and state.is_final():
            return str(state.name), (state.timestamp - asked_at).total_seconds()
        await asyncio.sleep(0.1)


def _pids(note: Path) -> list[int]:
    return [int(pid) for pid in note.read_text().split()] if note.exists() else []


async def memory(stage: Stage) -> None:
    """What an idle worker holds, and what a run adds."""
    pool = await stage.pool("warm-process")
    deployment = await pool.deploy("sleep")
    async with at_work(pool, SLOTS) as worker:
        await asyncio.sleep(2)
        idle = [process.memory_full_info() for process in (worker, *worker.children(recursive=True))]
        before = {process.pid for process in worker.children(recursive=True)}
        runs = [await pool.run(deployment, seconds=8) for _ in range(5)]
        await asyncio.sleep(5)
        own = [process for process in worker.children(recursive=True) if process.pid not in before]
        pages = [process.memory_full_info().uss / 2**20 for process in own]
        await pool.ended(runs)
    print("\nMemory")
    print(f"  idle worker, its preloaded process included: {sum(info.pss for info in idle) / 2**20:.0f} MiB (PSS)")
    print(f"  own pages of a run: {mean(pages):.0f} MiB on average over {len(pages)} runs, {max(pages):.0f} at most")


def _print_type(name: str, figures: Figures) -> None:
    print(
        f"  {name:<8} start: {spread(figures.starts)}   {figures.runs_a_second:.2f} runs/s   "
        f"CPU {figures.cpu_seconds:.3f} s a run (server and database {figures.server_cpu_seconds:.3f} s)"
    )


async def main(parts: list[str]) -> None:
    """Run the parts and print what they came to."""
    print(machine())
    print(load())
    limit, stock, warm = 0.0, None, None
    async with set_stage({"postgres", "prefect"}) as stage:
        if "api" in parts:
            limit = await api_limit(stage)
            print(f"\nThe API alone: {limit:.1f} runs/s (create, Pending, Running, Completed)")
        print(f"\nRuns of a flow that does nothing, {SLOTS} slots")
        if "stock" in parts:
            stock = await compare(stage, "process")
            _print_type("stock", stock)
        if "warm" in parts:
            warm = await compare(stage, "warm-process")
            _print_type("warm", warm)
        if stock and warm:
            ratio = warm.runs_a_second / stock.runs_a_second
            quicker = percentile(stock.starts, 50) / percentile(warm.starts, 50)
            print(f"  warm over stock: {ratio:.1f} times the runs, started {quicker:.0f} times sooner")
        if limit and warm:
            print(f"  share of the API's limit: {warm.runs_a_second / limit:.0%}")
        if "cancel" in parts:
            await cancellations(stage)
        if "memory" in parts:
            await memory(stage)
    if "facade" in parts:
        print(f"\nPOST /execute to Running, whole product: {spread(await through_the_facade())}")
    print(load())


if __name__ == "__main__":
    logging.getLogger("httpx").setLevel(logging.WARNING)
    asyncio.run(main(sys.argv[1:] or list(PARTS)))
