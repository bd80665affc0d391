"""A slow, separate reading of the six fields: it looks at the clock of every second and asks whether the fields fit.

It shares no code with the product, and knows clock changes only through `astimezone` and `fold`.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import islice
from zoneinfo import ZoneInfo

BOUNDS = ((0, 59), (0, 59), (0, 23), (1, 31), (1, 12), (0, 6))
MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
WEEKDAYS = ("sun", "mon", "tue", "wed", "thu", "fri", "sat")
NAMES = {
    4: {name: number for number, name in enumerate(MONTHS, 1)},
    5: {name: number for number, name in enumerate(WEEKDAYS)},
}


class SlowCron:
    """Six fields and a zone."""

    def __init__(self, expression: str, zone: str = "UTC") -> None:
        texts = expression.split()
        sets = [self._values(index, text) for index, text in enumerate(texts)]
        self.seconds, self.minutes, self.hours, self.dates, self.months, self.weekdays = sets
        stars = {"*", "?", "*/1", "?/1"}
        self.both_days = any(item in stars for item in f"{texts[3]},{texts[5]}".split(","))
        every = (60, 60, 24)
        self.once = not any(set(texts[n]) & set("*?/") or len(sets[n]) == every[n] for n in range(3))
        self.zone = ZoneInfo(zone)

    def fires_at(self, moment: datetime) -> bool:
        """Whether it fires at this very second."""
        wall = moment.astimezone(self.zone)
        return wall.second in self.seconds and self.fits_minute(wall)

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
                moment += timedelta(minutes=1)  # every offset since 1972 is of whole minutes
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
        fits = (wall.day in self.dates, wall.isoweekday() % 7 in self.weekdays)
        return all(fits) if self.both_days else any(fits)

    @staticmethod
    def _values(index: int, text: str) -> set[int]:
        low, high = BOUNDS[index]
        names = NAMES.get(index, {})
        found: set[int] = set()
        for item in text.lower().split(","):
            span, _, step = item.partition("/")
            first, _, last = span.partition("-")
            begin = low if first in ("*", "?") else names[first] if first in names else int(first)
            if last:
                end = names[last] if last in names else int(last)
            else:
                begin = begin % 7 if index == 5 else begin
                end = high if step or first in ("*", "?") else begin
            size = high - low + 1
            length = end - begin if begin <= end else (end - begin) % size
            found |= {(begin + ahead - low) % size + low for ahead in range(0, length + 1, int(step or 1))}
        return found
