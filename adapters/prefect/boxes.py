"""Several timetables of one zone as sets of local times, no two of which share a time.

Prefect makes a run for each of a deployment's schedules, so two that fire at the same instant would make two runs.
A box is one set of values for each of weekday, date, month, hour, minute and second: what one cron text can express.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime, timedelta
from typing import NamedTuple

from falcon_scheduler.core.domain.cron.fields import MONTH
from falcon_scheduler.core.domain.cron.timetable import Timetable

_FEBRUARY = 1 << 2
_OF_30_DAYS = sum(1 << month for month in (4, 6, 9, 11))
_OF_31_DAYS = MONTH.every & ~_FEBRUARY & ~_OF_30_DAYS


class Box(NamedTuple):
    """All combinations of these sets of values."""

    weekdays: int
    dates: int
    months: int
    hours: int
    minutes: int
    seconds: int


def boxes_of(timetables: Iterable[Timetable], now: datetime, remembered: timedelta) -> list[Box]:
    """Boxes that together name the wall times of the timetables, each once.

    Which day is the last of a February depends on the year. They are exact for the one February that lies between
    `remembered` before `now` and less than a year later.
    """
    found: list[Box] = []
    year = now.year if now - remembered < datetime(now.year, 3, 1) else now.year + 1  # noqa: DTZ001 - naive UTC
    for timetable in timetables:
        for box in _boxes(timetable, 28 if year % 4 or (year % 100 == 0 and year % 400) else 29):
            pieces = [box]
            for other in found:
                pieces = [piece for each in pieces for piece in _without(each, other)]
            found += pieces
    return found


def _boxes(timetable: Timetable, february: int) -> Iterator[Box]:
    parts: Sequence[tuple[int, int]] = [(MONTH.every, 31)]
    if timetable.depends_on_length:
        parts = [(_OF_31_DAYS, 31), (_OF_30_DAYS, 30), (_FEBRUARY, february)]
    months_by_days: dict[tuple[int, int], int] = defaultdict(int)
    for months, length in parts:
        dates_by_weekdays: dict[int, int] = defaultdict(int)
        for day in range(1, length + 1):
            dates_by_weekdays[timetable.weekdays_on(day, length)] |= 1 << day
        for weekdays, dates in dates_by_weekdays.items():
            if weekdays:
                months_by_days[weekdays, dates] |= months & timetable.month.values
    for (weekdays, dates), months in months_by_days.items():
        if months:
            yield Box(
                weekdays, dates, months, timetable.hour.values, timetable.minute.values, timetable.second.values
            )


def _without(box: Box, other: Box) -> Iterator[Box]:
    """What of a box is not in the other, as boxes that share nothing."""
    if not all(mine & theirs for mine, theirs in zip(box, other, strict=True)):
        yield box
        return
    rest = [*box]
    for place, theirs in enumerate(other):
        outside = rest[place] & ~theirs
        if outside:
            yield Box._make([*rest[:place], outside, *rest[place + 1 :]])
        rest[place] &= theirs
