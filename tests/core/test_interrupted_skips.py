"""Skips and cancellations of single executions, with a fault at every call; see `tests.fakes.trials`."""

from __future__ import annotations

import pytest

from falcon_scheduler.core.domain.execution import ExecutionStatus
from falcon_scheduler.core.domain.outcome import ExecutionOutcome
from falcon_scheduler.core.domain.run import RunPhase
from falcon_scheduler.core.domain.skip import Skip
from falcon_scheduler.core.domain.task import Task
from tests.fakes.faults import Fault
from tests.fakes.shop import ADMIN, Kept, Shop
from tests.fakes.trials import at_work, trials

SKIP = Skip.still_running("another")


async def skipped_in_the_engine(kept: Kept, shop: Shop) -> Task:
    """A task with a run that was skipped and one that the engine's limit refused; neither could be written."""
    task = await shop.task()
    for is_refused in (False, True):
        execution = await shop.runs.execute(task.id, parameters={}, priority=None, by=ADMIN)
        kept.engine.enter(execution.id, RunPhase.SKIPPED, message=SKIP.text, is_plain_cancel=is_refused)
        if is_refused:
            await kept.executions.delete([execution.id])
    return task


async def cancel_all(shop: Shop, task: Task) -> object:
    return [await shop.runs.cancel(each.id, ADMIN) for each in await shop.kept.executions.unfinished(task.id)]


async def skip_what_waits(shop: Shop, task: Task) -> object:
    """What the process of a run does. The engine gets the report even if the skip could not be written."""
    waiting = [each for each in shop.kept.executions.rows.values() if each.status is ExecutionStatus.PENDING]
    for each in waiting:
        try:
            await shop.counting.finish(each.skipped(SKIP, shop.kept.clock.now()))
        finally:
            shop.kept.engine.enter(each.id, RunPhase.SKIPPED, message=SKIP.text)
    return waiting


@pytest.mark.parametrize("kind", Fault)
async def test_after_a_cancel_and_its_repeat_nothing_runs_or_waits_and_the_task_is_not_paused(kind: Fault) -> None:
    async for trial in trials(at_work, cancel_all, kind):
        await cancel_all(trial.shop, trial.task)
        runs = trial.kept.engine.of_deployment(str(trial.task.deployment_id))
        assert not [run for run in runs if run.phase is RunPhase.WAITING], trial.what
        assert not [run for run in runs if run.phase is RunPhase.RUNNING and not run.cancelling], trial.what
        assert trial.present is not None, trial.what
        assert not trial.present.paused, trial.what


@pytest.mark.parametrize("kind", Fault)
async def test_a_skip_is_written_and_counted_once(kind: Fault) -> None:
    async for trial in trials(at_work, skip_what_waits, kind):
        assert trial.present is not None, trial.what
        assert trial.present.record.skipped_count == 1, trial.what


@pytest.mark.parametrize("kind", Fault)
async def test_skips_that_their_runs_could_not_write_are_in_the_history_after_a_sweep(kind: Fault) -> None:
    async for trial in trials(skipped_in_the_engine, lambda shop, task: shop.mirror.sweep(), kind):
        outcomes = [each.outcome for each in trial.kept.executions.rows.values()]
        assert outcomes.count(ExecutionOutcome.SKIPPED) == 2, trial.what
        assert trial.present is not None, trial.what
        assert trial.present.record.skipped_count == 2, trial.what
