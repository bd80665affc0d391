"""When a task is due: the text of a schedule, its meaning, and the instants it names.

A schedule has the meaning that robfig/cron v3 with seconds gives it, with the differences that docs/schedules.md
lists. This module runs nothing, and it does not know how an engine represents a schedule.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from falcon_scheduler.core.domain.cron.clock_changes import check_zone, stretch_at, zone_names
from falcon_scheduler.core.domain.cron.faults import ScheduleError
from falcon_scheduler.core.domain.cron.timetable import Timetable, parse_timetable
from falcon_scheduler.core.domain.cron.words import describe_interval, describe_timetable
from falcon_scheduler.core.domain.duration import format_duration, parse_nanoseconds

__all__ = ["Every", "Schedule", "ScheduleError", "Timetable", "parse", "parse_stored", "zone_within"]

_DESCRIPTORS = {
    "@yearly": "0 0 0 1 1 *",
    "@annually": "0 0 0 1 1 *",
    "@monthly": "0 0 0 1 * *",
    "@weekly": "0 0 0 * * 0",
    "@daily": "0 0 0 * * *",
    "@midnight": "0 0 0 * * *",
    "@hourly": "0 0 * * * *",
}
_EVERY = "@every"
_ZONE_PREFIX = re.compile(r"(?P<name>CRON_TZ|TZ)=(?P<zone>\S*)\s*")
_ANY_CASE_PREFIX = re.compile(r"(cron_)?tz=", re.IGNORECASE)
_SECOND = timedelta(seconds=1)
_SECOND_IN_NANOSECONDS = 10**9
_FORESEEN_YEARS = 5
_LAST_YEAR = 9990
_LONGEST_TEXT = 1000


@dataclass(frozen=True, slots=True)
class Every:
    """A fixed length of time, in whole seconds, from one run to the next."""

    interval: timedelta

    def __str__(self) -> str:
        return f"{_EVERY} {format_duration(self.interval)}"


@dataclass(frozen=True, slots=True)
class Schedule:
    """When a task is due. Schedules of the same canonical text are equal.

    `timing` holds the wall times, or the interval; `timezone` is the IANA name of the clock.
    """

    timing: Timetable | Every
    timezone: str = "UTC"

    def __str__(self) -> str:
        """The canonical text, which `parse` reads back; it names the zone unless that is UTC."""
        return str(self.timing) if self.timezone == "UTC" else f"CRON_TZ={self.timezone} {self.timing}"

    def next_after(self, instant: datetime) -> datetime | None:
        """The first due instant after this one, in UTC, or `None`.

        Six fields without a match in the next five years have none; an interval may be longer than that. An interval
        counts from this instant.

        Raises:
            ValueError: the instant is naive.
        """
        if instant.utcoffset() is None:
            raise ValueError("the instant has no time zone")
        start = instant.astimezone(UTC).replace(tzinfo=None, microsecond=0)
        if start.year > _LAST_YEAR:
            return None
        if isinstance(self.timing, Every):
            return _later(start, self.timing.interval)
        last = _years_later(instant.astimezone(UTC).replace(tzinfo=None))
        found = self._next_fit(self.timing, start + _SECOND, last)
        return found.replace(tzinfo=UTC) if found is not None and found <= last else None

    def upcoming(self, instant: datetime, count: int) -> list[datetime]:
        """Up to `count` due instants after this one, in order and in UTC."""
        found: list[datetime] = []
        following = self.next_after(instant)
        while following is not None and len(found) < count:
            found.append(following)
            following = self.next_after(following)
        return found

    def describe(self) -> str:
        """The schedule in plain English, without its zone: "every 5 minutes", "at 03:00 on Sunday"."""
        if isinstance(self.timing, Every):
            return describe_interval(self.timing.interval)
        return describe_timetable(self.timing)

    def _next_fit(self, timetable: Timetable, start: datetime, last: datetime) -> datetime | None:
        """The first fitting instant at `start` or later, and at `last` at the latest; all naive UTC."""
        while start <= last:
            stretch = stretch_at(self.timezone, start)
            wall = start + stretch.offset
            if not timetable.keeps_rhythm:
                wall = max(wall, stretch.fresh_from)
            found = timetable.next_wall(wall, min(stretch.end, last + _SECOND) + stretch.offset)
            if found is not None:
                return found - stretch.offset
            start = stretch.end
        return None


def parse(expression: str, timezone: str = "UTC") -> Schedule:
    """Read a schedule: six cron fields, a descriptor such as @hourly or `@every 90s`, each after an optional zone.

    Args:
        expression: the text; a `CRON_TZ=Zone ` or `TZ=Zone ` in front of it overrules `timezone`.
        timezone: IANA name of the zone whose clock is meant.

    Raises:
        ScheduleError: the text or the zone is wrong; it names the part at fault.
    """
    check_zone(timezone)
    if len(expression) > _LONGEST_TEXT:
        raise ScheduleError("schedule", f"the text is longer than {_LONGEST_TEXT} characters")
    text = expression.strip()
    if prefix := _ZONE_PREFIX.match(text):
        timezone = check_zone(prefix["zone"], f"schedule: {prefix['name']}")
        text = text[prefix.end() :]
    _refuse_prefix(text, first=prefix is None)
    if not text:
        raise ScheduleError("schedule", "it is empty; six fields or a descriptor such as @hourly are needed")
    if text.startswith("@"):
        return Schedule(_parse_descriptor(text), timezone)
    return Schedule(parse_timetable(text), timezone)


def parse_stored(expression: str, timezone: str) -> Schedule | None:
    """The schedule of a stored task; `None` if it can't be read.

    A database may hold texts that are refused today: from another scheduler or an earlier version.
    """
    try:
        return parse(expression, timezone)
    except ScheduleError:
        return None


def zone_within(expression: str) -> str | None:
    """The time zone in the text of a schedule; `None` if there is none, or none that exists."""
    prefix = _ZONE_PREFIX.match(expression.strip())
    return prefix["zone"] if prefix and prefix["zone"] in zone_names() else None


def _refuse_prefix(text: str, *, first: bool) -> None:
    """Refuse a second zone, and a first one that is not written in capitals."""
    prefix = _ANY_CASE_PREFIX.match(text)
    if prefix is None:
        return
    name = prefix[0].upper()
    if first:
        raise ScheduleError("schedule", f"{prefix[0]!r} is written in capitals: {name}")
    raise ScheduleError(f"schedule: {name.rstrip('=')}", f"{text!r} names a second time zone; one is allowed")


def _parse_descriptor(text: str) -> Timetable | Every:
    word, *rest = text.split(maxsplit=1)
    if word == _EVERY:
        return _parse_every(*rest)
    if text not in _DESCRIPTORS:
        if word.lower() in {*_DESCRIPTORS, _EVERY} and word != word.lower():
            raise ScheduleError("schedule", f"the descriptor {word!r} is written in lower case: {word.lower()}")
        known = ", ".join([*_DESCRIPTORS, f"{_EVERY} <duration>"])
        raise ScheduleError("schedule", f"{text!r} is not a descriptor; known are {known}")
    return parse_timetable(_DESCRIPTORS[text])


def _parse_every(text: str = "") -> Every:
    try:
        length = parse_nanoseconds(text)
    except ValueError as error:
        raise ScheduleError("schedule: @every", f"@every: {error}") from error
    seconds = length // _SECOND_IN_NANOSECONDS
    if seconds < 1:
        raise ScheduleError("schedule: @every", f"@every: {text!r} is too short; at least 1s is allowed")
    return Every(timedelta(seconds=seconds))


def _later(start: datetime, interval: timedelta) -> datetime | None:
    """`start`, naive UTC, and a length of time; `None` if that lies after the calendar's end."""
    try:
        return (start + interval).replace(tzinfo=UTC)
    except OverflowError:
        return None


def _years_later(instant: datetime) -> datetime:
    year = instant.year + _FORESEEN_YEARS
    if (instant.month, instant.day) == (2, 29):
        return instant.replace(year=year, month=3, day=1)
    return instant.replace(year=year)
