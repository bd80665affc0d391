"""A plan of the engine that outlived a pause or a change of the schedule begins nothing."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from core.domain.execution import Trigger
from core.domain.task import Source, Task, TaskDefinition
from core.services.due import reason_to_leave_out
from core.services.run_terms import Ticket

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


def test_what_is_due_begins() -> None:
    assert reason_to_leave_out(PLANNED, TASK) == ""


def test_a_paused_task_begins_nothing_by_its_schedule_and_all_that_is_asked_for_by_hand() -> None:
    paused = TASK.with_paused(True, "me", NOON)
    assert reason_to_leave_out(PLANNED, paused) == "The task is paused"
    assert reason_to_leave_out(BY_HAND, paused) == ""


def test_a_disabled_task_begins_nothing_at_all() -> None:
    disabled = TASK.with_enabled(False, "me", NOON)
    assert reason_to_leave_out(PLANNED, disabled) == reason_to_leave_out(BY_HAND, disabled) == "The task is disabled"


@pytest.mark.parametrize("schedule", ["5/10 * * * * *", "0 0 3 * * *", "@every 7h"])
def test_an_instant_that_only_the_former_schedule_names_is_left_out(schedule: str) -> None:
    assert "changed" in reason_to_leave_out(PLANNED, rescheduled(schedule))
    assert reason_to_leave_out(BY_HAND, rescheduled(schedule)) == ""


@pytest.mark.parametrize("schedule", ["0 0 * * * *", "@every 10s", "@every 1h"])
def test_an_instant_that_the_new_schedule_names_too_begins(schedule: str) -> None:
    due = PLANNED if "every" not in schedule else replace(PLANNED, due_at=NOON - timedelta(seconds=1))
    assert reason_to_leave_out(due, rescheduled(schedule)) == ""


def test_a_run_whose_plan_is_of_the_present_version_is_not_doubted() -> None:
    assert reason_to_leave_out(replace(PLANNED, due_at=NOON + timedelta(seconds=3)), TASK) == ""
