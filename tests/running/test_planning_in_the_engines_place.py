"""While Prefect's scheduler service plans nothing, or a facade died in the middle of a change, the facade plans."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from core.domain.alert import AlertKind
from core.domain.task import Overlap, Task
from core.services.instants import due_between
from core.services.status import Condition
from tests.conftest import ADMIN, Scheduler, wait_until

pytestmark = pytest.mark.usefixtures("worker")


def stamped(file: Path) -> list[datetime]:
    lines = file.read_text().splitlines() if file.exists() else []
    return sorted(datetime.fromisoformat(line) for line in lines)


async def stamping(scheduler: Scheduler, file: Path, schedule: str) -> Task:
    config = {"function_name": "stamping", "module": "tests", "parameters": {"file": str(file)}}
    return await scheduler.task(schedule=schedule, config=config, overlap=Overlap.QUEUE)


@asynccontextmanager
async def planner_off(stack: Any, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[None]:
    """Prefect's server without the service that plans; with it again afterwards."""
    await stack.stop_part("prefect")
    with monkeypatch.context() as patch:
        patch.setenv("PREFECT_SERVER_SERVICES_SCHEDULER_ENABLED", "false")
        await stack.start_part("prefect")
    try:
        yield
    finally:
        await stack.stop_part("prefect")
        await stack.start_part("prefect")


async def test_while_prefect_plans_nothing_the_service_is_degraded_and_every_instant_runs(
    scheduler: Scheduler, stack: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    services = scheduler.services
    before, during = tmp_path / "before", tmp_path / "during"
    tasks = {before: await stamping(scheduler, before, "*/5 * * * * *")}

    async def alert() -> bool:
        return bool(await services.alerts.service.opened([AlertKind.ENGINE_NOT_PLANNING]))

    async def no_alert() -> bool:
        return not await alert()

    async with planner_off(stack, monkeypatch):
        tasks[during] = await stamping(scheduler, during, "1/5 * * * * *")
        await wait_until(alert, "an alert says that nothing is planned", 90)
        status = await services.status.status()
        assert status.condition is Condition.DEGRADED
        assert "plans no runs" in status.message
        enough = datetime.now(UTC) + timedelta(seconds=30)  # what was planned before is used up by then

        async def ran_on() -> bool:
            return all(stamped(file)[-1:] >= [enough] for file in tasks)

        await wait_until(ran_on, "instants that nobody else has planned run", 150)
    await wait_until(no_alert, "Prefect plans again", 90)
    due = {}
    for file, task in tasks.items():
        held = await services.tasks.pause(task.id, ADMIN)
        due[file] = due_between(held, task.created_at, held.updated_at, 1000)

    async def all_ran() -> bool:
        return all(set(due[file]) <= set(stamped(file)) for file in tasks)

    await wait_until(all_ran, "every instant ran", 90)
    assert {file.name: stamped(file) for file in tasks} == {file.name: due[file] for file in tasks}


async def test_a_change_whose_facade_died_before_it_told_the_engine_is_completed(
    scheduler: Scheduler, tmp_path: Path
) -> None:
    file = tmp_path / "orphan"
    task = await stamping(scheduler, file, "0 0 0 29 2 ?")
    now = datetime.now(UTC)
    instant = now.replace(microsecond=0) + timedelta(seconds=2)
    schedule = f"{instant.second} {instant.minute} {instant.hour} {instant.day} {instant.month} ?"

    def orphaned(each: Task) -> Task:
        return each.redefined(replace(each.definition, schedule=schedule), "me", now).to_be_planned(now)

    await scheduler.services.stores.tasks.change(task.id, orphaned)

    async def ran() -> bool:
        return stamped(file) == [instant]

    async def settled() -> bool:
        return (await scheduler.services.tasks.get(task.id)).unplanned_since is None

    await wait_until(ran, "the instant ran")
    await wait_until(settled, "the mark is gone")
