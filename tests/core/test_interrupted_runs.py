"""Whatever call of an operation on runs fails, and however: each run ends once, everywhere, and is counted once.

See `test_interrupted_operations`.
"""

from __future__ import annotations

import pytest

from falcon_scheduler.core.domain.run import RunPhase
from falcon_scheduler.core.domain.task import Task
from tests.fakes.faults import Fault
from tests.fakes.records import entries_of
from tests.fakes.shop import ADMIN, Shop
from tests.fakes.trials import DAY, a_task, at_work, ended_in_the_engine, trials, with_old_history


async def execute(shop: Shop, task: Task) -> object:
    return await shop.runs.execute(task.id, parameters={"a": 1}, priority=None, by=ADMIN)


async def execute_with_a_key(shop: Shop, task: Task) -> object:
    return await shop.runs.execute(task.id, parameters={}, priority=None, by=ADMIN, key="k")


async def clean(shop: Shop, task: Task) -> object:
    return await shop.retention.clean(DAY)


async def stop(shop: Shop, task: Task) -> object:
    return await shop.runs.stop(task.id, ADMIN)


async def sweep(shop: Shop, task: Task) -> None:
    await shop.mirror.sweep()


@pytest.mark.parametrize("kind", Fault)
async def test_after_a_stop_and_its_repeat_nothing_of_the_task_runs_or_waits(kind: Fault) -> None:
    async for trial in trials(at_work, stop, kind):
        await stop(trial.shop, trial.task)
        runs = trial.kept.engine.of_deployment(str(trial.task.deployment_id))
        waiting = [run for run in runs if run.phase is RunPhase.WAITING]
        at_work_still = [run for run in runs if run.phase is RunPhase.RUNNING and not run.cancelling]
        assert not waiting, trial.what
        assert not at_work_still, trial.what


@pytest.mark.parametrize("kind", Fault)
async def test_what_was_answered_to_an_execute_runs_and_is_in_the_history(kind: Fault) -> None:
    async for trial in trials(a_task, execute, kind):
        manual = [run for run in trial.kept.engine.runs.values() if run.trigger == "manual"]
        assert len(manual) <= 1, trial.what
        assert manual or not trial.succeeded, trial.what
        assert all(run.id in trial.kept.executions.rows for run in manual), trial.what
        assert bool(entries_of(trial.kept.audit, trial.task.id)) or not manual, trial.what


@pytest.mark.parametrize("kind", Fault)
async def test_a_repeat_under_the_same_key_makes_one_run(kind: Fault) -> None:
    async for trial in trials(a_task, execute_with_a_key, kind):
        again = await trial.shop.runs.execute(trial.task.id, parameters={}, priority=None, by=ADMIN, key="k")
        manual = [run.id for run in trial.kept.engine.runs.values() if run.trigger == "manual"]
        assert manual == [again.id], trial.what


@pytest.mark.parametrize("kind", Fault)
async def test_the_sweep_ends_every_run_once_and_frees_its_lock(kind: Fault) -> None:
    async for trial in trials(ended_in_the_engine, sweep, kind):
        present = trial.present
        assert present is not None
        failed = [run for run in trial.kept.engine.runs.values() if run.phase is RunPhase.FAILED]
        assert present.record.failure_count == len(failed) >= 2, trial.what
        assert present.record.active == (), trial.what
        expires_by_itself = "LockService" in trial.what or "mark_counted" in trial.what  # nothing says so any more
        assert expires_by_itself or await trial.kept.locks.holder(trial.task.id) is None, trial.what


@pytest.mark.parametrize("kind", Fault)
async def test_retention_removes_what_is_old_but_the_last_and_keeps_the_counters(kind: Fault) -> None:
    async for trial in trials(with_old_history, clean, kind):
        await trial.shop.retention.clean(DAY)
        present = trial.present
        assert present is not None
        ended = [each for each in trial.kept.executions.rows.values() if each.status.is_terminal]
        assert len(ended) == 1, trial.what
        assert present.record.total_runs == 5, trial.what
        assert present.record.removed_count == 4, trial.what
        assert not {*present.record.removing} & trial.kept.executions.rows.keys(), trial.what
