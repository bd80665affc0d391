"""What Prefect can't send, or nobody can read, costs nothing else, and is healed where it is ours."""

from __future__ import annotations

import json
import uuid
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import httpx
import pytest
from prefect.client.orchestration import PrefectClient
from prefect.client.schemas.filters import FlowRunFilter, FlowRunFilterId
from prefect.client.schemas.objects import FlowRun, State
from prefect.exceptions import PrefectHTTPStatusError
from prefect.states import Completed, Running, Scheduled

from falcon_scheduler.adapters.prefect.names import ADOPTION_TAG
from falcon_scheduler.core.domain.execution import ExecutionStatus
from falcon_scheduler.core.domain.task import Task, TaskStatus
from falcon_scheduler.core.domain.task_definition import Overlap
from falcon_scheduler.core.errors import TaskNotFound
from tests.conftest import ADMIN, Scheduler, exists, function, wait_until

POISON = {"x": 1e20}
"""PostgreSQL's jsonb keeps it as an integer of 21 digits, which Prefect can't send."""

pytestmark = pytest.mark.slow


async def poisoned(client: PrefectClient, task: Task, **named: Any) -> FlowRun:
    """A run as the version before this one asked for it."""
    assert task.deployment_id is not None
    return await client.create_flow_run_from_deployment(
        UUID(task.deployment_id), parameters={"parameters": POISON}, **named
    )


async def change(client: PrefectClient, deployment_id: str, **fields: object) -> None:
    await client.request("PATCH", "/deployments/{id}", path_params={"id": deployment_id}, json=fields)


@asynccontextmanager
async def adopted(scheduler: Scheduler, client: PrefectClient) -> AsyncIterator[str]:
    """An adopted deployment. Its id is the task's."""
    flow_id = await client.create_flow_from_name("monthly-report")
    name = f"theirs-{uuid.uuid4().hex[:6]}"
    deployment_id = await client.create_deployment(flow_id, name=name, tags=[ADOPTION_TAG])
    await wait_until(lambda: exists(scheduler.services, str(deployment_id)), "the deployment was taken in")
    try:
        yield str(deployment_id)
    finally:
        await client.delete_deployment(deployment_id)


async def shown_by_prefect(client: PrefectClient, flow_run_id: UUID) -> bool:
    """Whether a list that contains it can be read."""
    wanted = FlowRunFilter(id=FlowRunFilterId(any_=[flow_run_id]))
    try:
        return bool(await client.read_flow_runs(flow_run_filter=wanted))
    except PrefectHTTPStatusError:
        return False


@pytest.mark.usefixtures("worker")
async def test_a_run_that_no_list_of_prefect_can_hold_is_repaired_and_its_task_runs_stops_and_is_deleted(
    scheduler: Scheduler, client: PrefectClient
) -> None:
    task, other = await scheduler.task(), await scheduler.task()
    poison = await poisoned(client, task)
    ended = await scheduler.ended(str(poison.id))
    assert (ended.status, json.loads(ended.output)) == (ExecutionStatus.COMPLETED, POISON), "as it was meant"
    await wait_until(lambda: shown_by_prefect(client, poison.id), "the run can be read in Prefect")
    for each in (other, task):
        assert (await scheduler.run(each)).status is ExecutionStatus.COMPLETED
    assert [each.id for each in await scheduler.history(task)][-1] == str(poison.id)
    later: dict[str, State[Any]] = {"state": Scheduled(scheduled_time=datetime.now(UTC) + timedelta(hours=1))}
    for _ in range(2):
        again = await poisoned(client, task, **later)
        assert str(again.id) not in (await scheduler.services.runs.stop(task.id, ADMIN)).cancelled, "it is ahead"
    await poisoned(client, task)
    await scheduler.services.tasks.delete(task.id, ADMIN)
    with pytest.raises(TaskNotFound):
        await scheduler.services.tasks.get(task.id)
    assert await client.read_flow_runs(limit=1), "Prefect's lists can be read"


@pytest.mark.usefixtures("worker")
async def test_a_waiting_run_that_no_list_can_hold_is_seen_stopped_and_repaired(
    scheduler: Scheduler, client: PrefectClient
) -> None:
    task = await scheduler.task(config=function("sleep", duration="5m"), overlap=Overlap.QUEUE)
    first = await scheduler.execute(task)
    await scheduler.running(first.id)
    poison = await poisoned(client, task)
    await wait_until(lambda: shown_by_prefect(client, poison.id), "the run can be read in Prefect")
    again = await poisoned(client, task)
    cancelled = (await scheduler.services.runs.stop(task.id, ADMIN)).cancelled
    assert {first.id, str(poison.id), str(again.id)} <= set(cancelled)
    for execution_id in cancelled:
        assert (await scheduler.ended(execution_id)).is_cancelled


