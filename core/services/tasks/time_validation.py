"""What the settings of time of a task may be: `start_at`, `end_at`, `max_runs`, `jitter`, `start_within`."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

from falcon_scheduler.core.domain.duration import format_duration
from falcon_scheduler.core.domain.schedule import parse_stored
from falcon_scheduler.core.domain.task_definition import TaskDefinition
from falcon_scheduler.core.errors import Fault

MOST_RUNS = 1_000_000
JITTER_LENGTH = (timedelta(seconds=1), timedelta(hours=1))
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


def never_due_faults(definition: TaskDefinition, now: datetime, present: TaskDefinition | None) -> Iterator[Fault]:
    """An `end_at` that leaves the schedule no instant to come.

    It is accepted as long as nothing of it changes: it was accepted before its end was past.
    """
    end_at, schedule = definition.end_at, parse_stored(definition.schedule, definition.timezone)
    if end_at is None or schedule is None or (present and _when(present) == _when(definition)):
        return
    if end_at <= now:
        yield Fault("metadata.end_at", "is past; give an instant to come")
        return
    first = schedule.next_after(max(definition.start_at or now, now) - _NEAREST, now)
    if first is None or first > end_at:
        yield Fault("metadata.end_at", "the schedule names no instant from now, or from start_at, until then")


def _when(definition: TaskDefinition) -> tuple[object, ...]:
    return definition.schedule, definition.timezone, definition.start_at, definition.end_at
