"""From when, until when and how often a schedule counts, and how late a run may begin."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from falcon_scheduler.core.domain.execution import Execution, ExecutionStatus, Trigger
from falcon_scheduler.core.domain.occurrence import Occurrence, Reason
from falcon_scheduler.core.domain.skip import Skip, SkipReason
from falcon_scheduler.core.domain.task import Source, Task
from falcon_scheduler.core.domain.task_definition import TaskDefinition
from falcon_scheduler.core.services.ledger.spans import held_row
from falcon_scheduler.core.services.runs.run_types import Ticket
from falcon_scheduler.core.services.runs.skip_rule import occurrence_of, skip_at_begin, skip_of
from falcon_scheduler.core.services.tasks.fire_times import (
    FEWEST_SINGLE_RUNS,
    begin_of,
    due_between,
    next_run,
    single_instants,
)
from falcon_scheduler.core.services.tasks.time_validation import never_due_faults, time_faults
from falcon_scheduler.core.services.tasks.upcoming import next_runs

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)
SECOND, MINUTE, HOUR = timedelta(seconds=1), timedelta(minutes=1), timedelta(hours=1)
DELAY_AT_NOON = timedelta(milliseconds=27_354)
NEW_YORK = ZoneInfo("America/New_York")


def a_task(schedule: str = "0 * * * * *", created_at: datetime = NOON - HOUR, **settings: Any) -> Task:
    return Task(
        id="task",
        definition=TaskDefinition(name="a task", type="function", schedule=schedule, **settings),
        source=Source.API,
        created_at=created_at,
        updated_at=created_at,
        created_by="me",
        updated_by="me",
    )


def ticket(due_at: datetime | None, execution_id: str = "run", trigger: Trigger = Trigger.SCHEDULE) -> Ticket:
    return Ticket(execution_id=execution_id, task_id="task", trigger=trigger, due_at=due_at, version="1")


def minutes(instants: list[datetime]) -> list[int]:
    return [(each - NOON) // MINUTE for each in instants]


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ({}, [1, 2, 3, 4, 5]),
        ({"start_at": NOON + 3 * MINUTE}, [3, 4, 5, 6, 7]),
        ({"start_at": NOON + 3 * MINUTE + SECOND / 2}, [4, 5, 6, 7, 8]),
        ({"start_at": NOON - MINUTE}, [1, 2, 3, 4, 5]),
        ({"end_at": NOON + 3 * MINUTE}, [1, 2, 3]),
        ({"end_at": NOON + 3 * MINUTE - SECOND / 2}, [1, 2]),
        ({"end_at": NOON}, []),
        ({"start_at": NOON + 3 * MINUTE, "end_at": NOON + 4 * MINUTE}, [3, 4]),
        ({"max_runs": 2}, [1, 2]),
        ({"start_at": NOON + 9 * MINUTE, "max_runs": 1}, [9]),
    ],
)
def test_the_next_runs_keep_to_the_settings(settings: dict[str, Any], expected: list[int]) -> None:
    assert minutes(next_runs(a_task(**settings), NOON, 5)) == expected


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        # 14 March 2027: 2 o'clock becomes 3 o'clock; 7 November: 2 o'clock becomes 1 o'clock again.
        ({"schedule": "0 30 2 * * *", "start_at": datetime(2027, 3, 14, 1, tzinfo=NEW_YORK)}, "2027-03-15T06:30"),
        ({"schedule": "0 30 * * * *", "start_at": datetime(2027, 3, 14, 6, 31, tzinfo=UTC)}, "2027-03-14T07:30"),
        ({"schedule": "0 30 1 * * *", "start_at": datetime(2027, 11, 7, 5, 31, tzinfo=UTC)}, "2027-11-08T06:30"),
        ({"schedule": "0 30 * * * *", "start_at": datetime(2027, 11, 7, 5, 31, tzinfo=UTC)}, "2027-11-07T06:30"),
        ({"schedule": "0 30 1 * * *", "start_at": datetime(2027, 11, 7, 1, tzinfo=NEW_YORK)}, "2027-11-07T05:30"),
    ],
)  # fmt: skip
def test_a_start_within_a_clock_change_leaves_the_instants_as_the_schedule_names_them(
    settings: dict[str, Any], expected: str
) -> None:
    found = next_run(a_task(timezone="America/New_York", **settings), NOON)
    assert found == datetime.fromisoformat(expected).replace(tzinfo=UTC)


def test_an_instant_is_judged_by_the_settings_in_force_at_it() -> None:
    task = a_task()
    ended = task.redefined(replace(task.definition, end_at=NOON), "me", NOON + 2 * MINUTE + SECOND)
    assert minutes(due_between(ended, NOON, NOON + HOUR, 100)) == [0, 1, 2]
    assert skip_of(ticket(NOON + MINUTE), ended) is None
    skip = skip_of(ticket(NOON + 3 * MINUTE), ended)
    assert skip is not None
    assert skip.reason is SkipReason.END_DATE


def test_no_more_scheduled_runs_begin_than_the_limit_allows_and_runs_by_hand_do_not_count() -> None:
    task = a_task(max_runs=2)
    task = task.started("by hand", NOON, 1)
    task = task.started("first", NOON, 2, by_schedule=True).started("first", NOON, 2, by_schedule=True)
    assert task.runs_left == 1
    assert skip_at_begin(ticket(NOON, "second"), task, NOON) is None
    task = task.started("second", NOON, 3, by_schedule=True)
    assert (task.runs_left, next_run(task, NOON), single_instants(task, NOON, NOON)) == (0, None, [])
    assert skip_at_begin(ticket(NOON, "third"), task, NOON) == Skip.run_limit(2)
    assert skip_at_begin(ticket(NOON, "second"), task, NOON) is None, "it is started again and has begun before"
    assert skip_at_begin(ticket(NOON, "by hand", Trigger.MANUAL), task, NOON) is None


def test_a_run_is_counted_once_towards_the_limit_whatever_is_reported_of_it_and_in_which_order() -> None:
    done = Execution(
        id="run", task_id="task", status=ExecutionStatus.COMPLETED, started_at=NOON, trigger=Trigger.SCHEDULE,
        completed_at=NOON + SECOND,
    )  # fmt: skip
    task = a_task(max_runs=3)
    begun = task.started("run", NOON, 1, by_schedule=True)
    for known in (begun.finished(done), begun.without_active("run").finished(done), task.finished(done)):
        assert known.runs_left == 2
    assert begun.not_begun("run").runs_left == 3, "another run had begun for the instant"
    assert begun.skipped("run", NOON).runs_left == 3
    assert a_task().started("run", NOON, 1, by_schedule=True).finished(done).record.limited == ()


def test_a_limit_counts_from_when_it_is_set_and_may_be_raised() -> None:
    task = a_task(max_runs=1).started("first", NOON, 1, by_schedule=True)
    raised = task.redefined(replace(task.definition, max_runs=3), "me", NOON)
    assert raised.runs_left == 2
    without = raised.redefined(replace(task.definition, max_runs=None), "me", NOON)
    again = without.redefined(replace(task.definition, max_runs=3), "me", NOON)
    assert (without.runs_left, again.runs_left) == (None, 3)


def test_what_a_reached_limit_leaves_out_stays_left_out_when_the_limit_is_raised() -> None:
    reached = a_task(max_runs=1).started("first", NOON + SECOND, 1, by_schedule=True)
    raised = reached.redefined(replace(reached.definition, max_runs=2), "me", NOON + 3 * MINUTE + SECOND)
    assert minutes(due_between(reached, NOON, NOON + 6 * MINUTE, 100)) == [0]
    assert minutes(due_between(raised, NOON, NOON + 6 * MINUTE, 100)) == [0, 4, 5]
    assert skip_of(ticket(NOON + 2 * MINUTE), raised) == Skip.run_limit(1)
    assert skip_of(ticket(NOON + 4 * MINUTE), raised) is None
    put_back = reached.not_begun("first")
    assert minutes(due_between(put_back, NOON, NOON + 3 * MINUTE, 100)) == [0, 1, 2]
    assert held_row(reached, reached.known_periods[-1], NOON + 4 * MINUTE) == Occurrence.without_run(
        "task", NOON + MINUTE, Reason.RUN_LIMIT, until=NOON + 3 * MINUTE, count=3, since=NOON + SECOND
    )


@pytest.mark.parametrize(
    ("late_by", "start_within", "is_skipped"),
    [
        (timedelta(), SECOND, False),
        (MINUTE, MINUTE, False),
        (MINUTE + SECOND / 1000, MINUTE, True),
        (3 * HOUR, MINUTE, True),
        (3 * HOUR, None, False),
    ],
)
def test_a_scheduled_run_that_is_later_than_allowed_does_not_begin(
    late_by: timedelta, start_within: timedelta | None, is_skipped: bool
) -> None:
    task = a_task(start_within=start_within)
    skip = skip_at_begin(ticket(NOON), task, NOON + late_by)
    assert (skip is not None and skip.reason is SkipReason.TOO_LATE) is is_skipped
    assert skip is None or Skip.of_text(skip.text) == skip
    assert skip_at_begin(ticket(NOON, trigger=Trigger.MANUAL), task, NOON + late_by) is None
    begun = task.started("run", NOON, 1)
    assert skip_at_begin(ticket(NOON), begun, NOON + late_by) is None, "it has begun before, in time"


@pytest.mark.parametrize(
    ("schedule", "zone", "first"),
    [
        ("*/10 * * * * *", "UTC", NOON),
        ("0 30 * * * *", "America/New_York", datetime(2027, 11, 7, 4, tzinfo=UTC)),
        ("0 */20 * * * *", "America/New_York", datetime(2027, 3, 14, 5, tzinfo=UTC)),
        ("@every 90s", "UTC", NOON),
        ("0 0,1 * * * *", "Australia/Lord_Howe", datetime(2027, 4, 3, 14, tzinfo=UTC)),
    ],
)
@pytest.mark.parametrize("jitter", [timedelta(seconds=7), MINUTE, HOUR])
def test_a_run_begins_at_the_same_part_of_its_jitter_each_time_and_before_the_next_instant(
    schedule: str, zone: str, first: datetime, jitter: timedelta
) -> None:
    task = a_task(schedule, timezone=zone, jitter=jitter)
    instants = next_runs(task, first, 40)
    begins = [begin_of(task, each) for each in instants]
    assert begins == [begin_of(replace(task), each) for each in instants]
    for instant, begin, following in zip(instants, begins, [*instants[1:], None], strict=True):
        assert instant <= begin < instant + jitter
        assert following is None or begin < following
    assert len({begin - instant for instant, begin in zip(instants, begins, strict=True)}) > 30, "they are spread"


def test_the_delay_of_a_known_instant_is_the_same_for_ever() -> None:
    task = a_task("0 0 * * * *", jitter=MINUTE)
    assert begin_of(task, NOON) == NOON + DELAY_AT_NOON
    paused = task.with_paused(True, "me", NOON + SECOND)
    assert begin_of(paused, NOON) == begin_of(task, NOON), "a pause does not move it"
    without = task.redefined(replace(task.definition, jitter=None), "me", NOON + SECOND)
    assert begin_of(without, NOON) == begin_of(task, NOON), "it was due before the change"
    assert begin_of(without, NOON + HOUR) == NOON + HOUR


def test_how_late_a_run_is_counts_from_when_its_jitter_lets_it_begin() -> None:
    task = a_task("0 0 * * * *", jitter=MINUTE, start_within=SECOND)
    assert skip_at_begin(ticket(NOON), task, NOON + DELAY_AT_NOON + SECOND) is None
    assert skip_at_begin(ticket(NOON), task, NOON + DELAY_AT_NOON + 2 * SECOND) == Skip.too_late(SECOND)


@pytest.mark.parametrize(
    ("schedule", "settings", "expected"),
    [
        ("0 * * * * *", {"jitter": SECOND}, FEWEST_SINGLE_RUNS),
        ("0 * * * * *", {"end_at": NOON + HOUR}, FEWEST_SINGLE_RUNS),
        ("* * * * * *", {"end_at": NOON + HOUR}, 46),
        ("* * * * * *", {"end_at": NOON + 5 * SECOND}, 6),
        ("* * * * * *", {"max_runs": 3}, 3),
        ("0 0 0 1 1 *", {"start_at": NOON}, FEWEST_SINGLE_RUNS),
        ("0 * * * * *", {}, 0),
        ("0 * * * * *", {"end_at": NOON + HOUR, "enabled": False}, 0),
    ],
)
def test_we_plan_the_runs_that_the_engine_can_not_and_as_many_as_people_want_to_see(
    schedule: str, settings: dict[str, Any], expected: int
) -> None:
    found = single_instants(a_task(schedule, NOON, **settings), NOON + SECOND, NOON)
    assert len(found) == expected
    assert found == sorted(set(found))


@pytest.mark.parametrize(
    ("settings", "location"),
    [
        ({"max_runs": 0}, "metadata.max_runs"),
        ({"max_runs": 1_000_001}, "metadata.max_runs"),
        ({"start_within": timedelta()}, "metadata.start_within"),
        ({"start_within": timedelta(days=8)}, "metadata.start_within"),
        ({"jitter": timedelta()}, "metadata.jitter"),
        ({"jitter": timedelta(hours=2)}, "metadata.jitter"),
        ({"start_at": datetime(1969, 12, 31, tzinfo=UTC)}, "metadata.start_at"),
        ({"end_at": datetime(9999, 12, 31, tzinfo=UTC)}, "metadata.end_at"),
        ({"start_at": NOON, "end_at": NOON - SECOND}, "metadata.end_at"),
    ],
)
def test_a_setting_out_of_its_bounds_is_named(settings: dict[str, Any], location: str) -> None:
    assert [fault.location for fault in time_faults(a_task(**settings).definition)] == [location]


@pytest.mark.parametrize(
    ("schedule", "settings", "message"),
    [
        ("0 * * * * *", {"end_at": NOON - SECOND}, "is past"),
        ("0 0 3 * * *", {"end_at": NOON + HOUR}, "names no instant"),
        ("0 0 3 * * *", {"start_at": NOON + HOUR, "end_at": NOON + 2 * HOUR}, "names no instant"),
        ("0 0 13 * * *", {"start_at": NOON + HOUR, "end_at": NOON + HOUR}, ""),
        ("0 * * * * *", {"start_at": NOON - HOUR}, ""),
    ],
)
def test_an_end_that_leaves_no_instant_is_refused(schedule: str, settings: dict[str, Any], message: str) -> None:
    definition = a_task(schedule, **settings).definition
    found = [fault.message for fault in never_due_faults(definition, NOON, None)]
    assert len(found) == bool(message)
    assert not found or message in found[0]
    assert [*never_due_faults(definition, NOON, replace(definition, description="before"))] == [], "it was accepted"


def test_an_owed_run_begins_whatever_the_schedule_was_and_however_late_unless_the_task_is_disabled() -> None:
    task = a_task(max_runs=1, start_within=SECOND, end_at=NOON).started("before", NOON, 1, by_schedule=True)
    owed = replace(ticket(NOON - 30 * 24 * HOUR + SECOND), owed=True)
    assert (skip_of(owed, task), skip_at_begin(owed, task, NOON)) == (None, None)
    assert occurrence_of(owed, task) == occurrence_of(replace(owed, owed=False), task), "it runs once for its instant"
    assert occurrence_of(replace(owed, again=True), task) == ""
    skip = skip_of(owed, task.with_enabled(False, "me", NOON))
    assert skip is not None
    assert skip.reason is SkipReason.DISABLED
