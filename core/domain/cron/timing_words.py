"""Lengths of time and single instants in plain English; six fields are described by `words`."""

from __future__ import annotations

from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from falcon_scheduler.core.domain.cron.clock_changes import offset_at
from falcon_scheduler.core.domain.cron.timetable import Timetable
from falcon_scheduler.core.domain.cron.timings import At, Daily, Every, EveryDays, Timing, instant_of
from falcon_scheduler.core.domain.cron.words import MONTHS, WEEKDAYS, clock, counted, describe_timetable, joined

_UNITS = (("day", 86_400), ("hour", 3_600), ("minute", 60), ("second", 1))


def describe(timing: Timing, zone: str) -> str:
    """The words for a timing whose wall times are those of the zone."""
    match timing:
        case Timetable():
            return describe_timetable(timing)
        case Every(interval, begin):
            first = "counted from the task's creation" if begin is None else f"the first time {_moment(begin, zone)}"
            return f"{_length(interval)}, {first}"
        case Daily(interval, phase):
            return f"{_length(interval)} from {clock(phase.hour, phase.minute, phase.second)} on"
        case EveryDays():
            return _every_days(timing)
        case At(instant):
            return f"once, {_moment(instant, zone)}"


def _length(interval: timedelta) -> str:
    """ "every 1 hour and 30 minutes"."""
    rest = int(interval.total_seconds())
    parts = []
    for unit, seconds in _UNITS:
        count, rest = divmod(rest, seconds)
        if count:
            parts.append((count, unit))
    one_unit = len(parts) == 1 and parts[0][0] == 1
    return "every " + (parts[0][1] if one_unit else joined([counted(count, unit) for count, unit in parts]))


def _every_days(timing: EveryDays) -> str:
    begin = timing.begin
    weeks, rest = divmod(timing.days, 7)
    unit, count = ("day", timing.days) if rest else ("week", weeks)
    length = unit if count == 1 else counted(count, unit)
    weekday = "" if rest else f" on {WEEKDAYS[begin.isoweekday() % 7]}"
    return (
        f"every {length}{weekday} at {clock(begin.hour, begin.minute, begin.second)}, the first time {_date(begin)}"
    )


def _moment(instant: datetime, zone: str) -> str:
    """A naive UTC instant on the zone's clock."""
    wall = instant + offset_at(ZoneInfo(zone), instant)
    again = "" if instant_of(wall, zone) == instant else ", the second time that the clock shows it"
    return f"{_date(wall)} at {clock(wall.hour, wall.minute, wall.second)}{again}"


def _date(day: datetime) -> str:
    return f"on {day.day} {MONTHS[day.month - 1]} {day.year}"