async def test_an_unreadable_run_of_nobody_here_is_passed_over_and_alerted_on_until_it_is_gone(
    scheduler: Scheduler, client: PrefectClient
) -> None:
    flow_id = await client.create_flow_from_name("somebody-elses")
    name = f"untagged-{uuid.uuid4().hex[:6]}"
    deployment_id = await client.create_deployment(flow_id, name=name)
    theirs = await client.create_flow_run_from_deployment(deployment_id, parameters=POISON)
    try:
        assert not await shown_by_prefect(client, theirs.id)
        task = await scheduler.task()
        assert task.deployment_id is not None
        ours = await client.create_flow_run_from_deployment(UUID(task.deployment_id))
        await client.set_flow_run_state(ours.id, Completed(message="done"), force=True)
        await scheduler.services.mirror.history.sweep()
        assert (await scheduler.ended(str(ours.id))).output == "done"

        async def degraded() -> bool:
            problems = await scheduler.services.alerts.service.opened()
            return any(str(theirs.id) in each.text for each in problems)

        await wait_until(degraded, "the alert is open")
        assert not await shown_by_prefect(client, theirs.id), "what is not ours is left as it is"
    finally:
        await client.delete_flow_run(theirs.id)
        await client.delete_deployment(deployment_id)

    async def well() -> bool:
        return not any(str(theirs.id) in each.text for each in await scheduler.services.alerts.service.opened())

    await wait_until(well, "the alert has recovered")


async def test_a_deployment_with_such_a_number_is_replaced_and_hides_no_other(
    scheduler: Scheduler, client: PrefectClient
) -> None:
    task, other = await scheduler.task(), await scheduler.task()
    assert task.deployment_id is not None
    assert other.deployment_id is not None
    await change(client, task.deployment_id, parameters={"task_id": task.id, "parameters": POISON})
    await change(client, other.deployment_id, paused=True)

    async def followed() -> bool:
        return (await scheduler.services.tasks.get(other.id)).status is TaskStatus.PAUSED

    await wait_until(followed, "the pause of the other one shows")
    outcome = await scheduler.services.reconcile.reload()
    assert outcome.failed == ()
    there = await client.read_deployment(UUID(task.deployment_id))
    assert there.parameters == {"task_id": task.id}


@contextmanager
def not_sent(client: PrefectClient, deployment_id: str) -> Iterator[None]:
    """Prefect fails at every list that contains the deployment, as it does for runs. (It sends these.)"""
    hooks = client._client.event_hooks["response"]

    async def fail(response: httpx.Response) -> None:
        if response.request.url.path.endswith("/deployments/filter"):
            await response.aread()
            if f'"id":"{deployment_id}"' in response.text:
                response.status_code = 500

    hooks.append(fail)
    try:
        yield
    finally:
        hooks.remove(fail)


async def test_a_deployment_that_prefect_cannot_send_keeps_its_task_and_hides_no_other(
    scheduler: Scheduler, client: PrefectClient
) -> None:
    reconcile = scheduler.services.reconcile
    ours, other = await scheduler.task(), await scheduler.task()
    assert ours.deployment_id is not None
    assert other.deployment_id is not None
    async with adopted(scheduler, client) as theirs:
        with not_sent(client, ours.deployment_id), not_sent(client, theirs):
            outcome = await reconcile.reload()
            assert (outcome.failed, outcome.removed) == ((theirs,), 0)
            for deployment_id in (ours.deployment_id, theirs):
                await reconcile.removed(deployment_id)
                await reconcile.left(deployment_id)
            await change(client, other.deployment_id, paused=True)

            async def followed() -> bool:
                return (await scheduler.services.tasks.get(other.id)).status is TaskStatus.PAUSED

            await wait_until(followed, "the pause of the other one shows")
        assert await exists(scheduler.services, ours.id)
        assert await exists(scheduler.services, theirs)
        assert (await reconcile.reload()).failed == ()


async def test_an_adopted_run_with_such_a_number_is_left_alone_until_it_has_ended(
    scheduler: Scheduler, client: PrefectClient
) -> None:
    async with adopted(scheduler, client) as task_id:
        poison = await client.create_flow_run_from_deployment(UUID(task_id), parameters=POISON)
        await client.set_flow_run_state(poison.id, Running())
        await scheduler.running(str(poison.id))
        assert (await client.read_flow_run(poison.id)).parameters["x"] == POISON["x"]
        await client.set_flow_run_state(poison.id, Completed(message="theirs"))
        assert (await scheduler.ended(str(poison.id))).output == "theirs"
        await wait_until(lambda: shown_by_prefect(client, poison.id), "the run can be read in Prefect")
