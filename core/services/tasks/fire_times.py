"""The instants of a task: which come next, which were due, and by which schedule."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial

from falcon_scheduler.core.domain.business_days import day_of, next_under
from falcon_scheduler.core.domain.calendars import CalendarRules, Exclusion
from falcon_scheduler.core.domain.periods import Held, Period, in_force_at
from falcon_scheduler.core.domain.schedule import ScheduleError, parse_stored
from falcon_scheduler.core.domain.task import Task

_SECOND = timedelta(seconds=1)
_NEAREST = timedelta(microseconds=1)
FEWEST_SINGLE_RUNS = 10
"""So many coming runs of a task whose runs we plan one by one are in the engine, for people to see."""
SINGLE_RUNS_WITHIN = timedelta(seconds=45)
"""Its runs within this time are in the engine in any case: the watch of the plan looks each 5 s, 30 s ahead."""
MOST_SINGLE_RUNS = 100


def next_run(task: Task, now: datetime) -> datetime | None:
    """When a task's schedule fires next; None when it does not."""
    return next_in(task.known_periods[-1], task, now) if task.fires and task.runs_left != 0 else None


def next_in(period: Period, task: Task, after: datetime) -> datetime | None:
    """The first instant after that one by a period's schedule, wherever the period ends; None when there is none.

    A stored schedule that can't be read names none.
    """
    if period.held is not Held.NOT or not period.schedule:  # an adopted task may have none that we can express
        return None
    schedule = parse_stored(period.schedule, period.timezone, task.id)
    if schedule is None:
        return None
    first, calendars = period.rules.before_first(after), period.rules.calendars
    if calendars:
        found = next_under(
            calendars, schedule.timezone, partial(schedule.next_after, counted_from=task.created_at), first
        )
    else:
        found = schedule.next_after(first, task.created_at)
    return found if found is not None and period.rules.include(found) else None


def without_calendars(period: Period) -> Period:
    """The same period, in which no day is excluded and the task is not held."""
    return replace(period, held=Held.NOT, rules=replace(period.rules, calendars=CalendarRules()))


def exclusion_at(period: Period, task: Task, instant: datetime) -> Exclusion | None:
    """Why the calendars in force exclude an instant that the period's schedule names; `None` if they do not."""
    schedule = parse_stored(period.schedule, period.timezone, task.id)
    if schedule is None or not period.rules.calendars:
        return None
    exclusion = period.rules.calendars.exclusion(day_of(instant, schedule.timezone))
    return exclusion if exclusion is not None and names(without_calendars(period), task, instant) else None


def single_instants(task: Task, since: datetime, now: datetime) -> list[datetime]:
    """The instants from `since` on for which we have the engine make a run each; empty while the task does not fire.

    They are the single instants (`@at`) of the schedule. Of a task with rules that the engine's schedules can't
    express they are the next instants, and not more of them than runs are left.
    """
    definition, since = task.definition, min(since, now)
    schedule = parse_stored(definition.schedule, definition.timezone, task.id) if task.fires else None
    if schedule is None:
        return []
    if not definition.time_rules.need_single_runs:
        return [each for each in schedule.single_instants if each >= since]
    if task.runs_left == 0:
        return []
    passed = due_between(task, since, now, MOST_SINGLE_RUNS)
    ahead: list[datetime] = []
    following = next_in(task.known_periods[-1], task, now - _NEAREST)
    while following is not None and len(ahead) < _most_ahead(task, following, now):
        ahead.append(following)
        following = next_in(task.known_periods[-1], task, following)
    return [*passed, *ahead]


def _most_ahead(task: Task, following: datetime, now: datetime) -> int:
    """How many runs are planned ahead when one more would be for that instant."""
    most = MOST_SINGLE_RUNS if following <= now + SINGLE_RUNS_WITHIN else FEWEST_SINGLE_RUNS
    return most if task.runs_left is None else min(most, task.runs_left)


def begin_of(task: Task, instant: datetime) -> datetime:
    """When the run of an instant is to begin: at the instant, or later by the jitter in force at it."""
    period = period_at(task, instant) or task.known_periods[-1]
    if not period.rules.jitter:
        return instant
    return instant + period.rules.delay_of(task.id, instant, next_in(replace(period, held=Held.NOT), task, instant))


def is_too_late(task: Task, instant: datetime, now: datetime) -> bool:
    """Whether a run of this instant would be skipped because it can't begin within the time that the task allows."""
    within = task.definition.begins_within
    return within is not None and now - begin_of(task, instant) > within


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
            found = [*instants_within(period, task, first, last), *found]
        following = min(following, period.since)
        if following <= begin or len(found) >= limit:
            break
    return found[-limit:]


def instants_within(period: Period, task: Task, first: datetime, last: datetime) -> list[datetime]:
    """What a period's schedule names from `first` on and before `last`, wherever the period ends."""
    found: list[datetime] = []
    instant = next_in(period, task, first - _NEAREST)
    while instant is not None and instant < last:
        found.append(instant)
        instant = next_in(period, task, instant)
    return found
