"""Whatever call of a run's own process fails, and however: the run ends once, in the history and in the engine.

See `test_interrupted_operations`. The process reports its outcome to the engine at its end, as the flow does; the
rescuer ends the run of a process that died.
"""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import timedelta
from itertools import count
from types import SimpleNamespace

import pytest

from falcon_scheduler.core.domain.execution import ExecutionStatus
from falcon_scheduler.core.domain.run import RunPhase
from falcon_scheduler.core.domain.task import Task
from falcon_scheduler.core.domain.work import TaskResult, WorkContext
from falcon_scheduler.core.errors import SchedulerError
from falcon_scheduler.core.services.mirror import rescuer
from falcon_scheduler.core.services.runs import call_policy
from falcon_scheduler.core.services.runs.counting import OutcomeCounting
from falcon_scheduler.core.services.runs.overlap import OverlapRule
from falcon_scheduler.core.services.runs.run_types import Attempt, Ending, RunEnvironment, Ticket
from falcon_scheduler.core.services.runs.running import TaskRunning
from tests.fakes.engine import MemoryRuns
from tests.fakes.faults import Fault, Faults, NonsenseError
from tests.fakes.shop import ADMIN, Kept, Shop, broken_rules
from tests.fakes.trials import DAY, trials

PHASES = {Ending.COMPLETED: RunPhase.SUCCEEDED, Ending.FAILED: RunPhase.FAILED, Ending.CANCELLED: RunPhase.CANCELLED}
CHECKS = 7
"""So often the rescuer looks until a run that was silent all the time is dead."""


@pytest.fixture(autouse=True)
def nobody_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    """Calls are repeated without a pause, and each of the rescuer's checks comes as late as it counts."""
    monkeypatch.setattr(call_policy, "FIRST_PAUSE", timedelta())
    monkeypatch.setattr(call_policy, "LONGEST_PAUSE", timedelta())
    monkeypatch.setattr(call_policy, "STORE_PATIENCE", timedelta(milliseconds=2))
    ticks = count(step=rescuer.LONGEST_STEP.total_seconds())
    monkeypatch.setattr(rescuer, "time", SimpleNamespace(monotonic=lambda: float(next(ticks))))


@asynccontextmanager
async def no_pulse(*of: object) -> AsyncIterator[None]:
    yield


async def nothing_is_shown(attempt: Attempt) -> None: ...


async def no_progress(done: int, total: int | None = None, text: str = "") -> None: ...


class Work:
    """See `core.domain.work.Executor`."""

    async def execute(self, context: WorkContext) -> TaskResult:
        return TaskResult(success=True, output="done")


def running_of(shop: Shop) -> TaskRunning:
    tasks, executions = shop.through(shop.kept.tasks), shop.through(shop.kept.executions)
    return TaskRunning(
        tasks=tasks,
        executions=executions,
        counting=OutcomeCounting(tasks, executions),
        overlap=OverlapRule(
            locks=shop.through(shop.kept.locks),
            tasks=tasks,
            executions=executions,
            cancel=shop.through(MemoryRuns(shop.kept.engine)).cancel,
            cancel_grace=timedelta(),
        ),
        clock=shop.kept.clock,
        executor_for=lambda task_type: Work(),
    )


def environment() -> RunEnvironment:
    return RunEnvironment(
        log=logging.getLogger("a run"),
        progress=no_progress,
        on_retry=nothing_is_shown,
        cancelled=lambda: False,
        pulse=no_pulse,
    )


async def claimed(kept: Kept, shop: Shop) -> Task:
    """A task with one run, which a worker has just begun."""
    task = await shop.task()
    execution = await shop.runs.execute(task.id, parameters={}, priority=None, by=ADMIN)
    kept.engine.enter(execution.id, RunPhase.RUNNING)
    return task


async def perform(shop: Shop, task: Task) -> None:
    """What the run's process does. Its engine sets the run to failed when the flow raises."""
    [run] = [run for run in shop.kept.engine.runs.values() if run.phase is RunPhase.RUNNING]
    ticket = Ticket(execution_id=run.id, task_id=task.id, trigger=run.trigger)
    try:
        outcome = await running_of(shop).perform(ticket, environment())
    except (SchedulerError, NonsenseError):
        shop.kept.engine.enter(run.id, RunPhase.FAILED, message="the flow raised an error")
        raise
    shop.kept.engine.enter(run.id, PHASES[outcome.ending], message=outcome.message)


async def test_the_work_is_over_before_its_end_is_written() -> None:
    kept = Kept()
    task = await claimed(kept, Shop(kept, Faults()))
    [run] = [run for run in kept.engine.runs.values() if run.phase is RunPhase.RUNNING]
    statuses: list[ExecutionStatus] = []
    noted = replace(environment(), work_over=lambda: statuses.append(kept.executions.rows[run.id].status))
    ticket = Ticket(execution_id=run.id, task_id=task.id, trigger=run.trigger)
    await running_of(Shop(kept, Faults())).perform(ticket, noted)
    assert statuses == [ExecutionStatus.RUNNING]
    assert kept.executions.rows[run.id].status is ExecutionStatus.COMPLETED


@pytest.mark.parametrize("kind", Fault)
async def test_a_run_ends_once_and_is_counted_once_whatever_its_process_can_not_reach(kind: Fault) -> None:
    async for trial in trials(claimed, perform, kind, and_then=look_for_the_dead):
        present = trial.present
        assert present is not None
        [run] = [run for run in trial.kept.engine.runs.values() if run.trigger == "manual"]
        execution = trial.kept.executions.rows[run.id]
        assert execution.status.is_terminal, trial.what
        assert run.phase.is_terminal, trial.what
        assert (run.phase is RunPhase.SUCCEEDED) == (execution.status is ExecutionStatus.COMPLETED), trial.what
        assert present.record.total_runs == 1, trial.what
        assert present.record.active == (), trial.what


async def look_for_the_dead(kept: Kept, shop: Shop) -> None:
    for _ in range(CHECKS):
        await shop.rescuer.look()


async def died(kept: Kept, shop: Shop) -> Task:
    """A task whose run's process died at work."""
    task = await claimed(kept, shop)
    [run] = [run for run in kept.engine.runs.values() if run.phase is RunPhase.RUNNING]
    await kept.executions.begin(replace(kept.executions.rows[run.id], status=ExecutionStatus.RUNNING))
    assert await kept.locks.acquire(task.id, run.id, DAY) is not None
    await kept.tasks.change(task.id, lambda each: each.started(run.id, each.created_at, 1))
    return task


async def rescue(shop: Shop, task: Task) -> None:
    await look_for_the_dead(shop.kept, shop)


@pytest.mark.parametrize("kind", Fault)
async def test_a_run_that_died_ends_once_in_both_stores_whichever_call_of_its_rescue_fails(kind: Fault) -> None:
    async for trial in trials(died, rescue, kind, and_then=look_for_the_dead):
        present = trial.present
        assert present is not None
        [run] = [run for run in trial.kept.engine.runs.values() if run.trigger == "manual"]
        assert run.phase is RunPhase.FAILED, trial.what
        assert trial.kept.executions.rows[run.id].status is ExecutionStatus.FAILED, trial.what
        assert (present.record.failure_count, present.record.active) == (1, ()), trial.what
        assert not broken_rules(trial.kept), trial.what
