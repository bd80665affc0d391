"""When the clocks of a time zone are put forward or back, and which wall times that skips or repeats.

The standard library tells the offset at an instant but not when it changes, so we look for changes by halving.
Everything in this module is naive UTC unless it is called a wall time.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from functools import cache, lru_cache
from typing import NamedTuple
from zoneinfo import ZoneInfo, available_timezones

from falcon_scheduler.core.domain.cron.faults import ScheduleError
from falcon_scheduler.core.domain.cron.hints import nearest_to

# Since 2000 no zone changed its clocks twice within six days. Source: IANA time zone database 2026; tests/schedules
# checks it.
_LOOK_EVERY = timedelta(days=5)
_SECOND = timedelta(seconds=1)
_NOT_ZONES = {"localtime", "posixrules", "Factory"}


class Stretch(NamedTuple):
    """A time during which the offset stays the same.

    `fresh_from` is the first wall time of the stretch that the clock had not shown before: later than the stretch's
    own beginning if the clocks were put back there.
    """

    begin: datetime
    end: datetime
    offset: timedelta
    fresh_from: datetime


@cache
def zone_names() -> frozenset[str]:
    """The IANA names that a schedule may use."""
    return frozenset(name for name in available_timezones() if name not in _NOT_ZONES)


def check_zone(name: str, field: str = "timezone") -> str:
    """Give the name back if it is an IANA time zone.

    Raises:
        ScheduleError: it is not; the error points at `field`.
    """
    if name not in zone_names():
        nearest = nearest_to(name, zone_names())
        raise ScheduleError(field, f"{name!r} is not an IANA time zone such as UTC or America/New_York{nearest}")
    return name


def stretch_at(zone: str, instant: datetime) -> Stretch:
    """The stretch that holds this instant; it may be cut at the end of a year."""
    for stretch in stretches(zone, instant.year):
        if instant < stretch.end:
            return stretch
    raise AssertionError("the stretches of a year cover the year")


@lru_cache(maxsize=4096)
def stretches(zone: str, year: int) -> tuple[Stretch, ...]:
    """The stretches of one UTC year; the first may begin in the days before it."""
    found: list[Stretch] = []
    begin, close = datetime(year, 1, 1) - _LOOK_EVERY, datetime(year + 1, 1, 1)  # noqa: DTZ001 - naive UTC
    clock = ZoneInfo(zone)
    shown = begin + offset_at(clock, begin)
    while begin < close:
        offset = offset_at(clock, begin)
        end = _next_change(clock, begin, close)
        found.append(Stretch(begin, end, offset, max(shown, begin + offset)))
        shown = max(shown, end + offset)
        begin = end
    return tuple(found)


def offset_at(clock: ZoneInfo, instant: datetime) -> timedelta:
    """How far the clock is ahead of UTC at this instant."""
    offset = clock.utcoffset(clock.fromutc(instant.replace(tzinfo=clock)))
    return offset if offset is not None else timedelta()


def _next_change(clock: ZoneInfo, begin: datetime, close: datetime) -> datetime:
    """The first instant after `begin` with another offset, or `close`."""
    offset, low = offset_at(clock, begin), begin
    while low < close:
        high = min(low + _LOOK_EVERY, close)
        if offset_at(clock, high) != offset:
            return _halve(clock, low, high, offset)
        low = high
    return close


def _halve(clock: ZoneInfo, low: datetime, high: datetime, offset: timedelta) -> datetime:
    while high - low > _SECOND:
        middle = low + (high - low) // 2
        middle = middle.replace(microsecond=0)
        if offset_at(clock, middle) == offset:
            low = middle
        else:
            high = middle
    return high
