"""What a reader waits for while a facade mirrors outcomes, as fast as it can, beside the same reads when it is idle.

    python -m benchmarks.reads                # about four minutes on two cores
    python -m benchmarks.reads --runs 1000

Runs end in Prefect while no facade runs. Then a facade starts, and two clients read lists, a task and the numbers
while it takes the ends over. With MONGODB_URI in the environment the history is there, else in the embedded store.
"""

from __future__ import annotations

import argparse
import asyncio
import itertools
import os
import time
from datetime import UTC, datetime, timedelta

import httpx
from prefect.states import Completed

from benchmarks.burst import read_ms
from benchmarks.every_second import api, say
from benchmarks.measuring import PARTS, tail
from benchmarks.product import gathered
from benchmarks.worker_stage import Stage, load, machine, set_stage

CLIENTS, READERS = 8, 2
TASKS = 10
PAUSE_SECONDS = 0.05
IDLE_READS = 200
SETTLING_SECONDS = 20
PATIENCE = timedelta(minutes=3)


async def main(runs: int) -> None:
    os.environ["API_RATE_LIMIT"] = "0"
    say(f"{machine()}, {load()}")
    async with set_stage(PARTS) as stage, api(stage) as http:
        paths = [await make(http, number) for number in range(TASKS)]
        await stage.stack.stop_part("facade")
        await end_in_prefect(stage, {path.rpartition("/")[2] for path in paths}, runs)
        await stage.stack.start_part("facade")
        await mirrored_while_read(http, paths, runs)
        await asyncio.sleep(SETTLING_SECONDS)
        times: list[float] = []
        for path in itertools.islice(itertools.cycle(reads_of(paths)), IDLE_READS):
            times.append(await read_ms(http, path))
            await asyncio.sleep(PAUSE_SECONDS)
        say(f"reads when idle ({len(times)}): {tail(times)}")
        say(load())


async def make(http: httpx.AsyncClient, number: int) -> str:
    """A task that does not fire by itself. Returns its path."""
    config = {"function_name": "echo", "module": "builtin", "parameters": {}}
    body = {"name": f"read {number}", "type": "function", "schedule": "0 0 0 29 2 *", "config": config}
    return f"/tasks/{(await http.post('/tasks', json=body)).raise_for_status().json()['id']}"


async def end_in_prefect(stage: Stage, task_ids: set[str], runs: int) -> None:
    """Runs of these tasks that have ended, and of which no facade knows."""
    deployments = await stage.client.read_deployments()
    turns = itertools.cycle([each.id for each in deployments if each.parameters.get("task_id") in task_ids])
    began = time.monotonic()
    await gathered(
        CLIENTS,
        [
            lambda: stage.client.create_flow_run_from_deployment(next(turns), state=Completed(message="as it was"))
            for _ in range(runs)
        ],
    )
    say(f"made {runs} ended runs in {time.monotonic() - began:.0f} s")


async def mirrored_while_read(http: httpx.AsyncClient, paths: list[str], runs: int) -> None:
    """Read until the history has all of them."""
    times: list[float] = []
    over = asyncio.Event()
    began = time.monotonic()
    readers = [asyncio.create_task(read_on(http, paths[number:], times, over)) for number in range(READERS)]
    deadline = datetime.now(UTC) + PATIENCE
    first = 0
    while (known := await total(http)) < runs:
        if not first and known:
            first, began = known, time.monotonic()
            times.clear()
        if datetime.now(UTC) > deadline:
            raise TimeoutError(f"{known} of {runs} runs are in the history")
        await asyncio.sleep(PAUSE_SECONDS)
    seconds = time.monotonic() - began
    over.set()
    await asyncio.gather(*readers)
    say(f"mirrored {runs - first} ends in {seconds:.1f} s: {(runs - first) / seconds:.0f} runs/s")
    say(f"reads at that time ({len(times)}): {tail(times)}")


async def read_on(http: httpx.AsyncClient, paths: list[str], times: list[float], over: asyncio.Event) -> None:
    for path in itertools.cycle(reads_of(paths)):
        if over.is_set():
            return
        times.append(await read_ms(http, path))
        await asyncio.sleep(PAUSE_SECONDS)


def reads_of(paths: list[str]) -> list[str]:
    """What a page of the UI asks for."""
    return ["/tasks", "/executions", paths[0], f"{paths[0]}/history", "/stats"]


async def total(http: httpx.AsyncClient) -> int:
    """How many executions the history has."""
    answer = (await http.get("/executions", params={"page_size": 1})).raise_for_status()
    return int(answer.json()["total"])


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--runs", type=int, default=2000)
    asyncio.run(main(parser.parse_args().runs))
