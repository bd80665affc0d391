"""What is explained of an instant that has no run: it is to come, is none of the schedule's, or was refused."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from falcon_scheduler.core.domain.audit import Action, ChangeOutcome
from falcon_scheduler.core.domain.explanation import Cause
from falcon_scheduler.core.services.tasks.time_validation import EARLIEST, LATEST
from tests.core.explained_world import DUE, SECOND, World
from tests.fakes.clock import NOON


async def test_what_is_to_come_is_explained_too() -> None:
    world = World()
    following = DUE + timedelta(minutes=30)
    explained = await world.explain(following)
    assert (explained.cause, explained.next_run) == (Cause.DUE, following)
    assert (await world.explain(following + SECOND)).cause is Cause.NOT_NAMED
    world.task = world.task.with_paused(True, "u", DUE + 10 * SECOND)
    explained = await world.explain(following)
    assert (explained.cause, explained.next_run) == (Cause.PAUSED, None)


async def test_what_is_no_instant_of_the_schedule_is_none_whatever_is_away() -> None:
    world = World()
    world.engine.message = "no answer"
    assert (await world.explain(DUE + SECOND)).cause is Cause.NOT_NAMED
    assert (await world.explain(NOON - timedelta(hours=1))).cause is Cause.NOT_CREATED
    world.task = world.task.with_paused(True, "u", NOON)
    assert (await world.explain(DUE + SECOND)).cause is Cause.NOT_NAMED
    assert (await world.explain(DUE)).cause is Cause.PAUSED


async def test_a_request_that_was_refused_at_that_time_is_the_cause() -> None:
    world = World()
    await world.audited(Action.EXECUTE, DUE + 10 * SECOND, ChangeOutcome.REFUSED)
    assert (await world.explain(DUE + 11 * SECOND)).cause is Cause.QUEUE_FULL


async def test_changes_of_the_clock_are_named() -> None:
    world = World()
    definition = replace(world.task.definition, schedule="0 30 2 * * *", timezone="America/New_York")
    world.task = replace(world.task, definition=definition)
    skipped = datetime(2027, 3, 14, 7, 30, tzinfo=UTC)  # 02:30 by the offset before the change
    assert (await world.explain(skipped)).cause is Cause.CLOCK_SKIPPED
    world.task = replace(world.task, definition=replace(definition, schedule="0 30 1 * * *"))
    assert (await world.explain(datetime(2027, 11, 7, 5, 30, tzinfo=UTC))).cause is Cause.DUE
    assert (await world.explain(datetime(2027, 11, 7, 6, 30, tzinfo=UTC))).cause is Cause.CLOCK_REPEATED


async def test_a_schedule_that_is_over_is_named() -> None:
    world = World()
    definition = replace(world.task.definition, schedule="@at 2026-11-23T12:10:00Z")
    world.task = replace(world.task, definition=definition)
    assert (await world.explain(DUE)).cause is Cause.ENDED


async def test_an_instant_of_the_schedule_before_an_edit_is_explained_by_the_edit() -> None:
    world = World()
    await world.audited(Action.UPDATE, DUE - timedelta(minutes=10))
    edited = replace(world.task.definition, schedule="0 10 * * * *")
    world.task = world.task.redefined(edited, "u", DUE - timedelta(minutes=10))
    explained = await world.explain()
    assert (explained.cause, {fact.name: fact.value for fact in explained.facts}["by"]) == (
        Cause.SCHEDULE_CHANGED,
        "u",
    )
    assert (await world.explain(DUE + SECOND)).cause is Cause.NOT_NAMED


async def test_a_pause_after_an_edit_does_not_hide_the_edit() -> None:
    world = World()
    await world.audited(Action.UPDATE, DUE - timedelta(minutes=10))
    edited = replace(world.task.definition, schedule="0 10 * * * *")
    task = world.task.redefined(edited, "u", DUE - timedelta(minutes=10))
    world.task = task.with_paused(True, "u", DUE - 5 * SECOND).with_paused(False, "u", DUE - 2 * SECOND)
    for at in (DUE, DUE + timedelta(minutes=30)):
        explained = await world.explain(at)
        assert (explained.cause, {fact.name: fact.value for fact in explained.facts}["by"]) == (
            Cause.SCHEDULE_CHANGED,
            "u",
        )


async def test_without_an_instant_the_latest_is_explained() -> None:
    world = World()
    assert (await world.explain(None)).at == DUE
    world.task = world.task.with_paused(True, "u", DUE - 10 * SECOND)
    explained = await world.explain(None)
    assert (explained.at, explained.cause) == (DUE, Cause.PAUSED)


@pytest.mark.parametrize("schedule", ["*/2 * * * * *", "CRON_TZ=Asia/Tokyo 0 30 2 * * *", "@every 90m from 06:00"])
async def test_the_first_and_the_last_instant_that_a_schedule_may_be_read_at_are_explained(schedule: str) -> None:
    world = World()
    world.task = replace(world.task, definition=replace(world.task.definition, schedule=schedule))
    assert (await world.explain(EARLIEST)).cause is Cause.NOT_CREATED
    assert (await world.explain(LATEST - 2 * SECOND)).cause in {Cause.DUE, Cause.NOT_NAMED}
