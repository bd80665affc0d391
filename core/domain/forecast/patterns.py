"""The seconds of each hour in which a schedule is due, as the bits of an integer."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from falcon_scheduler.core.domain.cron.clock_changes import stretch_at
from falcon_scheduler.core.domain.cron.timetable import Timetable
from falcon_scheduler.core.domain.schedule import At, Clause, Every, EveryDays, Schedule

SECONDS = 3600
MINUTES = 60
_WHOLE = (1 << SECONDS) - 1
_HOUR = timedelta(hours=1)
_SECOND = timedelta(seconds=1)


@dataclass(frozen=True, slots=True)
class Hour:
    """One hour of UTC, on the clock of a zone. `wall` is what the clock shows at its beginning.

    `is_even` says that the clock goes on evenly in it, and `is_fresh` that it shows no time of it again.
    """

    begin: datetime
    wall: datetime
    is_even: bool
    is_fresh: bool


class Span:
    """The hours from one instant to another, on the clocks of any zones. `begin` and `end` are naive UTC."""

    def __init__(self, begin: datetime, end: datetime) -> None:
        self.begin, self.end = begin, end
        first = begin.replace(minute=0, second=0, microsecond=0)
        self.hours = [first + _HOUR * number for number in range(-((first - end) // _HOUR))]
        self._zones: dict[str, list[Hour]] = {}
        self._masks = {0: _WHOLE << _second_of(begin, first) & _WHOLE}
        if self.hours:
            last = len(self.hours) - 1
            until = (1 << min(_second_of(end, self.hours[last]), SECONDS)) - 1
            self._masks[last] = self._masks.get(last, _WHOLE) & until

    def hours_in(self, zone: str) -> list[Hour]:
        """Each hour on the clock of this zone."""
        if zone not in self._zones:
            self._zones[zone] = [_hour(begin, zone) for begin in self.hours]
        return self._zones[zone]

    def patterns_of(self, schedule: Schedule, counted_from: datetime) -> list[int]:
        """For each hour the set of its seconds in which the schedule is due, within the span.

        `counted_from` is as in `Schedule.next_after`.
        """
        since = counted_from.astimezone(UTC).replace(tzinfo=None, microsecond=0)
        found = [0] * len(self.hours)
        for clause in schedule.clauses:
            for number, pattern in enumerate(self._of_clause(clause, since)):
                if pattern:
                    found[number] |= pattern
        for number, mask in self._masks.items():
            if number < len(found):
                found[number] &= mask
        return found

    def _of_clause(self, clause: Clause, since: datetime) -> Iterator[int]:
        match clause.timing:
            case Every():
                yield from self._of_length(clause.timing, since)
            case EveryDays() | At():
                yield from self._one_by_one(clause, since)
            case _:
                several = [self._of_timetable(each, clause, since) for each in clause.timetables]
                for patterns in zip(*several, strict=True):
                    whole = 0
                    for pattern in patterns:
                        whole |= pattern
                    yield whole

    def _of_length(self, timing: Every, since: datetime) -> Iterator[int]:
        length = int(timing.interval.total_seconds())
        first = timing.begin if timing.begin is not None else since + timing.interval
        steps = 0
        for second in range(0, SECONDS, length):
            steps |= 1 << second
        for begin in self.hours:
            ahead = int((first - begin).total_seconds())
            offset = ahead if ahead >= 0 else ahead % length
            yield steps << offset & _WHOLE if offset < SECONDS else 0

    def _one_by_one(self, clause: Clause, since: datetime) -> Iterator[int]:
        """For clauses that name few instants."""
        due = clause.next_from(self.begin, since)
        for begin in self.hours:
            pattern = 0
            while due is not None and due < begin + _HOUR:
                pattern |= 1 << _second_of(due, begin)
                due = clause.next_from(due + _SECOND, since)
            yield pattern

    def _of_timetable(self, timetable: Timetable, clause: Clause, since: datetime) -> Iterator[int]:
        whole = 0
        for minute in range(60):
            if timetable.minute.values >> minute & 1:
                whole |= timetable.second.values << 60 * minute
        days: dict[tuple[int, int], int] = {}

        def of_wall_hour(wall: datetime) -> int:
            if not timetable.hour.values >> wall.hour & 1:
                return 0
            month = wall.year, wall.month
            if month not in days:
                days[month] = timetable.days_in(*month)
            return whole if days[month] >> wall.day & 1 else 0

        for hour in self.hours_in(clause.timezone):
            if not hour.is_even or not (hour.is_fresh or timetable.keeps_rhythm):
                yield _around_a_change(clause, timetable, hour.begin)
                continue
            shown = _second_of(hour.wall, hour.wall.replace(minute=0, second=0))
            pattern = of_wall_hour(hour.wall) >> shown
            if shown:  # a zone whose offset is no whole number of hours
                pattern |= of_wall_hour(hour.wall + _HOUR) << SECONDS - shown & _WHOLE
            yield pattern


def _around_a_change(clause: Clause, timetable: Timetable, begin: datetime) -> int:
    """The hour of a clock change, second by second, with the rules of the schedule itself."""
    alone = Clause(timetable, clause.timezone)
    pattern, due = 0, alone.next_from(begin, begin)
    while due is not None and due < begin + _HOUR:
        pattern |= 1 << _second_of(due, begin)
        due = alone.next_from(due + _SECOND, begin)
    return pattern


def _hour(begin: datetime, zone: str) -> Hour:
    stretch = stretch_at(zone, begin)
    wall = begin + stretch.offset
    return Hour(begin, wall, stretch.end >= begin + _HOUR, wall >= stretch.fresh_from)


def _second_of(moment: datetime, begin: datetime) -> int:
    return -((begin - moment) // _SECOND)


def seconds_of(pattern: int) -> list[int]:
    """The seconds of a pattern, in order."""
    text = bin(pattern)
    last, found, at = len(text) - 1, [], text.rfind("1")
    while at >= 2:
        found.append(last - at)
        at = text.rfind("1", 2, at)
    return found


def minutes_of(pattern: int) -> list[int]:
    """How many seconds of the pattern each minute of the hour holds."""
    minute = (1 << 60) - 1
    return [(pattern >> 60 * number & minute).bit_count() for number in range(MINUTES)]
