"""What the engine's ports do: Prefect's adapters, and the fakes that the failure tests stand on."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import pytest_asyncio

from falcon_scheduler.api_facade.composition.services import Services
from falcon_scheduler.core.domain.execution import ExecutionStatus, Trigger
from falcon_scheduler.core.domain.priority import Priority
from falcon_scheduler.core.domain.run import Run, RunPhase
from falcon_scheduler.core.domain.task import Source, Task
from falcon_scheduler.core.domain.task_definition import TaskDefinition
from falcon_scheduler.core.errors import Conflict
from falcon_scheduler.core.ports import Deployments, Plans, Runs, TaskStore
from falcon_scheduler.core.services.mirror.run_pictures import picture_of
from falcon_scheduler.core.services.runs.idempotency import run_key
from tests.conftest import NEVER
from tests.fakes.clock import SetClock
from tests.fakes.engine import EngineState, MemoryDeployments, MemoryPlans, MemoryRuns
from tests.fakes.stores import MemoryTaskStore

HOURLY = "0 0 * * * *"


@dataclass(kw_only=True)
class EngineUnderTest:
    """One implementation of each port, and the store beside it, so that no reload takes a deployment for a stray."""

    deployments: Deployments
    plans: Plans
    runs: Runs
    tasks: TaskStore
    now: datetime

    async def deployed(self, **definition: Any) -> Task:
        """A task that is stored and deployed."""
        key = run_key()[-12:]
        given = {"name": f"contract {key}", "type": "function", "schedule": NEVER, **definition}
        task = Task(
            id=f"contract-{key}",
            definition=TaskDefinition(**given),
            source=Source.API,
            created_at=self.now,
            updated_at=self.now,
            created_by="the tests",
            updated_by="the tests",
        )
        await self.tasks.insert(task)
        return await self.redeployed(task)

    async def redeployed(self, task: Task) -> Task:
        sent = await self.deployments.deploy(task)
        return await self.tasks.change(task.id, lambda each: replace(each, definition=task.definition, deployed=sent))

    async def start(self, task: Task, key: str = "") -> Run:
        return await self.runs.start(task, parameters={}, priority=Priority.NORMAL, key=key or run_key())

    async def forget(self, task: Task) -> None:
        await self.tasks.delete(task.id)
        await self.deployments.remove(task)


@pytest.fixture(params=["prefect", "memory"])
def engine(request: pytest.FixtureRequest) -> EngineUnderTest:
    if request.param == "memory":
        clock = SetClock()
        state = EngineState(clock=clock)
        return EngineUnderTest(
            deployments=MemoryDeployments(state),
            plans=MemoryPlans(state),
            runs=MemoryRuns(state),
            tasks=MemoryTaskStore(),
            now=clock.now(),
        )
    services: Services = request.getfixturevalue("services")
    ports = services.engine
    return EngineUnderTest(
        deployments=ports.deployments,
        plans=ports.plans,
        runs=ports.runs,
        tasks=services.stores.tasks,
        now=datetime.now(UTC),
    )


@pytest_asyncio.fixture
async def task(engine: EngineUnderTest) -> AsyncIterator[Task]:
    task = await engine.deployed()
    yield task
    await engine.forget(task)


async def test_a_deployment_is_as_the_task_says_and_may_be_made_again(engine: EngineUnderTest, task: Task) -> None:
    assert task.deployed is not None
    assert (task.deployed.active, task.deployed.fingerprint) == (True, engine.deployments.fingerprint(task))
    assert await engine.deployments.deploy(task) == task.deployed
    [found] = await engine.deployments.of_ids([task.deployed.id])
    assert (found.task_id, found.as_deployed, found.adopted) == (task.id, task.deployed, None)
    assert task.id in {each.task_id async for each in engine.deployments.all()}
    assert await engine.deployments.is_there(task.deployed.id)


async def test_a_changed_task_has_another_fingerprint_and_keeps_its_deployment(
    engine: EngineUnderTest, task: Task
) -> None:
    held = replace(task, paused=True, definition=replace(task.definition, priority=Priority.HIGH))
    sent = await engine.deployments.deploy(held)
    assert task.deployed is not None
    assert (sent.id, sent.active) == (task.deployed.id, False)
    assert sent.fingerprint == engine.deployments.fingerprint(held) != task.deployed.fingerprint


async def test_a_removed_deployment_is_gone_with_its_runs_and_may_be_removed_again(engine: EngineUnderTest) -> None:
    task = await engine.deployed()
    run = await engine.start(task)
    await engine.forget(task)
    await engine.deployments.remove(task)
    deployment_id = str(task.deployment_id)
    assert not await engine.deployments.is_there(deployment_id)
    assert [*await engine.deployments.of_ids([deployment_id])] == []
    assert await engine.runs.find(run.id) is None
    with pytest.raises(Conflict):
        await engine.start(task)


async def test_deployments_that_are_removed_at_the_same_time_are_gone_with_their_runs_and_no_other_is(
    engine: EngineUnderTest, task: Task
) -> None:
    tasks = [await engine.deployed(schedule=HOURLY) for _ in range(6)]
    waiting, ended, lost = tasks[0], tasks[1], str(tasks[2].deployment_id)
    runs = [await engine.start(each) for each in (waiting, ended, task)]
    await engine.runs.cancel(runs[1].id)
    await engine.deployments.remove_deployment(lost)
    for each in tasks:
        await engine.tasks.delete(each.id)
    first = asyncio.create_task(engine.deployments.remove(tasks[3]))
    others = asyncio.gather(*map(engine.deployments.remove, [*tasks, tasks[0]]))  # they wait, and one of them twice
    await asyncio.sleep(0)
    first.cancel()  # its client has left
    await others
    ids = [str(each.deployment_id) for each in (*tasks, task)]
    assert [each.as_deployed.id for each in await engine.deployments.of_ids(ids)] == [task.deployment_id]
    assert (await engine.runs.of_ids([run.id for run in runs])).keys() == {runs[2].id}


async def test_one_key_makes_one_run(engine: EngineUnderTest, task: Task) -> None:
    key = run_key()
    first, again, other = await engine.start(task, key), await engine.start(task, key), await engine.start(task)
    assert first.id == again.id != other.id
    assert (first.trigger, first.deployment_id) == (Trigger.MANUAL, task.deployment_id)
    waiting = {run.id for run in await engine.runs.unfinished(str(task.deployment_id))}
    assert waiting == {first.id, other.id}
    assert (await engine.runs.of_ids([first.id, "unknown"])).keys() == {first.id}


async def test_a_task_that_is_not_deployed_can_not_be_started(engine: EngineUnderTest, task: Task) -> None:
    with pytest.raises(Conflict):
        await engine.start(replace(task, deployed=None))


async def test_what_waits_is_cancelled_at_once_and_may_be_again(engine: EngineUnderTest, task: Task) -> None:
    run = await engine.start(task)
    for _ in range(2):
        await engine.runs.cancel(run.id)
    cancelled = await engine.runs.find(run.id)
    assert cancelled is not None
    assert cancelled.phase is RunPhase.CANCELLED
    assert [*await engine.runs.unfinished(str(task.deployment_id))] == []
    await engine.runs.cancel("00000000-0000-4000-8000-000000000000")


async def test_a_run_is_concluded_as_its_execution_ended_and_may_be_again(
    engine: EngineUnderTest, task: Task
) -> None:
    for status, phase in (
        (ExecutionStatus.FAILED, RunPhase.FAILED),
        (ExecutionStatus.COMPLETED, RunPhase.SUCCEEDED),
    ):
        run = await engine.start(
            task
        )  # one each: beside this test the mirror keeps a run to the first end it has seen
        execution = picture_of(task, run, engine.now)
        await engine.runs.conclude(execution.ended(status, engine.now, output="done", error="it broke"))
        concluded = await engine.runs.find(run.id)
        assert concluded is not None
        assert concluded.phase is phase
        gone = replace(execution, id="00000000-0000-4000-8000-000000000000")
        await engine.runs.conclude(gone.ended(status, engine.now))


async def test_instants_are_planned_once(engine: EngineUnderTest) -> None:
    task = await engine.deployed(schedule=HOURLY)
    past = engine.now.replace(minute=0, second=0, microsecond=0) - timedelta(hours=5)
    instants = [past, past + timedelta(hours=1)]
    held = await engine.redeployed(replace(task, paused=True))  # nothing but these is due
    assert await engine.plans.plan_instants(held, instants) == 2
    assert await engine.plans.plan_instants(held, instants) == 0
    span = (past - timedelta(minutes=1), past + timedelta(hours=2))
    planned = [each async for page in engine.plans.planned(*span) for each in page if each[0] == task.deployment_id]
    assert sorted(planned) == [(str(task.deployment_id), instant) for instant in instants]
    await engine.forget(task)
