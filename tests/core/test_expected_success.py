"""When a success is overdue, and that one cause opens one alert: pure rules over a task and its runs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from falcon_scheduler.core.domain.alert import AlertKind, ExpectedSuccess, TaskAlerts
from falcon_scheduler.core.domain.alert_rules import AlertPolicy, judge
from falcon_scheduler.core.domain.calendars import CalendarDays, CalendarRules, CalendarVersion, WeekdayWindow
from falcon_scheduler.core.domain.execution import Execution, ExecutionStatus, Trigger
from falcon_scheduler.core.domain.expected_success import as_one_alert, missing_success, wait_of, what_is_missing
from falcon_scheduler.core.domain.task import Task
from tests.core.test_task_rules import NOON, a_task, ended

HOUR, MINUTE, SECOND = timedelta(hours=1), timedelta(minutes=1), timedelta(seconds=1)
EXPECTED = ExpectedSuccess(period=2 * HOUR, grace=10 * MINUTE)
DUE = EXPECTED.period + EXPECTED.grace


def expecting(task: Task | None = None, expected: ExpectedSuccess = EXPECTED, **alerts: object) -> Task:
    task = task or a_task()
    wanted = TaskAlerts(expect_success=expected, **alerts)  # type: ignore[arg-type]
    return replace(task, definition=replace(task.definition, alerts=wanted))


def after(task: Task, *runs: Execution) -> Task:
    for run in runs:
        task = task.started(run.id, run.started_at, 1).finished(run)
    return task


def holds(task: Task, at: datetime, runs: Sequence[Execution] = (), excused: datetime | None = None) -> bool | None:
    return missing_success(task, runs, as_of=at, excused_until=excused).holds


def test_a_success_is_overdue_after_period_and_grace_and_the_next_one_ends_that() -> None:
    task = after(expecting(), ended(0))
    began = NOON + 2 * SECOND
    assert holds(task, began + DUE) is False
    assert holds(task, began + DUE + SECOND) is True
    assert holds(task, began + timedelta(days=90)) is True
    failed = after(task, ended(125, succeeded=False))
    assert holds(failed, began + DUE + SECOND) is True, "a failure is no success"
    succeeded = after(failed, ended(126))
    finding = missing_success(succeeded, (), as_of=began + DUE + SECOND, excused_until=None)
    assert (finding.holds, finding.text) == (False, "A run succeeded at 2026-11-23 14:06:02 UTC")


def test_the_time_is_counted_from_the_creation_while_no_run_has_succeeded() -> None:
    assert holds(expecting(), NOON + DUE) is False
    assert holds(expecting(), NOON + DUE + SECOND) is True


def test_a_success_whose_time_an_earlier_version_did_not_store_is_looked_for_or_not_held_against_the_task() -> None:
    task = after(expecting(), ended(0), ended(1, succeeded=False))
    forgotten = replace(task, record=replace(task.record, last_success=None))
    changed = replace(forgotten, updated_at=NOON + timedelta(days=3))
    assert holds(forgotten, NOON + DUE, [ended(1, succeeded=False), ended(0)]) is False
    assert holds(changed, NOON + timedelta(days=3) + DUE) is False, "it may have succeeded a moment before"
    assert holds(changed, NOON + timedelta(days=3) + DUE + SECOND) is True


def test_a_paused_or_disabled_task_raises_none_and_the_time_begins_anew_when_it_goes_on() -> None:
    task, later = after(expecting(), ended(0)), NOON + timedelta(days=2)
    paused = task.with_paused(True, "me", NOON + HOUR)
    assert holds(paused, later) is False
    resumed = paused.with_paused(False, "me", later)
    assert holds(resumed, later + DUE) is False
    assert holds(resumed, later + DUE + SECOND) is True
    disabled = task.with_enabled(False, "me", NOON + HOUR)
    assert holds(disabled, later) is False
    enabled = disabled.with_enabled(True, "me", later)
    assert holds(enabled, later + DUE) is False
    assert holds(enabled, later + DUE + SECOND) is True


def test_a_task_may_ask_for_its_success_while_it_is_paused_too() -> None:
    asks = replace(EXPECTED, while_paused=True)
    task = after(expecting(expected=asks), ended(0)).with_paused(True, "me", NOON + HOUR)
    finding = missing_success(task, (), as_of=NOON + timedelta(days=2), excused_until=None)
    assert finding.holds is True
    assert "paused" in finding.text
    assert holds(task.with_enabled(False, "me", NOON + HOUR), NOON + timedelta(days=2)) is False


def test_an_edit_of_the_expectation_counts_at_once_and_another_edit_changes_nothing() -> None:
    task, at = after(expecting(), ended(0)), NOON + DUE + MINUTE
    assert holds(task, at) is True
    longer = task.redefined(
        replace(task.definition, alerts=TaskAlerts(expect_success=replace(EXPECTED, period=9 * HOUR))), "me", at
    )
    assert holds(longer, at) is False
    assert holds(task.redefined(replace(task.definition, tags=("a",)), "me", at), at) is True
    none = task.redefined(replace(task.definition, alerts=TaskAlerts()), "me", at)
    assert holds(none, at) is False


def test_an_outage_leaves_a_grace_and_does_not_end_an_alert() -> None:
    task, outage_ended = after(expecting(), ended(0)), NOON + timedelta(hours=5)
    assert holds(task, outage_ended + MINUTE, excused=outage_ended) is None
    assert holds(task, outage_ended + EXPECTED.grace, excused=outage_ended) is None
    assert holds(task, outage_ended + EXPECTED.grace + SECOND, excused=outage_ended) is True


def test_a_task_whose_last_instant_succeeded_has_nothing_left_to_do() -> None:
    at = NOON + MINUTE
    once = a_task(definition=replace(a_task().definition, schedule=f"@at {at:%Y-%m-%dT%H:%M:%S}Z"))
    task = expecting(once)
    assert holds(task, NOON + timedelta(days=2)) is True, "it never succeeded"
    assert holds(after(task, ended(1)), NOON + timedelta(days=2)) is False
    assert wait_of(after(task, ended(1))) is None


WEEKEND = CalendarVersion(name="weekend", days=CalendarDays(weekdays=(WeekdayWindow(weekdays=(5, 6)),)))


@pytest.mark.parametrize(
    ("schedule", "zone", "succeeded_at", "period", "expected"),
    [
        pytest.param("0 0 9 * * *", "UTC", "2026-11-26T09:00", 24, "2026-11-27T10:00", id="Thursday"),
        pytest.param("0 0 9 * * *", "UTC", "2026-11-27T09:00", 24, "2026-11-30T10:00", id="Friday"),
        pytest.param("0 0 * * * *", "UTC", "2026-11-27T23:00", 2, "2026-11-30T02:00", id="late on Friday"),
        pytest.param("0 0 9 * * *", "UTC", "2026-11-28T12:00", 24, "2026-12-01T01:00", id="by hand on Saturday"),
        pytest.param("0 0 9 * * *", "Asia/Tokyo", "2026-11-27T14:00", 24, "2026-11-30T15:00", id="days of the zone"),
        pytest.param("CRON_TZ=Asia/Tokyo 0 0 9 * * *", "UTC", "2026-11-27T14:00", 24, "2026-11-30T15:00", id="own"),
        pytest.param("0 0 9 * * *", "Europe/Berlin", "2026-10-23T21:00", 24, "2026-10-26T23:00", id="25 hours long"),
        pytest.param("0 0 9 * * *", "UTC", "2026-11-26T09:00", 24 * 8, "2026-12-08T10:00", id="two weekends"),
    ],
)
def test_days_that_a_calendar_excludes_are_not_counted(
    schedule: str, zone: str, succeeded_at: str, period: int, expected: str
) -> None:
    definition = replace(
        a_task().definition, schedule=schedule, timezone=zone, calendars=CalendarRules(exclude=(WEEKEND,))
    )
    task = expecting(a_task(definition=definition), ExpectedSuccess(period=period * HOUR, grace=HOUR))
    last = datetime.fromisoformat(f"{succeeded_at}+00:00")
    wait = wait_of(replace(task, created_at=last, record=replace(task.record, last_success=last)))
    assert wait is not None
    assert wait.until == datetime.fromisoformat(f"{expected}+00:00")
    assert "without the days that a calendar excludes" in what_is_missing(wait, EXPECTED)


def test_a_calendar_that_excludes_every_day_leaves_nothing_to_expect() -> None:
    always = CalendarVersion(name="always", days=CalendarDays(weekdays=(WeekdayWindow(weekdays=tuple(range(7))),)))
    definition = replace(a_task().definition, calendars=CalendarRules(exclude=(always,)))
    task = expecting(a_task(definition=definition))
    assert wait_of(after(task, ended(0))) is None
    assert holds(task, NOON + timedelta(days=365)) is False


def test_nothing_is_expected_before_the_start_after_the_end_and_beyond_the_limit_of_runs() -> None:
    start, end = NOON + timedelta(days=1), NOON + timedelta(days=2)
    bounded = expecting(a_task(definition=replace(a_task().definition, start_at=start, end_at=end)))
    assert holds(bounded, start + DUE) is False
    assert holds(bounded, start + DUE + SECOND) is True, "it never succeeded"
    minutes = int((end - NOON) / MINUTE)
    assert holds(after(bounded, ended(minutes)), end + timedelta(days=9)) is False
    failed = after(bounded, ended(minutes - 5), ended(minutes, succeeded=False))
    assert holds(failed, end + timedelta(days=9)) is True, "its last run failed"
    limited = expecting(a_task(definition=replace(a_task().definition, max_runs=1)))
    run = replace(ended(1), trigger=Trigger.SCHEDULE)
    done = limited.started(run.id, run.started_at, 1, by_schedule=True).finished(run)
    assert done.runs_left == 0
    assert holds(done, NOON + timedelta(days=9)) is False


def test_the_explanation_names_failures_a_missing_run_a_skip_and_a_run_at_work() -> None:
    task = after(expecting(), ended(0), ended(1, succeeded=False), ended(2, succeeded=False))
    runs = [ended(2, succeeded=False), ended(1, succeeded=False), ended(0)]
    at = NOON + timedelta(hours=5)
    both = missing_success(task, runs, as_of=at, excused_until=None, due_at=NOON + HOUR).text
    assert both == (
        "No run has succeeded since the success of 2026-11-23 12:00:02 UTC; one is expected each 2h0m0s, with 10m0s "
        "of grace. The last 2 runs failed, the last with: no. A run was due at 2026-11-23 13:00:00 UTC and none has "
        "begun since."
    )
    silent = missing_success(expecting(), (), as_of=at, excused_until=None).text
    assert silent.endswith("No run has ended since 2026-11-23 12:00:00 UTC.")
    skipped = after(expecting(), ended(0)).skipped("s", NOON + HOUR)
    assert (
        "The last run was skipped at 2026-11-23 13:00:00 UTC."
        in missing_success(skipped, (), as_of=at, excused_until=None).text
    )
    working = task.started("w", NOON + HOUR, 2)
    assert (
        "A run is at work since 2026-11-23 13:00:00 UTC."
        in missing_success(working, runs, as_of=at, excused_until=None).text
    )


@pytest.mark.parametrize(
    ("alerts", "at_first", "once_overdue"),
    [
        ({}, {AlertKind.FAILURES_IN_A_ROW: False, AlertKind.LATE_RUN: False}, {AlertKind.LATE_RUN: False}),
        ({"failures_in_a_row": 3}, {AlertKind.FAILURES_IN_A_ROW: True}, {AlertKind.FAILURES_IN_A_ROW: None}),
        ({"late_after": MINUTE}, {AlertKind.LATE_RUN: True}, {AlertKind.LATE_RUN: None}),
    ],
)
def test_failed_and_late_together_are_one_alert(
    alerts: dict[str, object], at_first: dict[AlertKind, bool], once_overdue: dict[AlertKind, bool | None]
) -> None:
    runs = [ended(number, succeeded=number == 0) for number in range(9, -1, -1)]
    task = after(expecting(None, EXPECTED, **alerts), *reversed(runs))

    def found(at: datetime) -> dict[AlertKind, bool | None]:
        others = judge(task, runs, AlertPolicy(), due_at=NOON + HOUR)
        missing = missing_success(task, runs, as_of=at, excused_until=None)
        return {
            each.kind: each.holds for each in as_one_alert(others, task.definition.alerts, missing, is_open=False)
        }

    early = found(NOON + HOUR)
    assert early[AlertKind.NO_SUCCESS] is False
    assert {kind: early[kind] for kind in at_first} == at_first
    overdue = found(NOON + timedelta(hours=4))
    assert {kind: overdue[kind] for kind in once_overdue} == once_overdue
    assert [kind for kind, each in overdue.items() if each] == [AlertKind.NO_SUCCESS]


def test_the_last_success_is_the_latest_end_in_whatever_order_ends_are_counted() -> None:
    task = after(a_task(), ended(5), ended(3))
    assert task.record.last_success == ended(5).completed_at
    assert after(task, ended(9, succeeded=False)).record.last_success == ended(5).completed_at
    assert a_task().record.last_success is None
    assert task.record.last_outcome is ExecutionStatus.COMPLETED
