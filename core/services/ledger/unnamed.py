"""Why an instant is none of a task's: what its schedule and the clock of its zone say."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from falcon_scheduler.core.domain.cron.wall_times import Repeated, repeated, skipped_times
from falcon_scheduler.core.domain.explanation import Cause
from falcon_scheduler.core.domain.periods import Held, Period
from falcon_scheduler.core.domain.schedule import Schedule, parse_stored
from falcon_scheduler.core.domain.task import Task
from falcon_scheduler.core.services.tasks.fire_times import names

_AROUND = timedelta(hours=3)
_SECOND = timedelta(seconds=1)
_MOST = 10_000


def why_unnamed(task: Task, period: Period, at: datetime) -> Cause:
    """The cause for an instant that the period's schedule does not name."""
    schedule = parse_stored(period.schedule, period.timezone, task.id)
    if schedule is None:
        return Cause.IMPEDED
    for zone in {clause.timezone for clause in schedule.clauses}:
        if _is_second_of_two(schedule, task, at, zone):
            return Cause.CLOCK_REPEATED
    if any(_instant_of(*each) == at for each in skipped_times(schedule, at - _AROUND, at + _AROUND, _MOST)):
        return Cause.CLOCK_SKIPPED
    if schedule.next_after(at, task.created_at) is None:
        return Cause.ENDED
    return Cause.NOT_NAMED


def former_schedule(task: Task, period: Period) -> tuple[Period | None, datetime]:
    """The last period before this one with another schedule, and when that was changed. A pause is no change."""
    changed_at = period.since
    for each in reversed([each for each in task.known_periods if each.since < period.since]):
        if not replace(each, held=period.held).is_like(period):
            return (each if each.schedule else None), changed_at
        changed_at = each.since
    return None, changed_at


def outside_time(task: Task, period: Period, at: datetime) -> Cause | None:
    """Whether the schedule names the instant, and it lies before `start_at` or after `end_at`."""
    if period.rules.include(at):
        return None
    unlimited = replace(period.rules, start_at=None, end_at=None)
    if not names(replace(period, held=Held.NOT, rules=unlimited), task, at):
        return None
    end_at = period.rules.end_at
    return Cause.END_DATE if end_at is not None and at > end_at else Cause.START_DATE


def _instant_of(wall: datetime, zone: str) -> datetime:
    """The instant of a wall time that a clock skips, by the offset before the change."""
    return wall.replace(tzinfo=ZoneInfo(zone), fold=0).astimezone(UTC)


def _is_second_of_two(schedule: Schedule, task: Task, at: datetime, zone: str) -> bool:
    """Whether the clock shows the instant's wall time for the second time, and the schedule names the first."""
    if repeated(at, zone) is not Repeated.SECOND:
        return False
    first = at.astimezone(ZoneInfo(zone)).replace(fold=0).astimezone(UTC)
    return schedule.next_after(first - _SECOND, task.created_at) == first
