"""Whatever call of an operation fails, and however: after the repair nothing is lost, doubled or half written.

Each operation runs once for every call that it makes of any server, and for every kind of fault at that call. Then
the duties of another process repair what was left behind, and the rules of docs/reliability.md are checked. The
servers are the fakes of `tests.fakes`, which pass the contract suites of the real ones.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import timedelta

import pytest

from falcon_scheduler.core.domain.audit import Action, ChangeOutcome
from falcon_scheduler.core.domain.execution import ExecutionStatus
from falcon_scheduler.core.domain.run import RunPhase
from falcon_scheduler.core.domain.task import Task
from falcon_scheduler.core.errors import SchedulerError
from falcon_scheduler.core.services.mirror import reconcile
from tests.fakes.engine import MemoryDeployments
from tests.fakes.faults import Fault, Faults, NonsenseError, ProcessDied
from tests.fakes.records import entries_of
from tests.fakes.shop import ADMIN, Kept, Shop, broken_rules, repaired

MOST_CALLS = 80
DAY = timedelta(days=1)


@pytest.fixture(autouse=True)
def removals_are_known_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reconcile, "REMOVAL_KNOWN_AFTER", timedelta())


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


async def trials(prepare: Prepare, operate: Operate, kind: Fault) -> AsyncIterator[Trial]:
    """The operation with the fault at its first call, then at its second, and so on until it makes no more calls."""
    for number in range(1, MOST_CALLS):
        async with _prepared(prepare) as (kept, task):
            faults = Faults(kind=kind, at=number)
            succeeded = await _survived(operate(Shop(kept, faults), task))
            if faults.number < number:
                assert succeeded, "without a fault the operation succeeds"
                assert number > 1, "the operation makes calls"
                return
            if not faults.happened:  # nobody waited for the answer
                continue
            shop = await repaired(kept)
            what = f"{kind} at call {number}, {faults.happened[0]}"
            assert not broken_rules(kept), f"{what}: {broken_rules(kept)}"
            yield Trial(kept=kept, shop=shop, task=task, succeeded=succeeded, what=what)
    raise AssertionError(f"the operation makes more than {MOST_CALLS} calls")


@asynccontextmanager
async def _prepared(prepare: Prepare) -> AsyncIterator[tuple[Kept, Task]]:
    kept = Kept()
    task = await prepare(kept, Shop(kept, Faults()))
    yield kept, kept.tasks.rows.get(task.id, task)


async def _survived(operation: Awaitable[object]) -> bool:
    """Whether it went through. It may raise errors of ours and the fault itself, and nothing else."""
    try:
        await operation
    except (SchedulerError, NonsenseError, ProcessDied):
        return False
    return True


async def a_task(kept: Kept, shop: Shop) -> Task:
    return await shop.task()


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
        told = replace(each.as_deployed, active=False)
        kept.engine.deployments[deployment_id] = replace(each, as_deployed=told, changed_at=kept.clock.now())
    return task


async def new(shop: Shop, task: Task) -> object:
    return await shop.task("new")


async def update(shop: Shop, task: Task) -> object:
    return await shop.tasks.update(task.id, {"schedule": "30 * * * * *", "timeout": timedelta(minutes=1)}, ADMIN)


async def execute(shop: Shop, task: Task) -> object:
    return await shop.runs.execute(task.id, parameters={"a": 1}, priority=None, by=ADMIN)


async def execute_with_a_key(shop: Shop, task: Task) -> object:
    return await shop.runs.execute(task.id, parameters={}, priority=None, by=ADMIN, key="k")


async def clean(shop: Shop, task: Task) -> object:
    return await shop.retention.clean(DAY)


OPERATIONS: dict[str, tuple[Prepare, Operate]] = {
    "create": (another_name_is_free, new),
    "update": (a_task, update),
    "delete": (at_work, lambda shop, task: shop.tasks.delete(task.id, ADMIN)),
    "pause": (a_task, lambda shop, task: shop.tasks.pause(task.id, ADMIN)),
    "disable": (a_task, lambda shop, task: shop.tasks.disable(task.id, ADMIN)),
    "execute": (a_task, execute),
    "execute with a key": (a_task, execute_with_a_key),
    "stop": (at_work, lambda shop, task: shop.runs.stop(task.id, ADMIN)),
    "reload": (out_of_step, lambda shop, task: shop.reconcile.reload_for(ADMIN)),
    "take over a switch": (paused_in_the_engine, lambda shop, task: shop.reconcile.reload()),
    "sweep": (ended_in_the_engine, lambda shop, task: shop.mirror.sweep()),
    "watch the plan": (a_task, lambda shop, task: shop.plan.look()),
    "retention": (with_old_history, clean),
}


@pytest.mark.parametrize("kind", Fault)
@pytest.mark.parametrize("name", ["reload", "take over a switch", "watch the plan"])
async def test_no_rule_is_broken_whichever_call_of_an_operation_fails(name: str, kind: Fault) -> None:
    prepare, operate = OPERATIONS[name]
    assert [each async for each in trials(prepare, operate, kind)]


@pytest.mark.parametrize("kind", Fault)
async def test_a_create_is_whole_or_not_at_all(kind: Fault) -> None:
    async for trial in trials(another_name_is_free, new, kind):
        named = [task for task in trial.kept.tasks.rows.values() if task.definition.name == "new"]
        may_stay = kind in {Fault.DIES_AFTER, Fault.DIES_BEFORE, Fault.AWAY_FROM_HERE}  # nobody can take it back
        assert trial.succeeded == bool(named) or may_stay, trial.what
        assert all(entries_of(trial.kept.audit, task.id) for task in named), trial.what


@pytest.mark.parametrize("kind", Fault)
async def test_a_task_is_deleted_with_all_that_it_had_or_stays(kind: Fault) -> None:
    async for trial in trials(at_work, OPERATIONS["delete"][1], kind):
        if trial.present is not None:
            assert not trial.succeeded, trial.what
            await trial.shop.tasks.delete(trial.task.id, ADMIN)  # a repeat completes it
        assert trial.deployments == [], trial.what
        assert entries_of(trial.kept.audit, trial.task.id), trial.what
        trial.kept.clock.advance(2 * DAY)
        await trial.shop.mirror.sweep()
        await trial.shop.retention.clean(DAY)
        assert trial.kept.executions.rows == {}, trial.what


@pytest.mark.parametrize("kind", Fault)
@pytest.mark.parametrize("name", ["update", "pause", "disable"])
async def test_a_change_that_was_made_stays_and_is_in_the_audit(name: str, kind: Fault) -> None:
    prepare, operate = OPERATIONS[name]
    async for trial in trials(prepare, operate, kind):
        assert trial.present is not None, trial.what
        changed = (trial.present.definition, trial.present.paused) != (trial.task.definition, trial.task.paused)
        assert changed or not trial.succeeded, trial.what
        entries = [each for each in entries_of(trial.kept.audit, trial.task.id) if each.action is Action(name)]
        assert entries or not changed, f"{trial.what}: the change is in no entry"
        assert changed or ChangeOutcome.APPLIED not in {each.outcome for each in entries}, trial.what
        await operate(trial.shop, trial.task)  # a repeat does what is left


@pytest.mark.parametrize("kind", Fault)
async def test_after_a_stop_and_its_repeat_nothing_of_the_task_runs_or_waits(kind: Fault) -> None:
    async for trial in trials(at_work, OPERATIONS["stop"][1], kind):
        await OPERATIONS["stop"][1](trial.shop, trial.task)
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
    async for trial in trials(ended_in_the_engine, OPERATIONS["sweep"][1], kind):
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
