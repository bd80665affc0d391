"""The instants of a schedule under calendars: those on days that are left, and those that are moved to such days.

A day is a day on the clock of a zone. An instant that is moved keeps its time of the day. Where the clock skips that
time it is moved to the end of the gap; where the clock shows it twice the first time is meant.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, time, timedelta
from functools import partial
from zoneinfo import ZoneInfo

from falcon_scheduler.core.domain.calendars import FORESEEN_DAYS, MOVED_AT_MOST, CalendarRules, OnExcluded
from falcon_scheduler.core.domain.cron.clock_changes import stretch_at
from falcon_scheduler.core.domain.schedule import Schedule

NextAfter = Callable[[datetime], datetime | None]
"""The first instant of a schedule after another one."""
_NEAREST = timedelta(microseconds=1)
_DAY = timedelta(days=1)
_BY_FAR = timedelta(days=FORESEEN_DAYS)
_MOVED = _DAY * (MOVED_AT_MOST + 1)


def day_of(instant: datetime, zone: str) -> date:
    """The day of an instant on the clock of the zone."""
    return instant.astimezone(ZoneInfo(zone)).date()


def begin_of_day(day: date, zone: str) -> datetime:
    """The first instant of a day on the clock of the zone, in UTC."""
    return instant_of(day, time(), zone)


def instant_of(day: date, wall: time, zone: str) -> datetime:
    """The instant of a time of a day, in UTC: the first of two, and the end of the gap for one that is skipped."""
    clock = ZoneInfo(zone)
    local = datetime.combine(day, wall.replace(fold=0), clock)
    instant = local.astimezone(UTC)
    if instant.astimezone(clock).replace(tzinfo=None) == local.replace(tzinfo=None):
        return instant
    before = local.replace(fold=1).astimezone(UTC)  # by the offset after the change, so it lies before it
    return stretch_at(zone, before.replace(tzinfo=None)).end.replace(tzinfo=UTC)


def next_under(rules: CalendarRules, zone: str, next_after: NextAfter, after: datetime) -> datetime | None:
    """The first instant after this one at which a task with these calendars is due; `None` if there is none."""
    if rules.on_excluded is OnExcluded.SKIP:
        return _next_left(rules, zone, next_after, after)
    return _next_moved(rules, zone, next_after, after)


def upcoming_under(schedule: Schedule, rules: CalendarRules, start: datetime, count: int) -> list[datetime]:
    """Up to `count` due instants after `start`, from which lengths of time are counted; in order and in UTC."""
    if not rules:
        return schedule.upcoming(start, count)
    next_after = partial(schedule.next_after, counted_from=start)
    found: list[datetime] = []
    following = next_under(rules, schedule.timezone, next_after, start)
    while following is not None and len(found) < count:
        found.append(following)
        following = next_under(rules, schedule.timezone, next_after, following)
    return found


def _next_left(rules: CalendarRules, zone: str, next_after: NextAfter, after: datetime) -> datetime | None:
    last = after + _BY_FAR
    found = next_after(after)
    while found is not None:
        day = day_of(found, zone)
        if rules.exclusion(day) is None:
            return found
        following = rules.first_left(day) if found <= last else None
        if following is None:
            return None
        found = next_after(begin_of_day(following, zone) - _NEAREST)
    return None


def _next_moved(rules: CalendarRules, zone: str, next_after: NextAfter, after: datetime) -> datetime | None:
    day = day_of(after, zone)
    last = None
    while last is None or day <= last:
        coming = next_after(begin_of_day(day, zone) - _MOVED)
        if coming is None:
            return None
        nearest = max(day, day_of(coming, zone) - _MOVED)
        last = last or nearest + _BY_FAR
        target = rules.first_left(nearest)
        if target is None:
            return None
        found = min(_on_day(rules, zone, next_after, target, after), default=None)
        if found is not None:
            return found
        day = target + _DAY
    return None


def _on_day(
    rules: CalendarRules, zone: str, next_after: NextAfter, target: date, after: datetime
) -> Iterator[datetime]:
    """The first instant after `after` that the day has of its own, and the first that each excluded day gives it."""
    begin, end = begin_of_day(target, zone), begin_of_day(target + _DAY, zone)
    own = next_after(max(after, begin - _NEAREST))
    if own is not None and own < end:
        yield own
    for day in rules.moved_to(target):
        yield from _moved(zone, next_after, day, target, after)


def _moved(zone: str, next_after: NextAfter, day: date, target: date, after: datetime) -> Iterator[datetime]:
    """The first instant after `after` that is moved from one day to another."""
    end = begin_of_day(day + _DAY, zone)
    for start in _starts(zone, day, target, after):
        found = next_after(start)
        while found is not None and found < end:
            instant = instant_of(target, found.astimezone(ZoneInfo(zone)).time(), zone)
            if instant > after:
                yield instant
                break
            found = next_after(found)


def _starts(zone: str, day: date, target: date, after: datetime) -> Iterator[datetime]:
    """From where to search on a day for times that are later on the target day than `after` is there.

    On a day whose clock shows that time twice they follow either of the two.
    """
    clock = ZoneInfo(zone)
    local = after.astimezone(clock)
    if local.date() != target:
        yield begin_of_day(day, zone) - _NEAREST
        return
    for fold in (0, 1):
        yield max(
            datetime.combine(day, local.time().replace(fold=fold), clock).astimezone(UTC),
            begin_of_day(day, zone) - _NEAREST,
        )
