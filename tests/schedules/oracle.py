"""A slow, separate reading of schedules: it looks at the clock of every second and asks whether the schedule fits.

It shares no code with the product, and knows clock changes only through `astimezone` and `fold`. Days that differ
from month to month are found by walking through the calendar, day by day.
"""

from __future__ import annotations

import calendar
import hashlib
import re
from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta
from itertools import islice
from typing import Protocol
from zoneinfo import ZoneInfo

BOUNDS = ((0, 59), (0, 59), (0, 23), (1, 31), (1, 12), (0, 6))
MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
WEEKDAYS = ("sun", "mon", "tue", "wed", "thu", "fri", "sat")
NAMES = {
    4: {name: number for number, name in enumerate(MONTHS, 1)},
    5: {name: number for number, name in enumerate(WEEKDAYS)},
}


FIELD_NAMES = ("second", "minute", "hour", "day of month", "month", "day of week")
MOVING = re.compile(r"[0-9a-z]*#[0-9]|l(-[0-9]+)?|lw|[0-9]+w|[0-9a-z]+l")


class SlowCron:
    """Six fields and a zone."""

    def __init__(self, expression: str, zone: str = "UTC", task_id: str = "") -> None:
        self.task_id = task_id
        fields = [[item for item in text.lower().split(",") if item] for text in expression.split()]
        self.moving_dates = [item for item in fields[3] if MOVING.fullmatch(item)]
        self.moving_weekdays = [item for item in fields[5] if MOVING.fullmatch(item) and item not in NAMES[5]]
        texts = [",".join(each for each in items if not self._moves(n, each)) for n, items in enumerate(fields)]
        sets = [self._values(index, text) for index, text in enumerate(texts)]
        self.seconds, self.minutes, self.hours, self.dates, self.months, self.weekdays = sets
        stars = {"*", "?", "*/1", "?/1"}
        self.both_days = any(item in stars for item in f"{texts[3]},{texts[5]}".split(","))
        every = (60, 60, 24)
        self.once = not any(set(texts[n]) & set("*?/") or len(sets[n]) == every[n] for n in range(3))
        self.zone = ZoneInfo(zone)

    def fires_at(self, moment: datetime) -> bool:
        """Whether it fires at this very second."""
        if moment.second not in self.seconds:  # every offset since 1972 is of whole minutes
            return False
        return self.fits_minute(moment.astimezone(self.zone))

    def fits_minute(self, wall: datetime) -> bool:
        """Whether it fires in the minute that the zone's clock shows."""
        if self.once and wall.fold:
            return False
        return wall.minute in self.minutes and wall.hour in self.hours and self._day(wall)

    def after(self, moment: datetime, count: int, until: datetime) -> list[datetime]:
        """Up to `count` instants after this one and not after `until`."""
        return list(islice(self._after(moment, until), count))

    def _after(self, moment: datetime, until: datetime) -> Iterator[datetime]:
        moment = moment.astimezone(UTC).replace(microsecond=0) + timedelta(seconds=1)
        while moment <= until:
            if moment.minute == moment.second == 0 and not self._hour_may_fit(moment):
                moment += timedelta(hours=1)
                continue
            if moment.second == 0 and moment.astimezone(self.zone).minute not in self.minutes:
                moment += timedelta(minutes=1)
                continue
            if self.fires_at(moment):
                yield moment
            moment += timedelta(seconds=1)

    def _hour_may_fit(self, moment: datetime) -> bool:
        walls = [(moment + timedelta(minutes=minutes)).astimezone(self.zone) for minutes in (0, 15, 30, 45, 59)]
        return any(wall.hour in self.hours and self._day(wall) for wall in walls)

    def _day(self, wall: datetime) -> bool:
        if wall.month not in self.months:
            return False
        day = wall.date()
        fits = (
            wall.day in self.dates or any(day == moved(item, day) for item in self.moving_dates),
            wall.isoweekday() % 7 in self.weekdays or any(day == moved(item, day) for item in self.moving_weekdays),
        )
        return all(fits) if self.both_days else any(fits)

    def _moves(self, index: int, item: str) -> bool:
        return (index == 3 and item in self.moving_dates) or (index == 5 and item in self.moving_weekdays)

    def _drawn(self, index: int, item: str) -> set[int]:
        """`H`: the first eight bytes of the SHA-256 of the field's name and the task's id, modulo the choices."""
        low, high = BOUNDS[index]
        high = 28 if index == 3 else high
        if bounds := re.search(r"\((\d+)-(\d+)\)", item):
            low, high = map(int, bounds.groups())
        step = int(item.rpartition("/")[2]) if "/" in item else 0
        digest = hashlib.sha256(f"{FIELD_NAMES[index]} {self.task_id}".encode()).hexdigest()[:16]
        first = low + int(digest, 16) % min(step or 100, high - low + 1)
        return set(range(first, high + 1, step)) if step else {first}

    def _values(self, index: int, text: str) -> set[int]:
        low, high = BOUNDS[index]
        names = NAMES.get(index, {})
        found: set[int] = set()
        for item in filter(None, text.lower().split(",")):
            if item[0] == "h":
                found |= self._drawn(index, item)
                continue
            span, _, step = item.partition("/")
            first, _, last = span.partition("-")
            begin = low if first in ("*", "?") else names[first] if first in names else int(first)
            if first in ("*", "?"):
                begin, end = low, high
            elif last:
                end = names[last] if last in names else int(last)
            else:
                begin = begin % 7 if index == 5 else begin
                end = high if step else begin
            size = high - low + 1
            length = end - begin if begin <= end else (end - begin) % size
            found |= {(begin + ahead - low) % size + low for ahead in range(0, length + 1, int(step or 1))}
        return found


