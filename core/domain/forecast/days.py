"""The patterns of a task under its calendars and limits: when its runs are to begin."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, date, datetime, timedelta
from functools import partial

from falcon_scheduler.core.domain.business_days import begin_of_day, day_of, next_under
from falcon_scheduler.core.domain.forecast.load import Workload
from falcon_scheduler.core.domain.forecast.patterns import SECONDS, Span, seconds_of
from falcon_scheduler.core.domain.schedule import Schedule
from falcon_scheduler.core.domain.time_rules import TimeRules

MOST_ONE_BY_ONE = 5_000
"""A task with more instants than these in the span is forecast as if its instants were skipped, not moved."""
_WHOLE = (1 << SECONDS) - 1
_HOUR = timedelta(hours=1)
_SECOND = timedelta(seconds=1)


def due_in(span: Span, schedule: Schedule, task: Workload) -> list[int]:
    """For each hour of the span the set of its seconds in which a run of the task is to begin."""
    patterns = _on_days(span, schedule, task)
    if task.rules.start_at is not None or task.rules.end_at is not None:
        patterns = [
            pattern & _within(hour.replace(tzinfo=UTC), task.rules) if pattern else 0
            for hour, pattern in zip(span.hours, patterns, strict=True)
        ]
    if task.rules.jitter:
        patterns = [*_spread(span, patterns, task)]
    return patterns if task.runs_left is None else [*_first(patterns, task.runs_left)]


def _within(begin: datetime, rules: TimeRules) -> int:
    """The seconds of the hour from `start_at` to `end_at`."""
    first = 0 if rules.start_at is None else -((begin - rules.start_at) // _SECOND)
    last = SECONDS - 1 if rules.end_at is None else (rules.end_at - begin) // _SECOND
    if first >= SECONDS or last < 0:
        return 0
    return (_WHOLE << max(first, 0)) & ((1 << min(last + 1, SECONDS)) - 1) & _WHOLE


def _first(patterns: Sequence[int], most: int) -> Iterator[int]:
    """The patterns without what comes after so many runs."""
    for pattern in patterns:
        count = pattern.bit_count()
        if count > most:
            pattern = sum(1 << second for second in seconds_of(pattern)[:most])
        most = max(most - count, 0)
        yield pattern


def _spread(span: Span, patterns: Sequence[int], task: Workload) -> Iterator[int]:
    """Each run as much later as the jitter says. Of many runs, hours with the same instants are spread in the same
    way: their number and how they are spread stay right."""
    is_exact = sum(each.bit_count() for each in patterns) <= MOST_ONE_BY_ONE
    known: dict[tuple[int, int | None], int] = {}
    carried = 0
    for number, pattern in enumerate(patterns):
        moved = 0
        if pattern:
            following = _first_after(patterns, number)
            moved = 0 if is_exact else known.get((pattern, following), 0)
            moved = moved or _moved(span.hours[number].replace(tzinfo=UTC), pattern, following, task)
            known[pattern, following] = moved
        yield (moved & _WHOLE) | carried
        carried = moved >> SECONDS


def _first_after(patterns: Sequence[int], number: int) -> int | None:
    """How many seconds after the beginning of this hour the first instant of the next one is. A jitter is an hour at
    most, so no later one matters."""
    pattern = patterns[number + 1] if number + 1 < len(patterns) else 0
    return SECONDS + (pattern & -pattern).bit_length() - 1 if pattern else None


def _moved(begin: datetime, pattern: int, following: int | None, task: Workload) -> int:
    """The begins of an hour's runs, in seconds of this hour and the next."""
    seconds, moved = seconds_of(pattern), 0
    for second, after in zip(seconds, [*seconds[1:], following], strict=True):
        instant = begin + second * _SECOND
        delay = task.rules.delay_of(task.id, instant, None if after is None else begin + after * _SECOND)
        moved |= 1 << (second + delay // _SECOND)
    return moved


def _on_days(span: Span, schedule: Schedule, task: Workload) -> list[int]:
    """What the schedule names on days that are left."""
    patterns, calendars = span.patterns_of(schedule, task.counted_from), task.rules.calendars
    if not calendars:
        return patterns
    if sum(each.bit_count() for each in patterns) <= MOST_ONE_BY_ONE:
        return _one_by_one(span, schedule, task)
    excluded: dict[date, bool] = {}

    def is_excluded(day: date) -> bool:
        if day not in excluded:
            excluded[day] = calendars.exclusion(day) is not None
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
    calendars = task.rules.calendars
    instant = next_under(calendars, schedule.timezone, next_after, begin - _SECOND)
    while found and instant is not None and instant < end:
        seconds = (instant.replace(tzinfo=None) - span.hours[0]) // _SECOND
        found[seconds // SECONDS] |= 1 << seconds % SECONDS
        instant = next_under(calendars, schedule.timezone, next_after, instant)
    return found
