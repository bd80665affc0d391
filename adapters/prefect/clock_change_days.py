"""The dates on which Prefect's local cron would not do what we mean, and our instants on them, in UTC.

Prefect's cron counts in wall time. On the date of a clock change it shifts what falls into the skipped time, and of
two equal hours it forgets one, each Python in its own way. Every other date it gets right.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from datetime import date, datetime, time, timedelta
from itertools import pairwise

from prefect.client.schemas.schedules import CronSchedule

from falcon_scheduler.adapters.prefect.cron_text import Days, Times, cron_schedule
from falcon_scheduler.core.domain.cron.clock_changes import Stretch, stretches
from falcon_scheduler.core.domain.cron.fields import DAY_OF_WEEK
from falcon_scheduler.core.domain.cron.timetable import Timetable

_DAY = timedelta(days=1)
_MINUTE = timedelta(minutes=1)


def stretches_between(zone: str, begin: datetime, end: datetime) -> list[Stretch]:
    """The stretches of equal offset that touch this time; naive UTC. Those cut at a year's end are joined."""
    found: list[Stretch] = []
    for year in range(begin.year, end.year + 1):
        for stretch in stretches(zone, year):
            if stretch.end <= begin or stretch.begin >= end:
                continue
            if found and found[-1].offset == stretch.offset:
                found[-1] = found[-1]._replace(end=stretch.end)
            elif not found or stretch.begin >= found[-1].end:
                found.append(stretch)
    return found


def changed_dates(timetable: Timetable, zone: str, begin: datetime, end: datetime) -> list[date]:
    """The local dates of clock changes between `begin` and `end` on which this timetable names a time in question."""
    found: set[date] = set()
    around = stretches_between(zone, begin, end)
    for before, after in pairwise(around):
        walls = sorted((before.end + before.offset, after.begin + after.offset))
        found.update(day for day in _dates_between(*walls) if _touches(timetable, day, *walls))
    return sorted(found)


def schedules_on(timetables: Sequence[Timetable], zone: str, day: date) -> list[CronSchedule]:
    """Schedules in UTC for our instants on this local date, each once; they name no year, so they are temporary."""
    seconds_by_minute: dict[datetime, int] = defaultdict(int)
    for timetable in timetables:
        for moment in _minutes_on(timetable, zone, day):
            seconds_by_minute[moment] |= timetable.second.values
    minutes_by_hour: dict[tuple[date, int, int], int] = defaultdict(int)
    for moment, seconds in seconds_by_minute.items():
        minutes_by_hour[moment.date(), moment.hour, seconds] |= 1 << moment.minute
    hours_by_minutes: dict[tuple[date, int, int], int] = defaultdict(int)
    for (utc_day, hour, seconds), minutes in minutes_by_hour.items():
        hours_by_minutes[utc_day, minutes, seconds] |= 1 << hour
    return [
        cron_schedule(
            Times(hours, minutes, seconds),
            Days(1 << utc_day.day, DAY_OF_WEEK.every, both=True),
            1 << utc_day.month,
            "UTC",
        )
        for (utc_day, minutes, seconds), hours in hours_by_minutes.items()
    ]


def _minutes_on(timetable: Timetable, zone: str, day: date) -> Iterator[datetime]:
    """The UTC minutes of this local date in which the timetable fires, in order."""
    midnight = datetime.combine(day, time())
    for stretch in stretches_between(zone, midnight - 2 * _DAY, midnight + 3 * _DAY):
        first = stretch.begin + stretch.offset if timetable.keeps_rhythm else stretch.fresh_from
        wall = max(first, midnight)
        last = min(stretch.end + stretch.offset, midnight + _DAY)
        while wall < last:
            found = timetable.next_wall(wall, last)
            if found is None:
                break
            minute = found.replace(second=0)
            yield minute - stretch.offset
            wall = minute + _MINUTE


def _dates_between(begin: datetime, end: datetime) -> Iterator[date]:
    day = begin.date()
    while datetime.combine(day, time()) < end:
        yield day
        day += _DAY


def _touches(timetable: Timetable, day: date, begin: datetime, end: datetime) -> bool:
    midnight = datetime.combine(day, time())
    return timetable.next_wall(max(begin, midnight), min(end, midnight + _DAY)) is not None
