"""The kinds of timing besides six fields: lengths of time with and without a phase, and single instants.

Instants are naive UTC here, and what a clock on the wall shows is called a wall time.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, time, timedelta

from falcon_scheduler.core.domain.cron.clock_changes import Stretch, stretches
from falcon_scheduler.core.domain.cron.timetable import Timetable, parse_timetable
from falcon_scheduler.core.domain.duration import format_duration

EVERY = "@every"
AT = "@at"
_DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Every:
    """A fixed length of time, in whole seconds, from one run to the next.

    `begin` is the first instant, in naive UTC. Without it the length is counted from when the task was made.
    """

    interval: timedelta
    begin: datetime | None = None

    def __str__(self) -> str:
        length = format_duration(self.interval)
        return f"{EVERY} {length}" if self.begin is None else f"{EVERY} {length} from {self.begin.isoformat()}Z"

    def next_from(self, start: datetime, counted_from: datetime) -> datetime | None:
        """The first instant at `start` or later. Without a `begin` the first is one length after `counted_from`."""
        first = self.begin if self.begin is not None else _later(counted_from, self.interval)
        if first is None or first >= start:
            return first
        steps = -((first - start) // self.interval)
        return _later(first, self.interval * steps)


@dataclass(frozen=True, slots=True)
class Daily:
    """A length of time that divides the day, from one time of the day on: the same wall times every day."""

    interval: timedelta
    phase: time
    timetables: tuple[Timetable, ...]
    """Six fields that together name these wall times, and no two of them the same."""

    def __str__(self) -> str:
        return f"{EVERY} {format_duration(self.interval)} from {self.phase.isoformat()}"


@dataclass(frozen=True, slots=True)
class EveryDays:
    """The same wall time every so many days, from a first wall time on."""

    days: int
    begin: datetime

    def __str__(self) -> str:
        weeks, rest = divmod(self.days, 7)
        length = f"{self.days}d" if rest else f"{weeks}w"
        return f"{EVERY} {length} from {self.begin.isoformat()}"

    def next_from(self, start: datetime, last: datetime, zone: str) -> datetime | None:
        """The first instant at `start` or later, and at `last` at the latest.

        A wall time that the clock skips is skipped, and one that it shows twice counts the first time.
        """
        steps = max(-((self.begin + 2 * _DAY - start) // (_DAY * self.days)), 0)
        wall = _later(self.begin, _DAY * self.days * steps)
        while wall is not None and wall - 2 * _DAY <= last:
            instant = instant_of(wall, zone)
            if instant is not None and start <= instant:
                return instant if instant <= last else None
            wall = _later(wall, _DAY * self.days)
        return None


@dataclass(frozen=True, slots=True)
class At:
    """One instant, in naive UTC."""

    instant: datetime

    def __str__(self) -> str:
        return f"{AT} {self.instant.isoformat()}Z"


Timing = Timetable | Every | Daily | EveryDays | At


def daily(interval: timedelta, phase: time) -> Daily:
    """See `Daily`. The interval divides the day and is of whole minutes, or divides the minute.

    Shorter than a day it keeps its rhythm while the clock shows a time twice; once a day is a fixed time.
    """
    if interval < timedelta(minutes=1):
        step = int(interval.total_seconds())
        seconds = ",".join(map(str, range(phase.second % step, 60, step)))
        return Daily(interval, phase, (parse_timetable(f"{seconds} * * * * *"),))
    if interval == _DAY:
        return Daily(interval, phase, (parse_timetable(f"{phase.second} {phase.minute} {phase.hour} * * *"),))
    minutes_by_hour: dict[int, list[int]] = {hour: [] for hour in range(24)}
    start, step = phase.hour * 60 + phase.minute, interval // timedelta(minutes=1)
    for number in range(24 * 60 // step):
        hour, minute = divmod((start + number * step) % (24 * 60), 60)
        minutes_by_hour[hour].append(minute)
    hours_by_minutes: dict[str, list[int]] = {}
    for hour, minutes in minutes_by_hour.items():
        if minutes:
            hours_by_minutes.setdefault(_recurring(sorted(minutes), 60), []).append(hour)
    texts = [f"{phase.second} {minutes} {_recurring(hours, 24)} * * *" for minutes, hours in hours_by_minutes.items()]
    return Daily(interval, phase, tuple(map(parse_timetable, texts)))


def _recurring(values: list[int], size: int) -> str:
    """Values as a list that recurs, so that a time which the clock shows twice counts twice."""
    return "*" if len(values) == size else ",".join([f"{values[0]}/{size}", *map(str, values[1:])])


def instant_of(wall: datetime, zone: str) -> datetime | None:
    """When the zone's clock shows this wall time for the first time; `None` if it skips it."""
    for stretch in stretches_around(wall, zone):
        if stretch.begin + stretch.offset <= wall < stretch.end + stretch.offset:
            return wall - stretch.offset
    return None


def stretches_around(wall: datetime, zone: str) -> list[Stretch]:
    """The stretches of equal offset near a wall time, in order."""
    years = range(max((wall - 2 * _DAY).year, 2), (wall + 2 * _DAY).year + 1)
    near = [stretch for year in years for stretch in stretches(zone, year)]
    return [each for each in near if each.begin <= wall + 2 * _DAY and each.end >= wall - 2 * _DAY]


def _later(start: datetime, length: timedelta) -> datetime | None:
    """The instant so much later; `None` if that lies after the calendar's end."""
    try:
        return start + length
    except OverflowError:
        return None
