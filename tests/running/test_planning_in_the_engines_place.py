"""While Prefect's scheduler service plans nothing, or a facade died in the middle of a change, the facade plans."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from redis.asyncio import Redis

from falcon_scheduler.api_facade.office import LEASE_RENEWAL, OFFICE
from falcon_scheduler.core.domain.alert import AlertKind
from falcon_scheduler.core.domain.task import Task
from falcon_scheduler.core.domain.task_definition import Overlap
from falcon_scheduler.core.services.status import Condition
from falcon_scheduler.core.services.tasks.fire_times import due_between
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


async def test_a_change_whose_facade_died_before_it_called_the_engine_is_completed(
    scheduler: Scheduler, tmp_path: Path
) -> None:
    file = tmp_path / "orphan"
    task = await stamping(scheduler, file, "0 0 0 29 2 ?")
    now = datetime.now(UTC)
    instant = now.replace(microsecond=0) + timedelta(seconds=2)
    schedule = f"{instant.second} {instant.minute} {instant.hour} {instant.day} {instant.month} ?"

    def orphaned(each: Task) -> Task:
        return each.redefined(replace(each.definition, schedule=schedule), "me", now).to_be_planned(now)

    [as_created] = await scheduler.services.engine.deployments.of_ids([str(task.deployment_id)])
    await scheduler.services.stores.tasks.change(task.id, orphaned)
    await scheduler.services.reconcile.follow(as_created)  # the news of its creation come after the change

    async def ran() -> bool:
        return stamped(file) == [instant]

    async def settled() -> bool:
        return (await scheduler.services.tasks.get(task.id)).unplanned_since is None

    await wait_until(ran, "the instant ran")
    await wait_until(settled, "the mark is gone")


@asynccontextmanager
async def no_other_duties(scheduler: Scheduler, redis_client: Redis) -> AsyncIterator[None]:
    """The facade has lost its office: neither news nor looks at the deployments are followed."""
    lease = scheduler.services.stores.lease
    await redis_client.delete(f"scheduler:lease:{OFFICE}")
    while not await lease.hold(OFFICE, "the test", timedelta(minutes=5)):
        await redis_client.delete(f"scheduler:lease:{OFFICE}")
    await asyncio.sleep(2 * LEASE_RENEWAL.total_seconds())
    yield
    await lease.give_up(OFFICE, "the test")


async def test_a_schedule_that_was_switched_by_itself_is_found_by_its_plan_and_nothing_is_planned_in_its_place(
    scheduler: Scheduler, redis_client: Redis, tmp_path: Path
) -> None:
    services, client, file = scheduler.services, scheduler.services.engine.client, tmp_path / "switched"
    task = await stamping(scheduler, file, "*/2 * * * * *")
    deployment_id = UUID(str(task.deployment_id))

    async def ran() -> bool:
        return bool(stamped(file))

    async def switch(active: bool) -> datetime:
        [schedule] = (await client.read_deployment(deployment_id)).schedules
        await client.update_deployment_schedule(deployment_id, schedule.id, active=active)
        return datetime.now(UTC)

    async def is_paused(wanted: bool) -> bool:
        await services.mirror.plan.look()
        return (await services.tasks.get(task.id)).paused is wanted

    await wait_until(ran, "it fires")
    async with no_other_duties(scheduler, redis_client):
        switched_off = await switch(active=False)
        await wait_until(lambda: is_paused(True), "the task is paused")
        for _ in range(3):
            await asyncio.sleep(4)
            await services.mirror.plan.look()
        taken_before = timedelta(seconds=2)  # a worker takes a run a second before it is due
        assert [each for each in stamped(file) if each > switched_off + taken_before] == []
        await switch(active=True)
        await wait_until(lambda: is_paused(False), "the task goes on")
        resumed = datetime.now(UTC)

        async def ran_on() -> bool:
            return stamped(file)[-1] > resumed

        await wait_until(ran_on, "it fires again")


async def test_planned_runs_of_a_paused_task_are_removed_and_others_stay(
    scheduler: Scheduler, tmp_path: Path
) -> None:
    services = scheduler.services
    plans = services.engine.plans
    task = await stamping(scheduler, tmp_path / "paused", "0 0 0 29 2 ?")
    other = await stamping(scheduler, tmp_path / "other", "0 0 0 29 2 ?")
    paused = await services.tasks.pause(task.id, ADMIN)
    begin = datetime.now(UTC).replace(microsecond=0) + timedelta(minutes=20)  # further than the watch looks ahead
    instants = [begin + timedelta(seconds=number) for number in range(60)]  # more than Prefect deletes at once

    async def planned() -> dict[str, set[datetime]]:
        pages = [page async for page in plans.planned(instants[0], instants[-1])]
        found = [each for page in pages for each in page]
        return {
            each.id: {at for deployment, at in found if deployment == each.deployment_id} for each in (task, other)
        }

    for each in (task, other):
        assert await plans.plan_instants(each, instants) == 60
    assert await plans.drop(paused, instants[1:]) == 59
    assert await planned() == {task.id: {instants[0]}, other.id: {*instants}}
    assert await plans.drop(paused, instants[1:]) == 0
    assert await plans.drop(paused, []) == 0
    assert await plans.drop(other, instants) == 60
