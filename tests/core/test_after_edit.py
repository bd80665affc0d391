"""What a task catches up with after an edit of its schedule."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from falcon_scheduler.core.domain.catch_up import CatchUp, CatchUpRules, Missed
from falcon_scheduler.core.domain.owed import OwedRun
from falcon_scheduler.core.domain.task import Task
from falcon_scheduler.core.services.tasks.after_edit import with_edit
from falcon_scheduler.core.services.tasks.changes import undone
from tests.core.test_time_rules import a_task
from tests.fakes.clock import NOON
from tests.fakes.faults import Fault
from tests.fakes.shop import ADMIN, Kept, Shop
from tests.fakes.trials import trials

MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
ALL, LAST = CatchUp(runs=Missed.ALL), CatchUp(runs=Missed.LAST)
AT_18, AT_9, HOURLY = "0 0 18 * * *", "0 0 9 * * *", "0 0 * * * *"


def edited(task: Task, at: Any = NOON, **changes: Any) -> Task:
    return with_edit(task, task.redefined(replace(task.definition, **changes), "me", at), at)


def owed_hours(task: Task) -> list[float]:
    return [(each.at - NOON) / HOUR for each in task.owed]


def daily(catch_up: CatchUp = LAST, schedule: str = AT_18) -> Task:
    return a_task(schedule, NOON - 10 * DAY, catch_up=CatchUpRules(after_edit=catch_up))


@pytest.mark.parametrize(
    ("task", "changes", "expected"),
    [
        pytest.param(daily(), {"schedule": AT_9}, [-3], id="the day would have had no run"),
        pytest.param(daily(CatchUp()), {"schedule": AT_9}, [], id="not asked for"),
        pytest.param(daily(schedule="0 0 8 * * *"), {"schedule": AT_9}, [-3], id="it ran at 8 and is due at 9 now"),
        pytest.param(daily(schedule="0 0 10 * * *"), {"schedule": AT_9}, [], id="it ran after that"),
        pytest.param(daily(), {"schedule": "0 0 15 * * *"}, [], id="still to come"),
        pytest.param(daily(ALL), {"schedule": HOURLY}, [float(n) for n in range(-17, 0)], id="all since it was due"),
        pytest.param(daily(), {"schedule": HOURLY}, [-1], id="the last one alone"),
        pytest.param(daily(replace(ALL, max_age=2 * HOUR)), {"schedule": HOURLY}, [-2, -1], id="not older"),
        pytest.param(daily(replace(ALL, max_runs=1)), {"schedule": HOURLY}, [-1], id="not more"),
        pytest.param(daily(), {"timezone": "Asia/Tokyo"}, [-3], id="another zone"),
        pytest.param(daily(), {"start_at": NOON - HOUR}, [], id="nothing in between"),
        pytest.param(daily(), {"description": "another", "max_retries": 1}, [], id="not the schedule"),
        pytest.param(daily(), {"schedule": AT_9, "enabled": False}, [], id="switched off with it"),
        pytest.param(
            daily(CatchUp()),
            {"schedule": AT_9, "catch_up": CatchUpRules(after_edit=LAST)},
            [-3],
            id="asked for in the same edit",
        ),
    ],
)
def test_an_edited_task_owes_what_its_new_schedule_names_since_it_was_last_due(
    task: Task, changes: dict[str, Any], expected: list[float]
) -> None:
    assert owed_hours(edited(task, **changes)) == expected


def test_of_a_task_that_was_paused_or_disabled_nothing_before_it_was_on_is_owed() -> None:
    task = daily()
    assert owed_hours(edited(task.with_paused(True, "me", NOON - HOUR), schedule=AT_9)) == []
    resumed = task.with_paused(True, "me", NOON - 4 * HOUR).with_paused(False, "me", NOON - 2 * HOUR)
    assert owed_hours(edited(resumed, schedule=AT_9)) == []
    assert owed_hours(edited(resumed, schedule=HOURLY)) == [-1]
    disabled = task.with_enabled(False, "me", NOON - HOUR)
    assert owed_hours(edited(disabled, schedule=AT_9, enabled=True)) == []


def test_a_new_task_counts_from_its_creation_and_an_instant_is_owed_once() -> None:
    task = a_task("0 0 18 1 1 ?", NOON - 3 * HOUR - MINUTE, catch_up=CatchUpRules(after_edit=ALL))
    first = edited(task, schedule=HOURLY)
    assert owed_hours(first) == [-3, -2, -1]
    second = edited(first, NOON + HOUR / 2, schedule="0 0,15 * * * *")
    assert owed_hours(second) == [-3, -2, -1, 0.25]
    assert len({each.key for each in second.owed}) == 4


def test_an_edit_that_repairs_a_task_counts_from_when_it_was_last_due() -> None:
    broken = edited(daily(CatchUp(runs=Missed.ALL)), NOON - 5 * HOUR, schedule="no schedule at all")
    assert broken.impediments
    assert owed_hours(edited(broken, schedule=AT_9)) == [-3]


async def due_at_another_time(kept: Kept, shop: Shop) -> Task:
    task = await shop.task(schedule=AT_18, catch_up=CatchUpRules(after_edit=LAST))
    kept.clock.advance(HOUR)
    return task


async def edit(shop: Shop, task: Task) -> Task:
    return await shop.tasks.update(task.id, {"schedule": "0 30 * * * *"}, ADMIN)


@pytest.mark.parametrize("kind", Fault)
async def test_an_edit_and_what_it_owes_are_stored_together_or_not_at_all(kind: Fault) -> None:
    async for trial in trials(due_at_another_time, edit, kind):
        task = trial.present
        assert task is not None
        assert len(task.owed) == (0 if task.definition.schedule == AT_18 else 1), trial.what


def test_of_a_change_that_the_engine_refuses_nothing_stays_owed() -> None:
    before = daily(ALL).owing([OwedRun(at=NOON - DAY, request="a backfill")])
    changed = edited(before, schedule=HOURLY)
    assert len(changed.owed) > 1
    assert undone(changed, changed, before).owed == before.owed
