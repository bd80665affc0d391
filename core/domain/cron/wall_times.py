"""What clock changes do to a schedule: wall times that the clock skips, and instants whose wall time comes twice."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from itertools import islice, pairwise
from zoneinfo import ZoneInfo

from falcon_scheduler.core.domain.cron.clock_changes import Stretch, stretches
from falcon_scheduler.core.domain.cron.timings import EveryDays
from falcon_scheduler.core.domain.schedule import EARLIEST, Clause, Schedule

_DAY = timedelta(days=1)
_LONGEST_SPAN = timedelta(days=3660)


class Repeated(StrEnum):
    """Whether the clock shows an instant's wall time twice, and which of the two this is."""

    FIRST = "first"
    SECOND = "second"


def repeated(instant: datetime, zone: str) -> Repeated | None:
    """Which of two equal wall times an instant has; `None` if its wall time comes once."""
    wall = instant.astimezone(ZoneInfo(zone))
    if wall.fold:
        return Repeated.SECOND
    return Repeated.FIRST if wall.utcoffset() != wall.replace(fold=1).utcoffset() else None


def skipped_times(schedule: Schedule, begin: datetime, end: datetime, most: int) -> list[tuple[datetime, str]]:
    """Wall times between two instants that the schedule names and its clock skips, each with the zone; in order."""
    begin = max(begin, EARLIEST)
    end = min(end, begin + _LONGEST_SPAN)
    first, last = (each.astimezone(UTC).replace(tzinfo=None) for each in (begin, end))
    found = {each for clause in schedule.clauses for each in islice(_skipped(clause, first, last), most)}
    return sorted(found)[:most]


def names_a_repeated_time(schedule: Schedule, begin: datetime, end: datetime) -> bool:
    """Whether the schedule names a wall time that its clock shows twice between two instants."""
    first, last = (each.astimezone(UTC).replace(tzinfo=None) for each in (begin, end))
    return any(_repeats(clause, first, last) for clause in schedule.clauses)


def _repeats(clause: Clause, begin: datetime, end: datetime) -> bool:
    return any(
        any(_named(clause, after.begin + after.offset, before.end + before.offset))
        for before, after in _changes(clause.timezone, begin, end)
        if after.offset < before.offset
    )


def _skipped(clause: Clause, begin: datetime, end: datetime) -> Iterator[tuple[datetime, str]]:
    for before, after in _changes(clause.timezone, begin, end):
        gap, gap_end = before.end + before.offset, after.begin + after.offset
        for wall in _named(clause, gap, gap_end):
            yield wall, clause.timezone


def _changes(zone: str, begin: datetime, end: datetime) -> Iterator[tuple[Stretch, Stretch]]:
    """The stretches on both sides of each change of the clock between two instants."""
    for year in range(begin.year, end.year + 1):
        for before, after in pairwise(stretches(zone, year)):
            if begin < after.begin <= end and after.begin.year == year:
                yield before, after


def _named(clause: Clause, gap: datetime, gap_end: datetime) -> Iterator[datetime]:
    """The wall times that a clause names in a gap."""
    for timetable in clause.timetables:
        wall = timetable.next_wall(gap, gap_end)
        while wall is not None:
            yield wall
            wall = timetable.next_wall(wall + timedelta(seconds=1), gap_end)
    if isinstance(clause.timing, EveryDays):
        step = _DAY * clause.timing.days
        wall = clause.timing.begin + step * max(-((clause.timing.begin - gap) // step), 0)
        if gap <= wall < gap_end:
            yield wall