def moved(item: str, day: date) -> date | None:
    """The day of this day's month that `L`, `L-3`, `LW`, `15W`, `5L` or `1#2` means; `None` if it has none."""
    month = [day.replace(day=number) for number in range(1, calendar.monthrange(day.year, day.month)[1] + 1)]
    working = [each for each in month if each.isoweekday() < 6]
    if item == "lw":
        return working[-1]
    if item == "l" or item.startswith("l-"):
        before = int(item[2:] or 0)
        return month[-1 - before] if before < len(month) else None
    if item.endswith("w"):
        wanted = int(item[:-1])
        if wanted > len(month):
            return None
        return min(working, key=lambda each: abs(each.day - wanted))
    weekday, _, count = item.removesuffix("l").partition("#")
    number = NAMES[5][weekday] if weekday in NAMES[5] else int(weekday) % 7
    fitting = [each for each in month if each.isoweekday() % 7 == number]
    if not count:
        return fitting[-1]
    return fitting[int(count) - 1] if int(count) <= len(fitting) else None


class Fitting(Protocol):
    """What a schedule asks of a second."""

    def fires_at(self, moment: datetime) -> bool: ...


class SlowEvery:
    """`@every` in all its forms."""

    def __init__(self, text: str, zone: str, created_at: datetime) -> None:
        length, _, phase = text.partition(" from ")
        self.zone = ZoneInfo(zone)
        self.days = int(length[:-1]) * (7 if length[-1] == "w" else 1) if length[-1] in "dw" else 0
        self.length = timedelta(seconds=0 if self.days else _seconds(length))
        self.clock = time.fromisoformat(phase) if re.fullmatch(r"[0-9:]+", phase) else None
        self.begin = created_at.replace(microsecond=0) + self.length
        if phase and self.clock is None:
            begin = datetime.fromisoformat(phase)
            self.begin = begin if begin.tzinfo else begin.replace(tzinfo=self.zone)

    def fires_at(self, moment: datetime) -> bool:
        wall = moment.astimezone(self.zone)
        if self.clock is not None:
            seconds = (wall.hour - self.clock.hour) * 3600 + (wall.minute - self.clock.minute) * 60
            fits = (seconds + wall.second - self.clock.second) % 86_400 % self.length.total_seconds() == 0
            return fits and not (wall.fold and self.length == timedelta(days=1))
        if self.days:
            begin = self.begin.astimezone(self.zone).replace(tzinfo=None)
            gone = wall.replace(tzinfo=None, fold=0) - begin
            return gone >= timedelta() and not gone % timedelta(days=self.days) and not wall.fold
        begin = self.begin.astimezone(UTC)
        return moment >= begin and not (moment - begin) % self.length


class SlowAt:
    """`@at`."""

    def __init__(self, text: str, zone: str) -> None:
        instant = datetime.fromisoformat(text)
        self.instant = instant if instant.tzinfo else instant.replace(tzinfo=ZoneInfo(zone))

    def fires_at(self, moment: datetime) -> bool:
        return self.instant.astimezone(UTC) == moment


class SlowSchedule:
    """A whole text: several schedules, each by its own rule."""

    def __init__(self, text: str, zone: str, *, task_id: str, created_at: datetime) -> None:
        self.parts: list[Fitting] = []
        for part in (each.strip() for each in text.split(";")):
            if "TZ=" in part:
                prefix, part = part.split(maxsplit=1)
                zone = prefix.partition("=")[2]
            name, _, rest = part.partition(" ")
            if name == "@every":
                self.parts.append(SlowEvery(rest, zone, created_at))
            elif name == "@at":
                self.parts.append(SlowAt(rest, zone))
            else:
                self.parts.append(SlowCron(part, zone, task_id))

    def after(self, moment: datetime, until: datetime) -> list[datetime]:
        """All instants after this one and not after `until`."""
        first = moment.astimezone(UTC).replace(microsecond=0)
        seconds = (until - first) // timedelta(seconds=1)
        moments = (first + timedelta(seconds=n) for n in range(1, seconds + 1))
        return [each for each in moments if any(part.fires_at(each) for part in self.parts)]


def _seconds(length: str) -> int:
    return sum(int(count) * {"h": 3600, "m": 60, "s": 1}[unit] for count, unit in re.findall(r"(\d+)([hms])", length))
