"""What limits a task in time is named as the cause: of an instant of the past and of one to come."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from falcon_scheduler.core.domain.explanation import Cause
from falcon_scheduler.core.domain.task import Task
from falcon_scheduler.core.domain.workforce import Workforce
from falcon_scheduler.core.services.tasks.fire_times import begin_of
from tests.core.explained_world import DUE, SECOND, World, a_run, a_waiting_run, add_run, completed
from tests.fakes.clock import SetClock

HALF_AN_HOUR = timedelta(minutes=30)
FOLLOWING = DUE + HALF_AN_HOUR


def ruled(task: Task, **rules: Any) -> Task:
    return replace(task, definition=replace(task.definition, **rules))


@pytest.mark.parametrize(
    ("rules", "at", "cause"),
    [
        ({"start_at": DUE + SECOND}, DUE, Cause.START_DATE),
        ({"end_at": DUE - SECOND}, DUE, Cause.END_DATE),
        ({"end_at": DUE + SECOND}, FOLLOWING, Cause.END_DATE),
        ({"start_at": FOLLOWING + SECOND}, FOLLOWING, Cause.START_DATE),
        ({"end_at": DUE + SECOND}, FOLLOWING + SECOND, Cause.NOT_NAMED),
        ({"start_at": DUE, "end_at": FOLLOWING}, FOLLOWING, Cause.DUE),
    ],
)
async def test_an_instant_outside_of_the_task_s_dates_is_explained_by_them(
    rules: dict[str, Any], at: Any, cause: Cause
) -> None:
    world = World()
    world.task = ruled(world.task, **rules)
    explained = await world.explain(at)
    assert explained.cause is cause
    found = {each.name for each in explained.facts}
    assert str(cause) in found or cause not in {Cause.START_DATE, Cause.END_DATE}


async def test_the_limit_of_runs_is_the_cause_of_what_does_not_run_any_more() -> None:
    world = World()
    world.task = ruled(world.task, max_runs=1).started("run", DUE, 1, by_schedule=True)
    assert world.task.runs_left == 0
    assert (await world.explain(FOLLOWING)).cause is Cause.RUN_LIMIT


async def test_an_instant_to_come_that_no_run_is_left_for_is_beyond_the_limit() -> None:
    world = World()
    world.task = ruled(world.task, max_runs=2)
    causes = [(await world.explain(DUE + number * HALF_AN_HOUR)).cause for number in (1, 2, 3, 50)]
    assert causes == [Cause.DUE, Cause.DUE, Cause.RUN_LIMIT, Cause.RUN_LIMIT]
    assert (await world.explain(DUE + 3 * HALF_AN_HOUR + SECOND)).cause is Cause.NOT_NAMED
    world.task = world.task.with_paused(True, "u", DUE)
    assert (await world.explain(DUE + 3 * HALF_AN_HOUR)).cause is Cause.PAUSED


async def test_an_instant_without_a_run_because_the_last_ones_waited_is_beyond_the_limit() -> None:
    world = World()
    task = ruled(world.task, max_runs=1)
    world.task = task.started("run", DUE + 20 * SECOND, 1, by_schedule=True)
    assert (await world.explain(DUE)).cause is Cause.RUN_LIMIT


async def test_a_run_that_its_jitter_delays_is_neither_late_nor_held_back_by_anything() -> None:
    world = World()
    world.task = ruled(world.task, jitter=timedelta(minutes=25))
    begin = begin_of(world.task, DUE)
    assert begin > DUE + timedelta(minutes=1)
    world.workforce = Workforce(workers=[])
    explained = await world.explain()
    assert explained.cause is Cause.STARTING
    assert {each.name for each in explained.facts} == {"begins_at"}
    await add_run(world, a_waiting_run())
    assert (await world.explain()).cause is Cause.STARTING
    world.clock = SetClock(begin + SECOND)
    assert (await world.explain()).cause is Cause.NO_WORKER
    world = replace(world, clock=SetClock(begin + timedelta(minutes=1)))
    world.task = ruled(world.task, jitter=timedelta(minutes=25))
    await add_run(world, completed(a_run(begin - DUE + SECOND)))
    explained = await world.explain()
    assert explained.cause is Cause.ON_TIME
