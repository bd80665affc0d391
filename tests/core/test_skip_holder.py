"""Which execution a skip is attributed to, when the history learns of it late; see `tests.fakes`."""

from __future__ import annotations

from datetime import timedelta

import pytest

from falcon_scheduler.core.domain.execution import Execution, ExecutionStatus
from falcon_scheduler.core.domain.outcome import ExecutionOutcome
from falcon_scheduler.core.domain.run import RunPhase
from falcon_scheduler.core.domain.skip import Skip, SkipReason
from falcon_scheduler.core.domain.task import Task
from tests.fakes.engine import MemoryPlans
from tests.fakes.faults import Fault, Faults
from tests.fakes.shop import ADMIN, Kept, Shop
from tests.fakes.trials import trials

REFUSED = "Deployment concurrency limit reached."
SECOND = timedelta(seconds=1)


async def requested(shop: Shop, task: Task) -> str:
    return (await shop.runs.execute(task.id, parameters={}, priority=None, by=ADMIN)).id


async def claimed_and_refused(kept: Kept, shop: Shop) -> tuple[str, str]:
    """Two runs of a task at once: a worker claims the one, and the engine refuses the other. None has begun."""
    task = await shop.task()
    first, second = await requested(shop, task), await requested(shop, task)
    kept.clock.advance(SECOND)
    kept.engine.enter(first, RunPhase.CLAIMED)
    kept.clock.advance(SECOND)
    kept.engine.enter(second, RunPhase.SKIPPED, message=REFUSED, is_plain_cancel=True)
    await kept.executions.delete([first])  # the request died before it wrote the execution
    return first, second


async def begin(kept: Kept, run_id: str) -> Execution:
    kept.clock.advance(SECOND)
    now, run = kept.clock.now(), kept.engine.enter(run_id, RunPhase.RUNNING)
    task_id = next(iter(kept.tasks.rows))
    begun = Execution(
        id=run_id,
        task_id=task_id,
        status=ExecutionStatus.RUNNING,
        started_at=now,
        queued_at=run.due_at,
        heartbeat_at=now,
        trigger=run.trigger,
    )
    await kept.executions.begin(begun)
    return begun


def held_by(kept: Kept, execution_id: str) -> str | None:
    skip = kept.executions.rows[execution_id].skip
    return None if skip is None else skip.held_by


@pytest.fixture
def kept() -> Kept:
    return Kept()


@pytest.fixture
def shop(kept: Kept) -> Shop:
    return Shop(kept, Faults())


async def test_a_holder_that_begins_after_the_skip_is_named_by_a_later_sweep(kept: Kept, shop: Shop) -> None:
    first, second = await claimed_and_refused(kept, shop)
    await shop.mirror.sweep()
    assert held_by(kept, second) == ""
    begun = await begin(kept, first)
    await shop.mirror.sweep()
    assert held_by(kept, second) == first
    kept.clock.advance(SECOND)
    await shop.counting.finish(begun.ended(ExecutionStatus.COMPLETED, kept.clock.now()))
    await shop.mirror.sweep()
    assert held_by(kept, second) == first


async def test_a_holder_that_began_and_ended_before_anybody_looked_is_found(kept: Kept, shop: Shop) -> None:
    first, second = await claimed_and_refused(kept, shop)
    begun = await begin(kept, first)
    await shop.counting.finish(begun.ended(ExecutionStatus.COMPLETED, kept.clock.now()))
    await begin(kept, await requested(shop, next(iter(kept.tasks.rows.values()))))
    await shop.mirror.sweep()
    assert held_by(kept, second) == first, "and not the one that was requested after the skip"


async def test_a_holder_that_died_before_it_began_is_named(kept: Kept, shop: Shop) -> None:
    first, second = await claimed_and_refused(kept, shop)
    await shop.mirror.sweep()
    kept.clock.advance(SECOND)
    kept.engine.enter(first, RunPhase.FAILED, message="the worker died", outcome=ExecutionOutcome.CRASHED)
    await shop.mirror.sweep()
    await shop.mirror.sweep()
    assert held_by(kept, second) == first


