"""How fast the mirror catches up, and how soon what is done at one door shows at the other.

    python -m benchmarks.mirror            # about three minutes on two cores
    python -m benchmarks.mirror --runs 500 --times 5

Starts servers of its own on a home that is thrown away. Prints the figures of docs/reliability.md.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import statistics
import sys
import time
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from uuid import UUID

from prefect.context import refresh_global_settings_context
from prefect.states import Cancelled, Completed

from falcon_scheduler.adapters.settings import Settings
from falcon_scheduler.api_facade.composition.services import Services, open_services
from falcon_scheduler.core.domain.principal import Principal
from falcon_scheduler.core.domain.task import Task
from falcon_scheduler.core.domain.task_definition import TaskDefinition
from falcon_scheduler.deployments.stack.embedded import EmbeddedStack

NEVER = "0 0 0 29 2 ?"
SOMEBODY = Principal(user_id="benchmark", character_id=1, is_super_admin=True)


def say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


async def make_task(services: Services, name: str) -> Task:
    config = {"function_name": "echo", "module": "builtin", "parameters": {}}
    return await services.tasks.create(
        TaskDefinition(name=name, type="function", schedule=NEVER, config=config), SOMEBODY
    )


async def catch_up(services: Services, many: int) -> None:
    """Runs that ended while no facade ran: none is in MongoDB."""
    tasks = [await make_task(services, f"caught up with {number}") for number in range(10)]
    client = services.engine.client
    gate = asyncio.Semaphore(8)

    async def one(number: int) -> None:
        async with gate:
            task = tasks[number % len(tasks)]
            await client.create_flow_run_from_deployment(
                UUID(task.deployment_id), state=Completed(message=f"outcome {number}")
            )

    began = time.monotonic()
    await asyncio.gather(*(one(number) for number in range(many)))
    say(f"made {many} ended runs in {time.monotonic() - began:.0f} s")
    for what in ("nothing in the history yet", "all in the history already"):
        began_at = datetime.now(UTC)
        began = time.monotonic()
        async for runs in services.engine.runs.changed_between(began_at - timedelta(hours=1), began_at):
            await services.mirror.history.apply(runs)
        seconds = time.monotonic() - began
        say(f"catch-up, {what}: {many / seconds:.0f} runs/s")
    counted = sum([(await services.tasks.get(task.id)).record.total_runs for task in tasks])
    say(f"counted {counted} of {many}")


async def seen(holds: Callable[[], Awaitable[Any]]) -> float:
    """Milliseconds until it holds."""
    began = time.monotonic()
    while not await holds():
        await asyncio.sleep(0.01)
        if time.monotonic() - began > 30:
            raise TimeoutError
    return (time.monotonic() - began) * 1000


async def doors(services: Services, times: int) -> None:
    client, stores = services.engine.client, services.stores
    task = await make_task(services, "behind doors")
    deployment_id = UUID(task.deployment_id)
    found: dict[str, list[float]] = {}

    async def is_paused(wanted: bool) -> bool:
        return (await services.tasks.get(task.id)).paused is wanted

    for _ in range(times):
        await client.pause_deployment(deployment_id)
        found.setdefault("pause in Prefect", []).append(await seen(lambda: is_paused(True)))
        await client.resume_deployment(deployment_id)
        found.setdefault("resume in Prefect", []).append(await seen(lambda: is_paused(False)))
        path = {"id": str(deployment_id)}
        there = (await client.request("GET", "/deployments/{id}", path_params=path)).json()
        await client.update_deployment_schedule(deployment_id, UUID(there["schedules"][0]["id"]), active=False)
        found.setdefault("schedule switched off in Prefect", []).append(await seen(lambda: is_paused(True)))
        await services.tasks.resume(task.id, SOMEBODY)
        flow_run = await client.create_flow_run_from_deployment(deployment_id)

        async def status(flow_run_id: str = str(flow_run.id)) -> str:
            known = (await stores.executions.of_ids([flow_run_id])).get(flow_run_id)
            return str(known.status) if known else ""

        found.setdefault("run in Prefect", []).append(await seen(status))
        await client.set_flow_run_state(flow_run.id, Cancelled())

        async def failed() -> bool:
            return await status() == "failed"

        found.setdefault("cancel in Prefect", []).append(await seen(failed))
    for number in range(times):
        doomed = await make_task(services, f"deleted in Prefect {number}")
        await client.delete_deployment(UUID(doomed.deployment_id))

        async def gone(deployment_id: str = str(doomed.deployment_id)) -> bool:
            return not await stores.tasks.of_deployments([deployment_id])

        found.setdefault("delete in Prefect", []).append(await seen(gone))
    for what, each in found.items():
        say(f"{what}: median {statistics.median(each):.0f} ms, longest {max(each):.0f} ms of {len(each)}")


async def main(many: int, times: int) -> None:
    with TemporaryDirectory(prefix="falcon-mirror-") as home:
        async with EmbeddedStack(Path(home), parts={"postgres", "valkey", "mongo", "prefect"}) as stack:
            os.environ.update(stack.environment)
            refresh_global_settings_context()
            async with open_services(Settings.load()) as services:
                await services.preparation.work()
                await services.reconcile.reload()
                await catch_up(services, many)
                background = asyncio.create_task(services.leader.run())
                await asyncio.sleep(3)
                await doors(services, times)
                background.cancel()
                await asyncio.gather(background, return_exceptions=True)


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--runs", type=int, default=2000)
    parser.add_argument("--times", type=int, default=20)
    given = parser.parse_args()
    asyncio.run(main(given.runs, given.times))
