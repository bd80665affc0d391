"""Tasks of single instants (`@at`): they run once, and are then kept, disabled or deleted."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from falcon_scheduler.core.domain.task import Task
from falcon_scheduler.core.domain.task_definition import After
from tests.conftest import ADMIN, Scheduler, exists, function, wait_until
from tests.stores.samples import a_task

LAST_RUN_IN = timedelta(seconds=30)
"""Long enough to create the tasks and to pause one, also on a busy machine."""
PATIENCE_SECONDS = 120


def at(instant: datetime) -> str:
    return f"@at {instant:%Y-%m-%dT%H:%M:%SZ}"


async def past_task(scheduler: Scheduler, name: str, **definition: Any) -> Task:
    """A task whose instant went by an hour ago, while nobody was there to run it."""
    now = datetime.now(UTC)
    task = a_task(
        id=f"instant-{name}", name=f"instant {name}", schedule=at(now - timedelta(hours=1)), type="function",
        config=function("noop"), **definition,
    )  # fmt: skip
    before = now - timedelta(hours=2)
    stored = await scheduler.services.stores.tasks.insert(replace(task, created_at=before, updated_at=before))
    scheduler.made.append(task.id)
    return stored


@pytest.mark.slow
@pytest.mark.usefixtures("worker")
async def test_a_task_of_one_instant_runs_once_and_is_then_as_its_after_says(scheduler: Scheduler) -> None:
    tasks, services = scheduler.services.stores.tasks, scheduler.services
    due_at = datetime.now(UTC) + LAST_RUN_IN
    kept, disabled, deleted, paused = [
        await scheduler.task(schedule=at(due_at), after=after, config=function("noop"))
        for after in (After.KEEP, After.DISABLE, After.DELETE, After.DISABLE)
    ]
    missed = await past_task(scheduler, "missed", after=After.DISABLE)
    await services.tasks.pause(paused.id, ADMIN)

    async def all_ended() -> bool | None:
        switched_off = [not (await tasks.get(each.id)).definition.enabled for each in (disabled, missed)]
        ran = (await tasks.get(kept.id)).record.total_runs == 1
        return True if all(switched_off) and ran and not await exists(services, deleted.id) else None

    await wait_until(all_ended, "the tasks are kept, disabled and deleted", PATIENCE_SECONDS)
    assert (await tasks.get(disabled.id)).record.total_runs == 1
    assert (await tasks.get(missed.id)).record.total_runs == 0
    still = await tasks.get(kept.id)
    assert (still.definition.enabled, services.tasks.next_run(still)) == (True, None)
    left_alone = await tasks.get(paused.id)
    assert (left_alone.definition.enabled, left_alone.paused, left_alone.record.total_runs) == (True, True, 0)


async def test_a_task_without_an_instant_to_come_is_still_paused_and_resumed_in_prefect(scheduler: Scheduler) -> None:
    """It has no schedule in Prefect, which would only keep the planner busy; the deployment's switch is used."""
    services, client = scheduler.services, scheduler.services.engine.client
    stored = await past_task(scheduler, "switched")
    await services.reconcile.reload()
    task = await services.stores.tasks.get(stored.id)
    path = {"id": task.deployment_id}
    deployment = (await client.request("GET", "/deployments/{id}", path_params=path)).json()
    assert (deployment["schedules"], deployment["paused"]) == ([], False)
    for paused, door in ((True, "pause_deployment"), (False, "resume_deployment")):
        await client.request("POST", f"/deployments/{{id}}/{door}", path_params=path)  # type: ignore[arg-type]

        async def followed(paused: bool = paused) -> bool | None:
            return True if (await services.stores.tasks.get(task.id)).paused is paused else None

        await wait_until(followed, f"the task follows {door}", PATIENCE_SECONDS)


async def test_prefect_shows_the_run_of_an_instant_and_it_follows_every_change(scheduler: Scheduler) -> None:
    services, client = scheduler.services, scheduler.services.engine.client
    first, second = datetime(2099, 1, 1, tzinfo=UTC), datetime(2098, 1, 1, tzinfo=UTC)
    task = await scheduler.task(schedule=at(first))

    async def coming() -> list[datetime]:
        body = {"flow_runs": {"deployment_id": {"any_": [task.deployment_id]}}}
        found = (await client.request("POST", "/flow_runs/filter", json=body)).json()
        return sorted(datetime.fromisoformat(each["expected_start_time"].replace("Z", "+00:00")) for each in found)

    assert await coming() == [first]
    await services.tasks.update(task.id, {"schedule": f"{at(second)}; {at(first)}"}, ADMIN)
    assert await coming() == [second, first]
    await services.tasks.update(task.id, {"schedule": at(second)}, ADMIN)
    assert await coming() == [second]
    await services.tasks.pause(task.id, ADMIN)
    assert await coming() == []
    await services.tasks.resume(task.id, ADMIN)
    assert await coming() == [second]
    await client.request("POST", "/deployments/{id}/pause_deployment", path_params={"id": task.deployment_id})

    async def is_dropped() -> bool | None:
        return True if (await services.tasks.get(task.id)).paused and not await coming() else None

    await wait_until(is_dropped, "the pause in Prefect drops the run", PATIENCE_SECONDS)
    await services.tasks.update(task.id, {"schedule": "0 0 0 1 1 *"}, ADMIN)
    await services.tasks.resume(task.id, ADMIN)
    assert second not in await coming()
