"""The patterns of a task under its calendars."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from functools import partial

from falcon_scheduler.core.domain.business_days import begin_of_day, day_of, next_under
from falcon_scheduler.core.domain.forecast.load import Workload
from falcon_scheduler.core.domain.forecast.patterns import SECONDS, Span
from falcon_scheduler.core.domain.schedule import Schedule

MOST_ONE_BY_ONE = 5_000
"""A task with more instants than these in the span is forecast as if its instants were skipped, not moved."""
_WHOLE = (1 << SECONDS) - 1
_HOUR = timedelta(hours=1)
_SECOND = timedelta(seconds=1)


def due_in(span: Span, schedule: Schedule, task: Workload) -> list[int]:
    """For each hour of the span the set of its seconds in which the task is due."""
    patterns = span.patterns_of(schedule, task.counted_from)
    if not task.calendars:
        return patterns
    if sum(each.bit_count() for each in patterns) <= MOST_ONE_BY_ONE:
        return _one_by_one(span, schedule, task)
    excluded: dict[date, bool] = {}

    def is_excluded(day: date) -> bool:
        if day not in excluded:
            excluded[day] = task.calendars.exclusion(day) is not None
        return excluded[day]

    return [
        _left(each, hour.replace(tzinfo=UTC), schedule.timezone, is_excluded) if each else 0
        for each, hour in zip(patterns, span.hours, strict=True)
    ]


def _left(pattern: int, begin: datetime, zone: str, is_excluded: Callable[[date], bool]) -> int:
    """The seconds of the hour that are on days that are left."""
    first, last = day_of(begin, zone), day_of(begin + _HOUR - _SECOND, zone)
    change = SECONDS if first == last else (begin_of_day(last, zone) - begin) // _SECOND
    before = (1 << change) - 1
    kept = 0 if is_excluded(first) else before
    return pattern & (kept | (0 if is_excluded(last) else _WHOLE & ~before))


def _one_by_one(span: Span, schedule: Schedule, task: Workload) -> list[int]:
    found = [0] * len(span.hours)
    next_after = partial(schedule.next_after, counted_from=task.counted_from)
    begin, end = span.begin.replace(tzinfo=UTC), span.end.replace(tzinfo=UTC)
    instant = next_under(task.calendars, schedule.timezone, next_after, begin - _SECOND)
    while found and instant is not None and instant < end:
        seconds = (instant.replace(tzinfo=None) - span.hours[0]) // _SECOND
        found[seconds // SECONDS] |= 1 << seconds % SECONDS
        instant = next_under(task.calendars, schedule.timezone, next_after, instant)
    return found
