"""What the settings of time of a task may be, from `start_at` to `calendars`."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from functools import partial

from falcon_scheduler.core.domain.business_days import next_under
from falcon_scheduler.core.domain.calendars import CALENDAR_NAME, MOST_CALENDARS, NAME_RULE, CalendarRules
from falcon_scheduler.core.domain.catch_up import CatchUp
from falcon_scheduler.core.domain.duration import format_duration
from falcon_scheduler.core.domain.owed import MOST_OWED
from falcon_scheduler.core.domain.schedule import parse_stored
from falcon_scheduler.core.domain.task_definition import TaskDefinition
from falcon_scheduler.core.errors import Fault

MOST_RUNS = 1_000_000
JITTER_LENGTH = (timedelta(seconds=1), timedelta(hours=1))
MAX_AGE = (timedelta(seconds=1), timedelta(days=366))
START_WITHIN = (timedelta(seconds=1), timedelta(days=7))
EARLIEST, LATEST = datetime(1970, 1, 1, tzinfo=UTC), datetime(9000, 1, 1, tzinfo=UTC)
_NEAREST = timedelta(microseconds=1)


def time_faults(definition: TaskDefinition) -> Iterator[Fault]:
    """What is wrong with the settings at any time."""
    start_at, end_at = definition.start_at, definition.end_at
    for name, instant in (("start_at", start_at), ("end_at", end_at)):
        if instant is not None and not EARLIEST <= instant < LATEST:
            yield Fault(f"metadata.{name}", f"must be from the year {EARLIEST.year} on and before {LATEST.year}")
    if start_at is not None and end_at is not None and end_at < start_at:
        yield Fault("metadata.end_at", "must not be before start_at")
    if definition.max_runs is not None and not 1 <= definition.max_runs <= MOST_RUNS:
        yield Fault("metadata.max_runs", f"must be 1 to {MOST_RUNS}, is {definition.max_runs}")
    for name, length, (least, most) in (
        ("jitter", definition.jitter, JITTER_LENGTH),
        ("start_within", definition.start_within, START_WITHIN),
    ):
        if length is not None and not least <= length <= most:
            bounds = f"{format_duration(least)} to {format_duration(most)}"
            yield Fault(f"metadata.{name}", f"must be {bounds}, is {format_duration(length)}")
    yield from calendar_faults(definition.calendars)
    rules = definition.catch_up
    for name, catch_up in (
        ("after_pause", rules.after_pause),
        ("after_outage", rules.after_outage),
        ("after_edit", rules.after_edit),
    ):
        if catch_up is not None:
            yield from _catch_up_faults(catch_up, f"metadata.catch_up.{name}")


def _catch_up_faults(catch_up: CatchUp, location: str) -> Iterator[Fault]:
    if not 1 <= catch_up.max_runs <= MOST_OWED:
        yield Fault(f"{location}.max_runs", f"must be 1 to {MOST_OWED}, is {catch_up.max_runs}")
    if catch_up.max_age is not None and not MAX_AGE[0] <= catch_up.max_age <= MAX_AGE[1]:
        bounds = " to ".join(map(format_duration, MAX_AGE))
        yield Fault(f"{location}.max_age", f"must be {bounds}, is {format_duration(catch_up.max_age)}")


def calendar_faults(rules: CalendarRules, location: str = "metadata.calendars") -> Iterator[Fault]:
    """What is wrong with the names of calendars. Whether there are such calendars is not checked here."""
    if len(rules.include) + len(rules.exclude) > MOST_CALENDARS:
        yield Fault(location, f"at most {MOST_CALENDARS} calendars are allowed")
    seen: set[str] = set()
    for field, versions in (("include", rules.include), ("exclude", rules.exclude)):
        for position, each in enumerate(versions):
            if not CALENDAR_NAME.fullmatch(each.name):
                yield Fault(f"{location}.{field}.{position}", f"must be the name of a calendar: {NAME_RULE}")
            elif each.name in seen:
                yield Fault(f"{location}.{field}.{position}", "must not repeat a calendar")
            seen.add(each.name)


def never_due_faults(definition: TaskDefinition, now: datetime, present: TaskDefinition | None) -> Iterator[Fault]:
    """An `end_at`, or calendars, that leave the schedule no instant to come.

    It is accepted as long as nothing of it changes: it was accepted before its end was past.
    """
    end_at, schedule = definition.end_at, parse_stored(definition.schedule, definition.timezone)
    calendars = definition.calendars if definition.calendars.are_known else CalendarRules()
    if schedule is None or not (end_at or calendars) or (present and _when(present) == _when(definition)):
        return
    if end_at is not None and end_at <= now:
        yield Fault("metadata.end_at", "is past; give an instant to come")
        return
    start = max(definition.start_at or now, now) - _NEAREST
    next_after = partial(schedule.next_after, counted_from=now)
    first = next_after(start)
    left = next_under(calendars, schedule.timezone, next_after, start) if calendars else first
    if left is None and first is not None:
        yield Fault("metadata.calendars", "leave the schedule no instant in the next five years")
    elif end_at is not None and (left is None or left > end_at):
        yield Fault("metadata.end_at", "the schedule names no instant from now, or from start_at, until then")


def _when(definition: TaskDefinition) -> tuple[object, ...]:
    rules = definition.calendars
    calendars = [each.name for each in rules.include], [each.name for each in rules.exclude], rules.on_excluded
    return definition.schedule, definition.timezone, definition.start_at, definition.end_at, calendars
