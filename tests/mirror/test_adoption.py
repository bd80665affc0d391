"""Deployments that somebody else made and tagged `scheduler-task`: in the API, and still their owner's."""

from __future__ import annotations

import uuid
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import pytest
import pytest_asyncio
from prefect.client.orchestration import PrefectClient
from prefect.states import Completed, Running

from falcon_scheduler.adapters.prefect.names import ADOPTION_TAG
from falcon_scheduler.core.domain.execution import ExecutionStatus, Trigger
from falcon_scheduler.core.domain.outcome import CANCELLED_ERROR
from falcon_scheduler.core.domain.priority import Priority
from falcon_scheduler.core.domain.task import Source, TaskStatus
from falcon_scheduler.core.errors import ImportedTask
from tests.conftest import ADMIN, Scheduler, exists, wait_until


@dataclass
class Shop:
    """A team with Prefect deployments of its own."""

    client: PrefectClient
    deployment_id: UUID

    async def read(self) -> dict[str, Any]:
        path = {"id": str(self.deployment_id)}
        found: dict[str, Any] = (await self.client.request("GET", "/deployments/{id}", path_params=path)).json()
        return found


@pytest_asyncio.fixture
async def shop(scheduler: Scheduler) -> AsyncIterator[Shop]:
    client = scheduler.services.engine.client
    flow_id = await client.create_flow_from_name("nightly-report")
    deployment_id = await client.create_deployment(
        flow_id,
        name=f"theirs-{uuid.uuid4().hex[:6]}",
        tags=[ADOPTION_TAG, "finance"],
        description="Sums it up",
        parameters={"depth": 1},
    )
    body = [{"schedule": {"cron": "15 3 * * *", "timezone": "Europe/Berlin"}, "active": True}]
    await client.request("POST", "/deployments/{id}/schedules", path_params={"id": str(deployment_id)}, json=body)
    shop = Shop(client, deployment_id)

    async def adopted() -> bool:
        if not await exists(scheduler.services, str(deployment_id)):
            return False
        return (await scheduler.services.tasks.get(str(deployment_id))).definition.schedule != ""

    await wait_until(adopted, "the deployment was taken in")
    yield shop
    if (await client.request("POST", "/deployments/filter", json=only(deployment_id))).json():
        await client.delete_deployment(deployment_id)


def only(deployment_id: UUID) -> dict[str, Any]:
    return {"deployments": {"id": {"any_": [str(deployment_id)]}}}


async def test_it_appears_as_a_custom_task_that_was_imported(scheduler: Scheduler, shop: Shop) -> None:
    task = await scheduler.services.tasks.get(str(shop.deployment_id))
    assert task.source is Source.IMPORT
    assert task.definition.type == "custom"
    assert task.definition.schedule == "0 15 3 * * *"
    assert task.definition.timezone == "Europe/Berlin"
    assert task.definition.description == "Sums it up"
    assert task.definition.tags == ("finance",)
    assert task.definition.name.startswith("nightly-report/theirs-")
    assert scheduler.services.tasks.next_run(task) is not None


async def test_its_runs_make_a_history_whoever_started_them(scheduler: Scheduler, shop: Shop) -> None:
    task = await scheduler.services.tasks.get(str(shop.deployment_id))
    asked = await scheduler.services.runs.execute(task.id, parameters={"depth": 7}, priority=Priority.HIGH, by=ADMIN)
    theirs = await shop.client.create_flow_run_from_deployment(shop.deployment_id)
    assert (await shop.client.read_flow_run(UUID(asked.id))).parameters == {"depth": 7}
    for flow_run_id in (UUID(asked.id), theirs.id):
        await shop.client.set_flow_run_state(flow_run_id, Running())
    await scheduler.running(asked.id)
    for flow_run_id in (UUID(asked.id), theirs.id):
        await shop.client.set_flow_run_state(flow_run_id, Completed(message="All summed up"))
    ended = await scheduler.ended(asked.id)
    assert ended.status is ExecutionStatus.COMPLETED
    assert ended.output == "All summed up"
    assert (await scheduler.ended(str(theirs.id))).trigger is Trigger.PREFECT

    async def counted() -> bool:
        return (await scheduler.services.tasks.get(task.id)).record.success_count == 2

    await wait_until(counted, "both runs are counted")
    assert (await scheduler.services.tasks.get(task.id)).status is TaskStatus.COMPLETED


async def test_stop_cancels_its_runs_and_pause_holds_its_schedule(scheduler: Scheduler, shop: Shop) -> None:
    task_id = str(shop.deployment_id)
    flow_run = await shop.client.create_flow_run_from_deployment(shop.deployment_id)
    outcome = await scheduler.services.runs.stop(task_id, ADMIN)
    assert str(flow_run.id) in outcome.cancelled
    assert (await scheduler.ended(str(flow_run.id))).error == CANCELLED_ERROR
    assert (await shop.read())["paused"]
    await scheduler.services.tasks.resume(task_id, ADMIN)
    there = await shop.read()
    assert not there["paused"]
    assert there["schedules"][0]["schedule"]["cron"] == "15 3 * * *"


async def test_it_is_neither_changed_nor_deleted_from_here_nor_overwritten_by_a_reload(
    scheduler: Scheduler, shop: Shop
) -> None:
    before = await shop.read()
    with pytest.raises(ImportedTask):
        await scheduler.services.tasks.update(str(shop.deployment_id), {"description": "Ours"}, ADMIN)
    with pytest.raises(ImportedTask):
        await scheduler.services.tasks.delete(str(shop.deployment_id), ADMIN)
    await scheduler.services.reconcile.reload()
    after = await shop.read()
    for volatile in ("updated", "status", "last_polled"):
        before.pop(volatile, None)
        after.pop(volatile, None)
    assert after == before


async def test_what_its_owner_changes_shows_here_and_without_the_tag_it_leaves(
    scheduler: Scheduler, shop: Shop
) -> None:
    path = {"id": str(shop.deployment_id)}
    await shop.client.request("PATCH", "/deployments/{id}", path_params=path, json={"description": "Other words"})

    async def changed() -> bool:
        task = await scheduler.services.tasks.get(str(shop.deployment_id))
        return task.definition.description == "Other words"

    await wait_until(changed, "the description has changed here too")
    await shop.client.request("PATCH", "/deployments/{id}", path_params=path, json={"tags": ["finance"]})

    async def gone() -> bool:
        return not await exists(scheduler.services, str(shop.deployment_id))

    await wait_until(gone, "the task has left")
