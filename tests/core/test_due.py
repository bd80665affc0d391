"""A plan of the engine that outlived a pause or a change of the schedule begins nothing."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from falcon_scheduler.core.domain.execution import Trigger
from falcon_scheduler.core.domain.periods import KEPT
from falcon_scheduler.core.domain.skip import Skip
from falcon_scheduler.core.domain.task import Source, Task
from falcon_scheduler.core.domain.task_definition import TaskDefinition
from falcon_scheduler.core.services.runs.run_types import Ticket
from falcon_scheduler.core.services.runs.skip_rule import occurrence_of, skip_of
from falcon_scheduler.core.services.tasks.fire_times import due_between

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)
TASK = Task(
    id="task",
    definition=TaskDefinition(name="a task", type="function", schedule="*/10 * * * * *"),
    source=Source.API,
    created_at=NOON - timedelta(hours=5, milliseconds=300),
    updated_at=NOON,
    created_by="me",
    updated_by="me",
)
PLANNED = Ticket(execution_id="run", task_id="task", trigger=Trigger.SCHEDULE, due_at=NOON, version="1")
BY_HAND = replace(PLANNED, trigger=Trigger.MANUAL)


def rescheduled(schedule: str) -> Task:
    return TASK.redefined(replace(TASK.definition, schedule=schedule), "me", NOON)


def reason(ticket: Ticket, task: Task) -> str:
    """The text of the skip; empty when the run is to begin."""
    skip = skip_of(ticket, task)
    assert skip is None or Skip.of_text(skip.text) == skip, "the text says all"
    return skip.text if skip else ""


def test_what_is_due_begins() -> None:
    assert reason(PLANNED, TASK) == ""


def test_a_paused_task_begins_nothing_by_its_schedule_and_all_that_is_asked_for_by_hand() -> None:
    paused = TASK.with_paused(True, "me", NOON)
    assert reason(PLANNED, paused) == "The task is paused"
    assert reason(BY_HAND, paused) == ""


def test_a_disabled_task_begins_nothing_that_is_due_or_asked_for_since() -> None:
    disabled = TASK.with_enabled(False, "me", NOON)
    assert reason(PLANNED, disabled) == reason(BY_HAND, disabled) == "The task is disabled"


JUST_AFTER = NOON + timedelta(milliseconds=1)


@pytest.mark.parametrize(
    "changed",
    [
        TASK.with_paused(True, "me", JUST_AFTER),
        TASK.with_enabled(False, "me", JUST_AFTER),
        TASK.redefined(replace(TASK.definition, schedule="0 0 3 * * *"), "me", JUST_AFTER),
        TASK.redefined(replace(TASK.definition, timezone="Asia/Kolkata"), "me", JUST_AFTER).with_paused(
            True, "me", JUST_AFTER + timedelta(seconds=1)
        ),
    ],
    ids=["paused", "disabled", "rescheduled", "moved and paused"],
)
def test_what_was_due_before_a_change_begins_after_it(changed: Task) -> None:
    assert reason(PLANNED, changed) == ""


def test_what_was_due_in_a_pause_does_not_begin_after_it() -> None:
    paused = TASK.with_paused(True, "me", NOON - timedelta(seconds=1))
    assert reason(PLANNED, paused.with_paused(False, "me", JUST_AFTER)) == "The task was paused"


def test_an_instant_longer_ago_than_is_remembered_begins_unless_the_task_is_held() -> None:
    task = TASK
    for number in range(2 * KEPT):
        moment = JUST_AFTER + timedelta(minutes=number)
        task = task.redefined(replace(task.definition, schedule=f"{number % 60} 0 3 * * *"), "me", moment)
    assert len(task.periods) == KEPT
    assert reason(PLANNED, task) == ""
    assert reason(PLANNED, task.with_paused(True, "me", moment)) == "The task is paused"


def test_instants_are_found_by_the_schedule_that_was_in_force_at_each() -> None:
    often = TASK.redefined(replace(TASK.definition, schedule="*/5 * * * * *"), "me", NOON + timedelta(seconds=12))
    held = often.with_paused(True, "me", NOON + timedelta(seconds=21))
    on = held.with_paused(False, "me", NOON + timedelta(seconds=34))
    found = due_between(on, NOON, NOON + timedelta(seconds=41), 100)
    assert [(each - NOON).seconds for each in found] == [0, 10, 15, 20, 35, 40]
    assert due_between(on, NOON, NOON + timedelta(seconds=41), 2) == found[-2:]


def test_the_same_instant_has_the_same_name_after_an_edit() -> None:
    assert occurrence_of(PLANNED, TASK) == occurrence_of(PLANNED, rescheduled("0 0 * * * *"))


@pytest.mark.parametrize("schedule", ["5/10 * * * * *", "0 0 3 * * *", "@every 7h"])
def test_an_instant_that_only_the_former_schedule_names_is_left_out(schedule: str) -> None:
    assert "changed" in reason(PLANNED, rescheduled(schedule))
    assert reason(BY_HAND, rescheduled(schedule)) == ""


@pytest.mark.parametrize("schedule", ["0 0 * * * *", "@every 10s", "@every 1h"])
def test_an_instant_that_the_new_schedule_names_too_begins(schedule: str) -> None:
    due = PLANNED if "every" not in schedule else replace(PLANNED, due_at=NOON - timedelta(seconds=1))
    task = TASK.redefined(replace(TASK.definition, schedule=schedule), "me", NOON - timedelta(minutes=1))
    assert reason(due, task) == ""


def test_a_run_whose_plan_is_of_the_present_version_is_not_doubted() -> None:
    assert reason(replace(PLANNED, due_at=NOON + timedelta(seconds=3)), TASK) == ""
