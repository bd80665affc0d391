"""What a task catches up with after an outage: which instants, once each, and not before all of them are known."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial
from typing import Any

import pytest

from falcon_scheduler.adapters.mongo.task_documents import to_document
from falcon_scheduler.adapters.mongo.task_reading import from_document
from falcon_scheduler.core.domain.catch_up import CatchUp, CatchUpRules, Missed, ReleaseOrder
from falcon_scheduler.core.domain.execution import Execution
from falcon_scheduler.core.domain.owed import OwedRun, catch_up_request
from falcon_scheduler.core.domain.run import RunPhase
from falcon_scheduler.core.domain.skip import Skip
from falcon_scheduler.core.domain.task import Task
from falcon_scheduler.core.services.tasks.after_outage import with_gap, with_late_run
from tests.core.ledger_world import World, brief, ran
from tests.core.test_time_rules import a_task
from tests.fakes.clock import NOON
from tests.fakes.engine import MemoryPlans
from tests.fakes.faults import Faults
from tests.fakes.shop import Kept, Shop

SECOND, MINUTE = timedelta(seconds=1), timedelta(minutes=1)
ALL, LAST, NONE = CatchUp(runs=Missed.ALL), CatchUp(runs=Missed.LAST), CatchUp()
NEWEST = ReleaseOrder.NEWEST_FIRST
POLICIES: Sequence[tuple[CatchUp, list[float]]] = [
    (NONE, []),
    (LAST, [5]),
    (ALL, [1, 2, 3, 4, 5]),
    (replace(ALL, order=NEWEST), [5, 4, 3, 2, 1]),
    (replace(ALL, max_runs=2), [4, 5]),
    (replace(ALL, max_runs=2, order=NEWEST), [5, 4]),
    (replace(ALL, max_age=3 * MINUTE), [3, 4, 5]),
    (replace(LAST, max_age=SECOND), []),
]
AFTER = NOON + 5.5 * MINUTE


def with_policy(catch_up: CatchUp | None, **definition: Any) -> Task:
    task = a_task("0 * * * * *", NOON - MINUTE, catch_up=CatchUpRules(after_outage=catch_up), **definition)
    return replace(task, id="t")


def owed_minutes(task: Task) -> list[float]:
    return [(each.at - NOON) / MINUTE for each in task.owed]


def minutes(*numbers: float) -> list[datetime]:
    return [NOON + number * MINUTE for number in numbers]


def too_late(minute: float, at: datetime = AFTER, skip: Skip | None = None) -> Execution:
    """A run that waited for a worker and was skipped when one came."""
    return replace(ran(minute), occurrence="").skipped(skip or Skip.too_late(MINUTE), at)


@pytest.mark.parametrize(("catch_up", "expected"), POLICIES)
def test_of_instants_without_a_run_those_are_owed_that_the_policy_names(
    catch_up: CatchUp, expected: list[float]
) -> None:
    task = with_policy(catch_up)
    for end in (3, 6):  # as the ledger is settled: in slices
        gap = minutes(*range(max(end - 3, 1), end))
        owing = with_gap(task, gap, NOON + end * MINUTE, AFTER, AFTER)
        assert with_gap(owing, gap, NOON + end * MINUTE, AFTER, AFTER) is owing, "a repeat changes nothing"
        task = owing
    assert owed_minutes(task) == expected
    assert from_document({"_id": task.id, **to_document(task)}) == task


@pytest.mark.parametrize(("catch_up", "expected"), POLICIES)
def test_of_runs_that_came_too_late_those_are_owed_again_that_the_policy_names(
    catch_up: CatchUp, expected: list[float]
) -> None:
    task = with_policy(catch_up)
    for minute in (3, 1, 2, 5, 4):
        execution = too_late(minute)
        counted = with_late_run(task, task.finished(execution), execution)
        assert with_late_run(counted, counted.finished(execution), execution) == counted, "it is counted once"
        task = counted
    assert owed_minutes(task) == expected


def test_only_what_an_outage_kept_from_beginning_is_caught_up_with() -> None:
    task = with_policy(ALL)
    others = [
        too_late(1, skip=Skip.schedule_changed()),
        too_late(2, skip=Skip.held("paused", still=False)),
        too_late(3, at=NOON + 3 * MINUTE + SECOND, skip=Skip.still_running("another")),
        ran(4),
    ]
    for execution in others:
        task = with_late_run(task, task.finished(execution), execution)
    assert task.owed == ()
    refused = too_late(5, at=NOON + 9 * MINUTE, skip=Skip.still_running("another late run"))
    assert owed_minutes(with_late_run(task, task.finished(refused), refused)) == [5]
    unset = with_policy(None)
    assert with_late_run(unset, unset.finished(too_late(1)), too_late(1)).owed == ()
    assert with_gap(unset, minutes(1), AFTER, AFTER, AFTER) is unset


def test_what_is_owed_for_another_reason_stays_and_takes_its_instants() -> None:
    task = with_policy(LAST).owing([OwedRun(at=NOON + 5 * MINUTE, request="a backfill")])
    assert owed_minutes(with_gap(task, minutes(3, 4, 5), AFTER, AFTER, AFTER)) == [5, 4]


def test_a_run_may_begin_a_minute_late_unless_the_task_says_how_late() -> None:
    assert with_policy(ALL).definition.begins_within == MINUTE
    assert with_policy(ALL, start_within=5 * SECOND).definition.begins_within == 5 * SECOND
    assert with_policy(None).definition.begins_within is None


async def an_outage(world: World, catch_up: CatchUp) -> None:
    """The service was away for 25 minutes, of which the ledger settles ten at a time."""
    await world.put(with_policy(catch_up))
    await world.begins()
    await world.put(ran(0), ran(1))
    await world.passes(27)
    await world.put(ran(26), ran(27))


@pytest.mark.parametrize(
    ("catch_up", "expected"),
    [(LAST, [25]), (replace(ALL, max_runs=3), [23, 24, 25]), (replace(ALL, max_age=4 * MINUTE), [23, 24, 25])],
)
async def test_the_whole_of_a_long_outage_is_decided_before_any_run_of_it_may_start(
    catch_up: CatchUp, expected: list[float]
) -> None:
    world = World()
    await an_outage(world, catch_up)
    await world.settles()
    task = world.tasks.rows["t"]
    assert owed_minutes(task) == expected
    settled = await world.watermark.read("ledger")
    assert settled is not None
    assert all(each.held_until is not None and each.held_until <= settled for each in task.owed)
    [row] = [each for each in await world.fates() if each.fate == "missed"]
    assert (row.count, row.text.startswith("after_outage: ")) == (24, True)
    await world.put(ran(25, late=3 * MINUTE))
    assert (25, 25, "caught_up", "not_planned", 1) in brief(await world.fates())


async def test_a_run_that_came_too_late_and_was_made_up_for_is_caught_up() -> None:
    world = World()
    await world.put(with_policy(LAST))
    await world.begins()
    caught_up = replace(ran(2, late=5 * MINUTE), id="made up")
    await world.put(*(ran(minute) for minute in (0, 1, 3)), too_late(2), caught_up)
    await world.passes(4)
    assert (2, 2, "caught_up", "too_late", 1) in brief(await world.fates())


async def test_owed_runs_start_when_the_ledger_is_settled_up_to_their_finding_and_others_need_not_wait() -> None:
    kept = Kept()
    shop = Shop(kept, Faults())
    task = await shop.task(schedule="0 0 0 29 2 ?", catch_up=CatchUpRules(after_outage=ALL))
    now = kept.clock.now()
    held = OwedRun(at=now - MINUTE, request="outage", held_until=now)
    free = OwedRun(at=now - 2 * MINUTE, request="a backfill")
    await kept.tasks.change(task.id, lambda each: each.owing([held, free]))

    async def started_after(mark: datetime | None) -> list[OwedRun]:
        if mark is not None:
            await kept.watermark.write("ledger", mark)
        await shop.owed.look()
        kept.clock.advance(MINUTE)
        await kept.watermark.write("mirror", kept.clock.now())
        await shop.owed.look()
        started = [each for each in (held, free) if each.key in kept.engine.keys]
        for each in started:
            kept.engine.enter(kept.engine.keys[each.key], RunPhase.SUCCEEDED)
        return started

    assert await started_after(None) == [free]
    assert await started_after(now - SECOND) == [free]
    assert await started_after(now) == [held, free]


async def test_a_task_catches_up_with_no_more_instants_than_its_limit_leaves_and_a_backfill_goes_on() -> None:
    kept = Kept()
    shop = Shop(kept, Faults())
    task = await shop.task(schedule="0 0 0 29 2 ?", max_runs=2)
    now = kept.clock.now()
    runs = [OwedRun(at=now - number * MINUTE, request=catch_up_request("pause", task.id)) for number in (3, 2, 1)]
    backfill = OwedRun(at=now - 9 * MINUTE, request="a-backfill")
    as_scheduled: dict[str, Any] = {"at": now, "fencing_token": 1, "by_schedule": True}
    await kept.tasks.change(task.id, lambda each: each.owing([*runs, backfill]))
    for number in range(2):
        await shop.owed.look()
        run_id = kept.engine.keys[runs[number].key]
        await kept.tasks.change(task.id, partial(Task.started, execution_id=run_id, **as_scheduled))
        kept.engine.enter(run_id, RunPhase.SUCCEEDED)
    await shop.owed.look()
    assert kept.tasks.rows[task.id].owed == (backfill,)
    assert runs[2].key not in kept.engine.keys
    await shop.owed.look()
    assert backfill.key in kept.engine.keys


async def test_a_run_that_is_replaced_while_the_owed_ones_are_read_does_not_start() -> None:
    kept = Kept()
    shop = Shop(kept, Faults())
    task = await shop.task(schedule="0 0 0 29 2 ?", catch_up=CatchUpRules(after_outage=LAST))
    now = kept.clock.now()
    await kept.tasks.change(task.id, lambda each: with_gap(each, [now - 2 * MINUTE], now - MINUTE, now, now))
    read = kept.watermark.read

    async def settled_meanwhile(name: str) -> datetime | None:
        await kept.tasks.change(task.id, lambda each: with_gap(each, [now - MINUTE], now, now, now))
        await kept.watermark.write("ledger", now)
        await kept.watermark.write("mirror", now + MINUTE)
        return await read(name)

    kept.watermark.read = settled_meanwhile  # type: ignore[method-assign]
    await shop.owed.look()
    assert [key for key in kept.engine.keys if key.startswith("owed")] == [
        each.key for each in with_gap(task, [now - MINUTE], now, now, now).owed
    ]


async def test_a_late_run_that_the_engine_has_ended_and_nobody_has_counted_decides_what_else_is_owed() -> None:
    kept = Kept()
    shop = Shop(kept, Faults())
    catch_up = CatchUpRules(after_outage=LAST)
    task = await shop.task(schedule="0 0 0 29 2 ?", catch_up=catch_up, start_within=SECOND)
    kept.clock.advance(5 * MINUTE)
    now = kept.clock.now()
    earlier, later = now - 3 * MINUTE, now - 2 * MINUTE
    assert await MemoryPlans(kept.engine).plan_instants(task, [later]) == 1
    [late] = kept.engine.runs
    execution = replace(too_late(0, at=now), id="earlier", task_id=task.id, scheduled_for=earlier)
    await kept.tasks.change(task.id, lambda each: with_late_run(each, each.finished(execution), execution))
    await kept.watermark.write("ledger", now)

    async def owed() -> list[datetime]:
        await shop.owed.look()
        return [each.at for each in kept.tasks.rows[task.id].owed]

    assert await owed() == [earlier], "the later run waits"
    kept.engine.enter(late, RunPhase.SKIPPED, message=Skip.too_late(SECOND).text)
    assert await owed() == [earlier], "it is over, and not counted"
    kept.clock.advance(10 * SECOND)
    await shop.mirror.sweep()
    assert await owed() == [], "it has been counted"
    [started] = [key for key in kept.engine.keys if key.startswith("owed")]
    assert f"{later:%H:%M:%S}" in started