async def test_no_execution_is_named_that_may_only_have_waited(kept: Kept, shop: Shop) -> None:
    first, second = await claimed_and_refused(kept, shop)
    third = await requested(shop, next(iter(kept.tasks.rows.values())))
    await shop.mirror.sweep()
    assert held_by(kept, second) == "", "the third one waits, and is not the one that is at work"
    kept.clock.advance(SECOND)
    kept.engine.enter(third, RunPhase.CANCELLED)
    await shop.mirror.sweep()
    await shop.mirror.sweep()
    assert held_by(kept, second) == ""
    await begin(kept, first)
    await shop.mirror.sweep()
    assert held_by(kept, second) in {"", first}


async def test_a_skip_that_a_run_wrote_without_knowing_the_holder_gets_it(kept: Kept, shop: Shop) -> None:
    first, second = await claimed_and_refused(kept, shop)
    waiting = kept.executions.rows[second]
    await shop.counting.finish(waiting.skipped(Skip.still_running(""), kept.clock.now()))
    await begin(kept, first)
    await shop.mirror.sweep()
    assert held_by(kept, second) == first


@pytest.mark.parametrize("kind", Fault)
async def test_a_sweep_that_is_interrupted_while_it_names_holders_is_made_up_for(kind: Fault) -> None:
    async def unnamed(kept: Kept, shop: Shop) -> Task:
        first, _ = await claimed_and_refused(kept, shop)
        await shop.mirror.sweep()
        await begin(kept, first)
        return next(iter(kept.tasks.rows.values()))

    async for trial in trials(unnamed, lambda shop, task: shop.mirror.sweep(), kind):
        skips = [each.skip for each in trial.kept.executions.rows.values() if each.skip is not None]
        assert [each.lacks_holder for each in skips] == [False], trial.what


@pytest.mark.parametrize(
    ("late_by", "start_within", "reason"),
    [(100, 10, SkipReason.TOO_LATE), (5, 10, SkipReason.STILL_RUNNING), (100, None, SkipReason.STILL_RUNNING)],
)
async def test_late_runs_that_refused_each_other_after_an_outage_were_too_late_and_met_no_execution(
    kept: Kept, shop: Shop, late_by: int, start_within: int | None, reason: SkipReason
) -> None:
    """A worker that was frozen claims all that waits at once. The first claim is skipped before it begins."""
    within = None if start_within is None else start_within * SECOND
    task = await shop.task(schedule="0 0 0 29 2 ?", start_within=within)
    due = kept.clock.now() - 20 * SECOND
    await MemoryPlans(kept.engine).plan_instants(task, [due, due + SECOND])
    first, second = kept.engine.runs
    kept.clock.advance(late_by * SECOND - 19 * SECOND)
    kept.engine.enter(first, RunPhase.CLAIMED)
    kept.engine.enter(second, RunPhase.SKIPPED, message=REFUSED, is_plain_cancel=True)
    await shop.mirror.sweep()
    execution = kept.executions.rows[second]
    assert execution.skip is not None
    assert (execution.skip.reason, execution.error) == (reason, execution.skip.text)


async def test_a_late_run_that_an_execution_at_work_kept_from_beginning_is_an_overlap(kept: Kept, shop: Shop) -> None:
    task = await shop.task(schedule="0 0 0 29 2 ?", start_within=10 * SECOND)
    first = await requested(shop, task)
    await begin(kept, first)
    await MemoryPlans(kept.engine).plan_instants(task, [kept.clock.now() - 60 * SECOND])
    [second] = set(kept.engine.runs) - {first}
    kept.clock.advance(SECOND)
    kept.engine.enter(second, RunPhase.SKIPPED, message=REFUSED, is_plain_cancel=True)
    await shop.mirror.sweep()
    assert held_by(kept, second) == first
