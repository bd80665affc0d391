"""The instants that calendars exclude, as one entry for each task and day."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import date, datetime, timedelta

from falcon_scheduler.core.domain.business_days import begin_of_day, day_of
from falcon_scheduler.core.domain.calendars import Exclusion
from falcon_scheduler.core.domain.occurrence import Occurrence, Reason
from falcon_scheduler.core.domain.periods import Held, Period
from falcon_scheduler.core.domain.schedule import parse_stored
from falcon_scheduler.core.domain.task import Task
from falcon_scheduler.core.services.ledger.spans import MOST_COUNTED, last_named, periods_between
from falcon_scheduler.core.services.tasks.fire_times import next_in, without_calendars

_NEAREST = timedelta(microseconds=1)
_DAY = timedelta(days=1)


def excluded_rows(
    task: Task, begin: datetime, now: datetime, ends: Callable[[datetime], bool], *, most: int = MOST_COUNTED
) -> Iterator[Occurrence]:
    """The excluded days of a task from the one of `begin` on and up to `now`.

    A row ends with its day, or with the period in which the day is excluded. Its `count` is 0 when there are more
    instants than `most`.

    Args:
        ends: whether a row that ends at an instant is wanted.
    """
    for period, until in periods_between(task, begin, now):
        if period.held is Held.NOT and period.rules.calendars:
            yield from _of_period(task, period, begin, until, ends, most)


def _of_period(
    task: Task, period: Period, begin: datetime, until: datetime, ends: Callable[[datetime], bool], most: int
) -> Iterator[Occurrence]:
    schedule = parse_stored(period.schedule, period.timezone, task.id)
    if schedule is None:
        return
    raw, zone, is_last = without_calendars(period), schedule.timezone, period == task.known_periods[-1]
    start = max(begin_of_day(day_of(begin, zone), zone), period.since)
    while (first := next_in(raw, task, start - _NEAREST)) is not None and first < until:
        day = day_of(first, zone)
        start = begin_of_day(day + _DAY, zone)
        exclusion = period.rules.calendars.exclusion(day)
        if exclusion is None:
            following = _first_excluded(period, day + _DAY, day_of(until, zone))
            if following is None:
                return
            start = begin_of_day(following, zone)
        elif ends(start if is_last else min(start, until)):
            yield _row(task, raw, first, min(start, until), exclusion, most)


def _first_excluded(period: Period, day: date, last: date) -> date | None:
    while day <= last:
        if period.rules.calendars.exclusion(day) is not None:
            return day
        day += _DAY
    return None


def _row(task: Task, raw: Period, first: datetime, end: datetime, exclusion: Exclusion, most: int) -> Occurrence:
    count, last = 1, first
    while (following := next_in(raw, task, last)) is not None and following < end:
        count, last = count + 1, following
        if count > most:
            count, last = 0, last_named(raw, task, last, end)
            break
    return Occurrence.without_run(task.id, first, Reason.CALENDAR, until=last, count=count, text=exclusion.text)
