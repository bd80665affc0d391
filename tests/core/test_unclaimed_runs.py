"""Runs that are performed without the engine's claim: the history lets one of several performers do the work.

Such a run is `WAITING` in the engine until its end. See `docs/decisions/0020-http-lane.md`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from itertools import count
from types import SimpleNamespace

import pytest

from falcon_scheduler.core.domain.execution import ExecutionStatus
from falcon_scheduler.core.domain.outcome import DIED_ERROR
from falcon_scheduler.core.domain.run import Run, RunPhase
from falcon_scheduler.core.domain.task import Task
from falcon_scheduler.core.domain.work import TaskResult, WorkContext
from falcon_scheduler.core.errors import Unavailable
from falcon_scheduler.core.services.mirror import rescuer
from falcon_scheduler.core.services.runs import bystander, call_policy, cancelling
from falcon_scheduler.core.services.runs.run_types import Ending, Outcome, RunEnvironment, Ticket
from falcon_scheduler.core.services.runs.running import TaskRunning
from tests.conftest import wait_until
from tests.core.test_interrupted_work import environment, running_of
from tests.fakes.faults import Fault, Faults
from tests.fakes.shop import ADMIN, Kept, Shop
from tests.fakes.trials import trials

CHECKS = 8
"""So often the rescuer looks until a run that was silent all the time is dead."""


@pytest.fixture(autouse=True)
def nobody_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(call_policy, "FIRST_PAUSE", timedelta())
    monkeypatch.setattr(call_policy, "LONGEST_PAUSE", timedelta())
    monkeypatch.setattr(call_policy, "STORE_PATIENCE", timedelta(milliseconds=2))
    monkeypatch.setattr(bystander, "LOOK_SECONDS", 0.001)
    monkeypatch.setattr(bystander, "SILENT_FOR", timedelta(milliseconds=30))
    monkeypatch.setattr(cancelling, "LOOK_SECONDS", 0.001)
    ticks = count(step=rescuer.LONGEST_STEP.total_seconds())
    monkeypatch.setattr(rescuer, "time", SimpleNamespace(monotonic=lambda: float(next(ticks))))


class Work:
    """Counts how often it is done, and waits until it may go on."""

    def __init__(self) -> None:
        self.times = 0
        self.may_end = asyncio.Event()

    async def execute(self, context: WorkContext) -> TaskResult:
        self.times += 1
        await self.may_end.wait()
        return TaskResult(success=True, output="done")


@pytest.fixture
def kept() -> Kept:
    return Kept()


async def waiting(kept: Kept, shop: Shop) -> Task:
    """A task with one run that waits for a worker."""
    task = await shop.task()
    await shop.runs.execute(task.id, parameters={}, priority=None, by=ADMIN)
    return task


def the_run(kept: Kept) -> Run:
    [run] = [run for run in kept.engine.runs.values() if run.trigger == "manual"]
    return run


def performing(shop: Shop, work: Work) -> TaskRunning:
    running = running_of(shop)
    running._attempts._executor_for = lambda task_type: work
    return running


def without_claim(performer: str, *, claim: Callable[[], bool] = lambda: False) -> RunEnvironment:
    async def asked() -> bool:
        return claim()

    return replace(environment(), performer=performer, claim=asked)


def ticket(kept: Kept, task: Task) -> Ticket:
    run = the_run(kept)
    return Ticket(execution_id=run.id, task_id=task.id, trigger=run.trigger)


async def begun(kept: Kept, execution_id: str) -> None:
    async def look() -> bool:
        return kept.executions.rows[execution_id].status is ExecutionStatus.RUNNING

    await wait_until(look, "the work has begun")


@pytest.mark.parametrize("second", ["another", ""])
async def test_of_two_performers_one_does_the_work_and_both_report_its_end(kept: Kept, second: str) -> None:
    """The second one has found the run scheduled too, or was given it by the engine in between."""
    shop, work = Shop(kept, Faults()), Work()
    task = await waiting(kept, shop)
    given = ticket(kept, task)
    first = asyncio.create_task(performing(shop, work).perform(given, without_claim("one")))
    await begun(kept, given.execution_id)
    other = asyncio.create_task(performing(shop, work).perform(given, without_claim(second)))
    await asyncio.sleep(0.01)
    assert await kept.locks.holder(task.id) == given.execution_id
    assert not other.done()
    work.may_end.set()
    ends: list[Outcome] = [await first, await other]
    assert [(each.ending, each.message) for each in ends] == [(Ending.COMPLETED, "done")] * 2
    assert work.times == 1
    record = kept.tasks.rows[task.id].record
    assert (record.total_runs, record.active) == (1, ())


async def test_both_may_come_to_the_same_beginning(kept: Kept) -> None:
    """Neither has seen the other when it looked: the history decides at the beginning itself."""
    shop, work = Shop(kept, Faults()), Work()
    task = await waiting(kept, shop)
    given = ticket(kept, task)
    work.may_end.set()
    ends = await asyncio.gather(
        *(performing(shop, work).perform(given, without_claim(each)) for each in ("one", "two", "three"))
    )
    assert {each.ending for each in ends} <= {Ending.COMPLETED, Ending.ALREADY_ENDED}
    assert work.times == 1
    assert kept.tasks.rows[task.id].record.total_runs == 1


async def test_a_run_whose_performer_died_is_ended_by_the_next_one_that_finds_it(kept: Kept) -> None:
    """After a power cut: the run is scheduled in the engine still."""
    shop, work = Shop(kept, Faults()), Work()
    task = await died(kept, shop)
    outcome = await performing(shop, work).perform(ticket(kept, task), without_claim("after the power cut"))
    assert (outcome.ending, outcome.message) == (Ending.FAILED, DIED_ERROR)
    assert work.times == 0
    assert kept.executions.rows[the_run(kept).id].status is ExecutionStatus.FAILED
    assert kept.tasks.rows[task.id].record.active == ()


async def died(kept: Kept, shop: Shop) -> Task:
    """A task whose run was begun without a claim by a process that is gone."""
    task = await waiting(kept, shop)
    run = the_run(kept)
    await kept.executions.begin(
        replace(kept.executions.rows[run.id], status=ExecutionStatus.RUNNING, performer="one that died")
    )
    await kept.tasks.change(task.id, lambda each: each.started(run.id, each.created_at, 1))
    return task


async def look_for_the_dead(kept: Kept, shop: Shop) -> None:
    for _ in range(CHECKS):
        await shop.rescuer.look()


async def rescue(shop: Shop, task: Task) -> None:
    await look_for_the_dead(shop.kept, shop)


@pytest.mark.parametrize("kind", Fault)
async def test_without_any_worker_the_rescuer_ends_it_whichever_of_its_calls_fails(kind: Fault) -> None:
    async for trial in trials(died, rescue, kind, and_then=look_for_the_dead):
        run = the_run(trial.kept)
        assert run.phase is RunPhase.FAILED, trial.what
        assert trial.kept.executions.rows[run.id].status is ExecutionStatus.FAILED, trial.what
        assert trial.present is not None
        assert (trial.present.record.failure_count, trial.present.record.active) == (1, ()), trial.what


async def test_one_that_lives_is_left_alone_by_the_rescuer(kept: Kept) -> None:
    shop = Shop(kept, Faults())
    await died(kept, shop)
    run = the_run(kept)
    for _ in range(CHECKS):
        kept.clock.advance(timedelta(seconds=3))
        await kept.executions.note_alive([run.id], kept.clock.now())
        await shop.rescuer.look()
    assert kept.executions.rows[run.id].status is ExecutionStatus.RUNNING


class AwayAtBegin:
    """MongoDB as it goes away between the read of the task and the beginning, for a number of calls."""

    def __init__(self, kept: Kept, calls: float) -> None:
        self._store, self.calls = kept.executions, calls

    def __getattr__(self, name: str) -> object:
        return getattr(self._store, name)

    async def begin(self, execution: object) -> object:
        self.calls -= 1
        if self.calls >= 0:
            raise Unavailable("MongoDB")
        return await self._store.begin(execution)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("is_ours", "calls", "ending", "times"),
    [
        (True, float("inf"), Ending.COMPLETED, 1),
        (False, float("inf"), Ending.LEFT, 0),
        (False, 2, Ending.COMPLETED, 1),
    ],
    ids=["the engine gives it to us", "the engine does not", "MongoDB is back soon"],
)
async def test_while_mongodb_is_away_the_engine_decides_who_performs_it(
    kept: Kept, is_ours: bool, calls: float, ending: Ending, times: int
) -> None:
    shop, work = Shop(kept, Faults()), Work()
    task = await waiting(kept, shop)
    running = performing(shop, work)
    running._executions = AwayAtBegin(kept, calls)  # type: ignore[assignment]
    work.may_end.set()
    outcome = await running.perform(ticket(kept, task), without_claim("one", claim=lambda: is_ours))
    assert (outcome.ending, work.times) == (ending, times)


@pytest.mark.parametrize("has_run", [True, False])
async def test_a_run_that_was_planned_before_a_change_begins_only_if_the_engine_has_it_still(
    kept: Kept, has_run: bool
) -> None:
    shop, work = Shop(kept, Faults()), Work()
    task = await waiting(kept, shop)
    given = replace(ticket(kept, task), version=str(task.version))
    await shop.tasks.update(task.id, {"description": "another"}, ADMIN)
    work.may_end.set()
    outcome = await performing(shop, work).perform(given, without_claim("one", claim=lambda: has_run))
    assert (outcome.ending, work.times) == ((Ending.COMPLETED, 1) if has_run else (Ending.LEFT, 0))


@pytest.mark.parametrize("has_run", [True, False])
async def test_a_run_of_a_disabled_task_is_skipped_only_if_the_engine_has_it_still(kept: Kept, has_run: bool) -> None:
    shop, work = Shop(kept, Faults()), Work()
    task = await waiting(kept, shop)
    given = ticket(kept, task)
    await kept.tasks.change(task.id, lambda each: replace(each, definition=replace(each.definition, enabled=False)))
    outcome = await performing(shop, work).perform(given, without_claim("one", claim=lambda: has_run))
    assert outcome.ending is (Ending.SKIPPED if has_run else Ending.LEFT)
    assert kept.executions.rows[given.execution_id].is_skipped is has_run


async def test_a_cancellation_waits_until_the_engine_shows_the_run_at_work(kept: Kept) -> None:
    """Before that the engine would call it cancelled while it works."""
    shop = Shop(kept, Faults())
    task = await died(kept, shop)
    run = the_run(kept)
    stopping = asyncio.create_task(shop.runs.stop(task.id, ADMIN))
    await asyncio.sleep(0.005)
    assert kept.engine.runs[run.id].phase is RunPhase.WAITING
    kept.engine.enter(run.id, RunPhase.RUNNING)
    await stopping
    assert kept.engine.runs[run.id].cancelling
    assert kept.executions.rows[run.id].status is ExecutionStatus.RUNNING


async def test_a_pause_that_takes_the_run_out_of_the_engine_does_not_end_its_work(kept: Kept) -> None:
    shop = Shop(kept, Faults())
    await died(kept, shop)
    run = the_run(kept)
    del kept.engine.runs[run.id]
    kept.clock.advance(timedelta(seconds=60))
    await kept.executions.note_alive([run.id], kept.clock.now())
    await shop.mirror.sweep()
    assert kept.executions.rows[run.id].status is ExecutionStatus.RUNNING
    kept.clock.advance(timedelta(seconds=60))
    await shop.mirror.sweep()
    assert kept.executions.rows[run.id].status is ExecutionStatus.FAILED
