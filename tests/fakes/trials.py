"""Runs an operation once for every call that it makes of any server, with a fault there, and repairs after it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import timedelta

from falcon_scheduler.core.domain.execution import ExecutionStatus
from falcon_scheduler.core.domain.run import RunPhase
from falcon_scheduler.core.domain.task import Task
from falcon_scheduler.core.errors import SchedulerError
from tests.fakes.engine import MemoryDeployments
from tests.fakes.faults import Fault, Faults, NonsenseError, ProcessDied
from tests.fakes.shop import ADMIN, Kept, Shop, broken_rules, repaired

MOST_CALLS = 80
DAY = timedelta(days=1)


@dataclass(frozen=True, kw_only=True)
class Trial:
    """One run of an operation with a fault in it, after the repair."""

    kept: Kept
    shop: Shop
    """The process that repaired."""
    task: Task
    """As it was before."""
    succeeded: bool
    what: str
    """The fault, for messages."""

    @property
    def present(self) -> Task | None:
        return self.kept.tasks.rows.get(self.task.id)

    @property
    def deployments(self) -> list[str]:
        return [each.task_id for each in self.kept.engine.deployments.values()]


Prepare = Callable[[Kept, Shop], Awaitable[Task]]
Operate = Callable[[Shop, Task], Awaitable[object]]


async def no_more(kept: Kept, shop: Shop) -> None: ...


async def trials(
    prepare: Prepare, operate: Operate, kind: Fault, *, and_then: Callable[[Kept, Shop], Awaitable[None]] = no_more
) -> AsyncIterator[Trial]:
    """The operation with the fault at its first call, then at its second, and so on until it makes no more calls.

    `and_then` is what the repair begins with.
    """
    for number in range(1, 2 if kind is Fault.DIES_BEFORE else MOST_CALLS):
        async with prepared(prepare) as (kept, task):
            faults = Faults(kind=kind, at=number)
            succeeded = await survived(operate(Shop(kept, faults), task))
            if faults.number < number:
                assert succeeded, "without a fault the operation succeeds"
                assert number > 1, "the operation makes calls"
                return
            if not faults.happened:  # nobody waited for the answer
                continue
            await and_then(kept, Shop(kept, Faults()))
            shop = await repaired(kept)
            what = f"{kind} at call {number}, {faults.happened[0]}"
            assert not broken_rules(kept), f"{what}: {broken_rules(kept)}"
            yield Trial(kept=kept, shop=shop, task=task, succeeded=succeeded, what=what)
    if kind is Fault.DIES_BEFORE:  # before a later call: the same as after the one that precedes it
        return
    raise AssertionError(f"the operation makes more than {MOST_CALLS} calls")


@asynccontextmanager
async def prepared(prepare: Prepare) -> AsyncIterator[tuple[Kept, Task]]:
    kept = Kept()
    task = await prepare(kept, Shop(kept, Faults()))
    yield kept, kept.tasks.rows.get(task.id, task)


async def survived(operation: Awaitable[object]) -> bool:
    """Whether it went through. It may raise errors of ours and the fault itself, and nothing else."""
    try:
        await operation
    except (SchedulerError, NonsenseError, ProcessDied):
        return False
    return True


async def a_task(kept: Kept, shop: Shop) -> Task:
    return await shop.task()


async def paused(kept: Kept, shop: Shop) -> Task:
    return await shop.tasks.pause((await shop.task()).id, ADMIN)


async def disabled(kept: Kept, shop: Shop) -> Task:
    return await shop.tasks.disable((await shop.task()).id, ADMIN)


async def another_name_is_free(kept: Kept, shop: Shop) -> Task:
    return replace(await shop.task("beside it"), id="none")


async def at_work(kept: Kept, shop: Shop) -> Task:
    """A task with one run at work, one that waits, and one that was asked for and not written down."""
    task = await shop.task()
    for phase in (RunPhase.RUNNING, RunPhase.WAITING):
        execution = await shop.runs.execute(task.id, parameters={}, priority=None, by=ADMIN)
        run = kept.engine.enter(execution.id, phase)
        if phase is RunPhase.RUNNING:
            await kept.executions.begin(replace(execution, status=ExecutionStatus.RUNNING))
            assert await kept.locks.acquire(task.id, run.id, DAY) is not None
            await kept.tasks.change(task.id, lambda each, begun=run.id: each.started(begun, each.created_at, 1))  # type: ignore[misc]
    return task


async def with_old_history(kept: Kept, shop: Shop) -> Task:
    """A task with five old ends."""
    task = await shop.task()
    for _ in range(5):
        execution = await shop.runs.execute(task.id, parameters={}, priority=None, by=ADMIN)
        kept.engine.enter(execution.id, RunPhase.SUCCEEDED)
        await shop.counting.finish(execution.ended(ExecutionStatus.COMPLETED, kept.clock.now()))
        kept.clock.advance(timedelta(minutes=1))
    kept.clock.advance(2 * DAY)
    return task


async def ended_in_the_engine(kept: Kept, shop: Shop) -> Task:
    """A task whose runs have ended, of which the history has nothing yet."""
    task = await at_work(kept, shop)
    for run in kept.engine.of_deployment(str(kept.tasks.rows[task.id].deployment_id)):
        if run.phase in {RunPhase.RUNNING, RunPhase.WAITING}:
            kept.engine.enter(run.id, RunPhase.FAILED, message="it broke")
    return task


async def out_of_step(kept: Kept, shop: Shop) -> Task:
    """Three tasks: one lost its deployment, one was changed since, and a deployment that has no task."""
    task = await shop.task()
    await shop.task("lost")
    kept.engine.deployments = {
        each.as_deployed.id: each for each in kept.engine.deployments.values() if each.task_id == task.id
    }
    stray = replace(task, id="stray", deployed=None)
    await MemoryDeployments(kept.engine).deploy(stray)
    now = kept.clock.now()
    await kept.tasks.change(task.id, lambda each: each.with_paused(True, "somebody", now).to_be_planned(now))
    return task


async def paused_in_the_engine(kept: Kept, shop: Shop) -> Task:
    task = await shop.task()
    kept.clock.advance(timedelta(seconds=10))
    for deployment_id, each in kept.engine.deployments.items():
        as_sent = replace(each.as_deployed, active=False)
        kept.engine.deployments[deployment_id] = replace(each, as_deployed=as_sent, changed_at=kept.clock.now())
    return task
