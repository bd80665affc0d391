"""The owed runs of a task that is resumed: for which instants, in which order, and never too many."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from falcon_scheduler.adapters.mongo.task_documents import to_document
from falcon_scheduler.adapters.mongo.task_reading import from_document
from falcon_scheduler.core.domain.catch_up import CatchUp, CatchUpRules, Missed, ReleaseOrder
from falcon_scheduler.core.domain.owed import MOST_OWED, OwedRun
from falcon_scheduler.core.domain.run import RunPhase
from falcon_scheduler.core.domain.task import Task
from falcon_scheduler.core.services.tasks.catching_up import with_paused
from falcon_scheduler.core.services.tasks.time_validation import time_faults
from tests.core import ledger_world
from tests.core.test_time_rules import a_task
from tests.fakes.clock import NOON
from tests.fakes.faults import Fault, Faults
from tests.fakes.shop import ADMIN, Kept, Shop
from tests.fakes.trials import trials

SECOND, MINUTE, DAY = timedelta(seconds=1), timedelta(minutes=1), timedelta(days=1)
ALL = CatchUp(runs=Missed.ALL)
NEWEST = ReleaseOrder.NEWEST_FIRST


def paused(catch_up: CatchUp, schedule: str = "0 * * * * *") -> Task:
    task = a_task(schedule, NOON - DAY, catch_up=CatchUpRules(after_pause=catch_up))
    return with_paused(task, True, "me", NOON + 30 * SECOND)


def owed_minutes(task: Task) -> list[float]:
    return [(each.at - NOON) / MINUTE for each in task.owed]


@pytest.mark.parametrize(
    ("catch_up", "expected"),
    [
        (CatchUp(), []),
        (CatchUp(runs=Missed.LAST), [5]),
        (ALL, [1, 2, 3, 4, 5]),
        (replace(ALL, order=NEWEST), [5, 4, 3, 2, 1]),
        (replace(ALL, max_runs=2), [4, 5]),
        (replace(ALL, max_runs=2, order=NEWEST), [5, 4]),
        (replace(ALL, max_age=3 * MINUTE), [3, 4, 5]),
        (CatchUp(runs=Missed.LAST, max_age=SECOND), []),
    ],
)
def test_a_resumed_task_owes_what_its_catch_up_says(catch_up: CatchUp, expected: list[float]) -> None:
    resumed = with_paused(paused(catch_up), False, "me", NOON + 5 * MINUTE + 30 * SECOND)
    assert owed_minutes(resumed) == expected
    assert with_paused(resumed, False, "me", NOON + DAY) is resumed, "a repeat owes nothing more"
    assert len({each.key for each in resumed.owed}) == len(expected)
    assert from_document({"_id": resumed.id, **to_document(resumed)}) == resumed


def test_each_instant_is_judged_by_the_schedule_of_its_part_of_the_pause_and_owed_once() -> None:
    task = paused(ALL)
    edited = task.redefined(replace(task.definition, schedule="0 */10 * * * *"), "me", NOON + 150 * SECOND)
    backfilled = edited.owing([OwedRun(at=NOON + 10 * MINUTE, request="a backfill")])
    resumed = with_paused(backfilled, False, "me", NOON + 25 * MINUTE)
    assert owed_minutes(resumed) == [10, 1, 2, 20]
    disabled = task.with_enabled(False, "me", NOON + 90 * SECOND).with_enabled(True, "me", NOON + 200 * SECOND)
    assert owed_minutes(with_paused(disabled, False, "me", NOON + 5 * MINUTE)) == [4]


def test_a_month_of_a_fast_task_owes_the_newest_and_never_more_than_may_be_owed() -> None:
    task = paused(replace(ALL, max_runs=MOST_OWED), "* * * * * *")
    some = task.owing([OwedRun(at=NOON - number * MINUTE, request="a backfill") for number in range(900)])
    resumed = with_paused(some, False, "me", NOON + 30 * DAY)
    assert len(resumed.owed) == MOST_OWED
    assert resumed.owed[-1].at == NOON + 30 * DAY - SECOND


def test_a_wrong_limit_is_refused_by_its_field() -> None:
    wrong = CatchUp(max_runs=0, max_age=timedelta())
    locations = {each.location for each in time_faults(a_task(catch_up=CatchUpRules(after_pause=wrong)).definition)}
    assert locations == {"metadata.catch_up.after_pause.max_runs", "metadata.catch_up.after_pause.max_age"}


async def with_a_pause(kept: Kept, shop: Shop) -> Task:
    kept.clock.advance(30 * SECOND)
    task = await shop.task(catch_up=CatchUpRules(after_pause=ALL))
    await shop.tasks.pause(task.id, ADMIN)
    kept.clock.advance(3 * MINUTE)
    return task


@pytest.mark.parametrize("kind", Fault)
async def test_a_resumption_and_what_it_owes_are_stored_together_or_not_at_all(kind: Fault) -> None:
    async for trial in trials(with_a_pause, lambda shop, task: shop.tasks.resume(task.id, ADMIN), kind):
        task = trial.present
        assert task is not None
        assert len(task.owed) == (0 if task.paused else 3), trial.what
        assert trial.succeeded <= (not task.paused), trial.what


async def test_what_is_owed_for_a_pause_runs_one_after_the_other_and_each_instant_once() -> None:
    kept = Kept()
    shop = Shop(kept, Faults())
    task = await with_a_pause(kept, shop)
    await shop.tasks.update(task.id, {"schedule": "0 0 0 29 2 ?"}, ADMIN)  # no other run waits
    resumed = await shop.tasks.resume(task.id, ADMIN)
    owed = [each.key for each in resumed.owed]
    assert len(owed) == 3
    for number in range(1, 4):
        for _ in range(2):
            await Shop(kept, Faults()).owed.look()
        started = [key for key in owed if key in kept.engine.keys]
        assert started == owed[:number], "the next one waits for the one before"
        kept.engine.enter(kept.engine.keys[started[-1]], RunPhase.SUCCEEDED)
    assert kept.tasks.rows[task.id].owed == ()


async def test_an_instant_of_a_pause_that_ran_later_is_caught_up_and_the_others_stay_missed() -> None:
    world = ledger_world.World()
    await world.put(ledger_world.a_task())
    await world.begins()
    task = ledger_world.a_task().with_paused(True, "u", NOON + MINUTE / 2)
    resumed = with_paused(task, False, "v", NOON + 4.5 * MINUTE)
    await world.put(resumed, ledger_world.ran(0), ledger_world.ran(2, late=4 * MINUTE), ledger_world.ran(5))
    await world.passes(7)
    await world.settles()
    found = ledger_world.brief(await world.fates())
    assert (2, 2, "caught_up", "paused", 1) in found
    assert (1, 4, "missed", "paused", 3) in found
