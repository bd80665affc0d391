"""What a task's schedule names in a time, and what it names while the task is held."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta

from falcon_scheduler.core.domain.occurrence import Occurrence, Reason
from falcon_scheduler.core.domain.periods import Held, Period
from falcon_scheduler.core.domain.task import Task
from falcon_scheduler.core.services.tasks.fire_times import next_in

MOST_COUNTED = 100
"""Of a longer row the number of its occurrences is not counted."""
_NEAREST = timedelta(microseconds=1)
_SECOND = timedelta(seconds=1)
_REASON_OF = {Held.PAUSED: Reason.PAUSED, Held.DISABLED: Reason.DISABLED, Held.LIMIT: Reason.RUN_LIMIT}


def instants_between(task: Task, begin: datetime, end: datetime) -> Iterator[datetime]:
    """The instants from `begin` on and before `end` at which the task was due, by the schedule in force at each."""
    for period, until in periods_between(task, begin, end):
        yield from named(period, task, max(begin, period.since), min(until, end))


def held_between(task: Task, begin: datetime, end: datetime, now: datetime) -> Iterator[tuple[Period, datetime]]:
    """The periods with a part in this time in which the task was held, each with its end; `now` if it is not over."""
    for period, until in periods_between(task, begin, now):
        if period.held is not Held.NOT and period.since < end:
            yield period, until


def held_since(task: Task, at: datetime) -> datetime | None:
    """Since when the task was held at an instant, or after it; `None` if it was not, as far as is remembered.

    A run that was due before a pause may begin during it.
    """
    periods = task.known_periods
    ends = [*(each.since for each in periods[1:]), None]
    return next(
        (
            period.since
            for period, end in zip(periods, ends, strict=True)
            if period.held is not Held.NOT and (end is None or end > at)
        ),
        None,
    )


def periods_between(task: Task, begin: datetime, end: datetime) -> Iterator[tuple[Period, datetime]]:
    """The periods with a part in this time, in order, each with its end, `end` at the latest."""
    periods = task.known_periods
    for period, following in zip(periods, [*(each.since for each in periods[1:]), end], strict=True):
        until = min(following, end)
        if period.since < until and until > begin:
            yield period, until


def named(period: Period, task: Task, first: datetime, end: datetime) -> Iterator[datetime]:
    """The instants that a period's schedule names from `first` on and before `end`; none while it is held."""
    instant = next_in(period, task, first - _NEAREST)
    while instant is not None and instant < end:
        yield instant
        instant = next_in(period, task, instant)


def held_row(
    task: Task, period: Period, end: datetime, *, by: str = "", most: int = MOST_COUNTED
) -> Occurrence | None:
    """The occurrences of a held period up to `end` as one entry; `None` if the schedule names none.

    Its `count` is 0 when there are more than `most`.
    """
    free = replace(period, held=Held.NOT)
    count, first, last = 0, None, None
    for instant in named(free, task, period.since, end):
        count, first, last = count + 1, first or instant, instant
        if count > most:
            count, last = 0, last_named(free, task, instant, end)
            break
    if first is None:
        return None
    reason = _REASON_OF[period.held]
    if period == task.known_periods[-1] and not task.paused and task.definition.enabled and task.impediments:
        reason = Reason.IMPEDED
    text = "; ".join(task.impediments) if reason is Reason.IMPEDED else ""
    return Occurrence.without_run(
        task.id, first, reason, until=last, count=count, by=by, since=period.since, text=text
    )


def last_named(period: Period, task: Task, known: datetime, end: datetime) -> datetime:
    """The last instant before `end` that a period's schedule names, where `known` is one that it names."""
    step = timedelta(seconds=1)
    while end - step > known:
        instant = next_in(period, task, end - step - _NEAREST)
        if instant is not None and instant < end:
            return max([known, *named(period, task, instant, end)])
        step *= 2
    return max([known, *named(period, task, known, end)])


def last_instant(task: Task, now: datetime) -> datetime | None:
    """The last instant up to `now` that the task's schedules named, also while it was held; `None` without any."""
    for period, until in reversed([*periods_between(task, task.created_at, now + _SECOND)]):
        free = replace(period, held=Held.NOT)
        first = next(named(free, task, period.since, until), None)
        if first is not None:
            return last_named(free, task, first, until)
    return None
