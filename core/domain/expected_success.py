"""Whether a success is overdue for a task that has to succeed every so often (`metadata.alerts.expect_success`).

A rule over the task as it is, like those of `alert_rules`: asked twice, or by two facades, it finds the same. One
alert covers every cause. While a task has this expectation, the alerts of failures and of late runs do not open for
it, unless the task sets their thresholds itself; and while this alert is open they do not open in any case.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import partial

from falcon_scheduler.core.domain.alert import AlertKind, ExpectedSuccess, TaskAlerts
from falcon_scheduler.core.domain.alert_rules import Finding, short_error, shown_instant
from falcon_scheduler.core.domain.business_days import begin_of_day, day_of, next_under
from falcon_scheduler.core.domain.calendars import FORESEEN_DAYS
from falcon_scheduler.core.domain.duration import format_duration
from falcon_scheduler.core.domain.execution import Execution, ExecutionStatus
from falcon_scheduler.core.domain.periods import Held
from falcon_scheduler.core.domain.schedule import parse_stored
from falcon_scheduler.core.domain.task import Task

_SECOND, _DAY = timedelta(seconds=1), timedelta(days=1)
_HOLDING = {False: {Held.PAUSED, Held.DISABLED, Held.LIMIT}, True: {Held.DISABLED, Held.LIMIT}}
"""What stops the time, by whether the success is expected while the task is paused too."""


@dataclass(frozen=True, slots=True)
class Wait:
    """The wait for the next success: it is counted from `since`, and over at `until`. Days that the task's calendars
    exclude are not counted."""

    since: datetime
    until: datetime
    last_success: datetime | None
    """When a run last succeeded; None when no success is known."""
    excuses_days: bool = False
    """Whether days are left out that calendars exclude."""

    def is_overdue(self, as_of: datetime, *, grace: timedelta, excused_until: datetime | None) -> bool:
        """Whether the success is overdue, with a whole grace after a time in which nothing could run."""
        return as_of > max(self.until, excused_until + grace if excused_until else self.until)


def wait_of(task: Task, ended: Sequence[Execution] = ()) -> Wait | None:
    """The wait for the task's next success; None when none is expected at present.

    The time is counted from the last success, and not before `start_at`. It begins anew when the task is enabled or
    resumed. A task whose schedule, within `end_at` and its calendars, named no instant since its last success has
    nothing left to do, and so has one that has had its `max_runs`.

    Args:
        ended: the latest executions that ended. A task that an earlier version stored has no time of its last
            success; then these are searched for it.
    """
    alerts = task.definition.alerts
    expected = alerts.expect_success
    if expected is None or not alerts.enabled or not task.definition.enabled:
        return None
    held_by = _HOLDING[expected.while_paused]
    since = _expected_since(task, held_by)
    if since is None:
        return None
    last = task.record.last_success or _newest_success(ended)
    if last is None and task.record.success_count:
        since = max(since, task.updated_at)  # there was a success, at a time that nobody knows any more
    if last is not None and not _names_any_after(task, last):
        return None
    start_at = task.definition.start_at
    since = max(since, last or since, start_at or since)
    until = _until(task, since, expected.period + expected.grace)
    return Wait(since=since, until=until, last_success=last, excuses_days=bool(task.definition.calendars))


def missing_success(
    task: Task,
    ended: Sequence[Execution],
    *,
    as_of: datetime,
    excused_until: datetime | None,
    due_at: datetime | None = None,
) -> Finding:
    """Judge the wait for the task's next success.

    Args:
        ended: as in `alert_rules.judge`.
        as_of: up to when everything about the task's runs is known.
        excused_until: up to when nothing could run, or nobody looked. An alert that is open stays open.
        due_at: as in `alert_rules.judge`, for the explanation.
    """
    kind, expected, wait = AlertKind.NO_SUCCESS, task.definition.alerts.expect_success, wait_of(task, ended)
    if wait is None or expected is None:
        return Finding(kind, False, _why_none_is_expected(task))
    if as_of <= wait.until:
        if wait.last_success == wait.since:
            return Finding(kind, False, f"A run succeeded at {shown_instant(wait.since)}")
        return Finding(kind, False, f"The time is counted from {shown_instant(wait.since)} now")
    if not wait.is_overdue(as_of, grace=expected.grace, excused_until=excused_until):
        return Finding(kind, None)
    return Finding(kind, True, f"{what_is_missing(wait, expected)} {explanation(task, ended, wait, due_at)}")


def as_one_alert(
    findings: Iterable[Finding], alerts: TaskAlerts, missing: Finding, *, is_open: bool
) -> Iterator[Finding]:
    """The findings with the missing success, so that one cause opens one alert.

    Args:
        findings: those of the other rules.
        missing: what `missing_success` found.
        is_open: whether the alert of the missing success is open.
    """
    holds = missing.holds is True or (is_open and missing.holds is None)
    replaced = _replaced(alerts)
    for finding in findings:
        if finding.kind is AlertKind.NO_SUCCESS:
            continue
        if finding.kind in replaced:
            yield Finding(finding.kind, False, "The task expects a success instead (`expect_success`)")
        elif holds and finding.holds and finding.kind in _COVERED:
            yield replace(finding, holds=None)
        else:
            yield finding
    yield missing


_COVERED = {AlertKind.FAILURES_IN_A_ROW: "failures_in_a_row", AlertKind.FAILURE_RATE: "failure_rate"} | {
    AlertKind.LATE_RUN: "late_after"
}
"""The kinds whose causes a missing success has too, each with the option that asks for it all the same."""


def _replaced(alerts: TaskAlerts) -> set[AlertKind]:
    if alerts.expect_success is None:
        return set()
    return {kind for kind, option in _COVERED.items() if getattr(alerts, option) is None}


def explanation(task: Task, ended: Sequence[Execution], wait: Wait, due_at: datetime | None) -> str:
    """Why there was no success, in one or more sentences: what happened to the runs since the last one."""
    record = task.record
    parts = []
    since = [each for each in ended if each.started_at > wait.since]
    if failed := [each for each in since if not each.is_cancelled]:
        which = "The last run failed" if len(failed) == 1 else f"The last {len(failed)} runs failed, the last"
        parts.append(f"{which} with: {short_error(failed[0])}.")
    elif since:
        parts.append(f"The last run was cancelled at {shown_instant(since[0].completed_at or since[0].started_at)}.")
    if record.active and record.last_run:
        parts.append(f"A run is at work since {shown_instant(record.last_run)}.")
    if record.last_skipped and record.last_skipped > max(wait.since, record.last_run or wait.since):
        parts.append(f"The last run was skipped at {shown_instant(record.last_skipped)}.")
    if due_at is not None:
        parts.append(f"A run was due at {shown_instant(due_at)} and none has begun since.")
    if task.paused:
        parts.append("The schedule of the task is paused.")
    return " ".join(parts) or f"No run has ended since {shown_instant(wait.since)}."


def what_is_missing(wait: Wait, expected: ExpectedSuccess) -> str:
    """Since when no run has succeeded, and what is expected, as a sentence."""
    wanted = (
        f"one is expected each {format_duration(expected.period)}, with {format_duration(expected.grace)} of grace"
        f"{', without the days that a calendar excludes' if wait.excuses_days else ''}"
    )
    if wait.last_success is None:
        return f"No run has succeeded since {shown_instant(wait.since)}; {wanted}."
    return f"No run has succeeded since the success of {shown_instant(wait.last_success)}; {wanted}."


def _why_none_is_expected(task: Task) -> str:
    if task.definition.alerts.expect_success is None:
        return "The task expects no success any more"
    return "The schedule of the task is paused" if not task.fires else "The schedule names no instant any more"


def _expected_since(task: Task, held_by: set[Held]) -> datetime | None:
    """Since when the task has been at work without a break; None while it is held."""
    since: datetime | None = None
    for period in reversed(task.known_periods):
        if period.held in held_by:
            break
        since = period.since
    return since


def _newest_success(ended: Sequence[Execution]) -> datetime | None:
    found = (each.completed_at for each in ended if each.status is ExecutionStatus.COMPLETED)
    return max((each for each in found if each is not None), default=None)


def _names_any_after(task: Task, instant: datetime) -> bool:
    """Whether the schedule names an instant after this one. One that we can't read is taken to do so."""
    definition = task.definition
    schedule = parse_stored(definition.schedule, definition.timezone, task.id) if definition.schedule else None
    if schedule is None:
        return True
    rules, next_after = definition.time_rules, partial(schedule.next_after, counted_from=task.created_at)
    first = rules.before_first(instant)
    if rules.calendars:
        found = next_under(rules.calendars, schedule.timezone, next_after, first)
    else:
        found = next_after(first)
    return found is not None and rules.include(found)


def _until(task: Task, since: datetime, length: timedelta) -> datetime:
    """When so much time has passed, without the days that the task's calendars exclude."""
    definition = task.definition
    if not definition.calendars:
        return since + length
    schedule = parse_stored(definition.schedule, definition.timezone, task.id)
    zone = schedule.timezone if schedule else definition.timezone
    day = day_of(since, zone)
    for _ in range(FORESEEN_DAYS):
        begin, end = max(since, begin_of_day(day, zone)), begin_of_day(day + _DAY, zone)
        if definition.calendars.exclusion(day) is None:
            if length <= end - begin:
                return begin + length
            length -= end - begin
        since, day = end, day + _DAY
    return since + length
