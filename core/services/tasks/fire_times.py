"""The instants of a task: which come next, which were due, and by which schedule."""

from __future__ import annotations

from datetime import datetime, timedelta

from falcon_scheduler.core.domain.periods import Held, Period, in_force_at
from falcon_scheduler.core.domain.schedule import ScheduleError, parse_stored
from falcon_scheduler.core.domain.task import Task

_SECOND = timedelta(seconds=1)


def next_run(task: Task, now: datetime) -> datetime | None:
    """When a task's schedule fires next; None when it does not."""
    return next_in(task.known_periods[-1], task, now) if task.fires else None


def next_in(period: Period, task: Task, after: datetime) -> datetime | None:
    """The first instant after that one by a period's schedule, wherever the period ends; None when there is none.

    A stored schedule that can't be read names none.
    """
    if period.held is not Held.NOT or not period.schedule:  # an adopted task may have none that we can express
        return None
    schedule = parse_stored(period.schedule, period.timezone, task.id)
    return None if schedule is None else schedule.next_after(after, task.created_at)


def single_instants(task: Task, since: datetime) -> list[datetime]:
    """The single instants (`@at`) that the task's schedule names from `since` on; empty while it does not fire."""
    schedule = parse_stored(task.definition.schedule, task.definition.timezone, task.id) if task.fires else None
    return [each for each in schedule.single_instants if each >= since] if schedule else []


def period_at(task: Task, instant: datetime) -> Period | None:
    """What was in force at an instant; None if that is not remembered any more, or the task was not there yet."""
    return in_force_at(task.known_periods, instant)


def names(period: Period, task: Task, instant: datetime) -> bool:
    """Whether the period's schedule names this instant. A text that can't be read any more is taken to name it."""
    try:
        return next_in(period, task, instant - _SECOND) == instant
    except ScheduleError:
        return True


def due_between(task: Task, begin: datetime, end: datetime, limit: int) -> list[datetime]:
    """The latest `limit` instants from `begin` on and before `end`, each by the schedule in force at it; in order."""
    found: list[datetime] = []
    following = end
    for period in reversed(task.known_periods):
        first, last = max(begin, period.since), following
        if first < last:
            found = [*_within(period, task, first, last), *found]
        following = min(following, period.since)
        if following <= begin or len(found) >= limit:
            break
    return found[-limit:]


def _within(period: Period, task: Task, first: datetime, last: datetime) -> list[datetime]:
    found: list[datetime] = []
    instant = next_in(period, task, first - timedelta(microseconds=1))
    while instant is not None and instant < last:
        found.append(instant)
        instant = next_in(period, task, instant)
    return found
