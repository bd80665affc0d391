"""When a task is due: the text of a schedule, its meaning, and the instants it names.

A schedule means what robfig/cron v3 with seconds means by it, with the differences that docs/schedules.md lists. This
module does not run anything, and it does not know how an engine is told about a schedule.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from core.domain.cron.clock_changes import check_zone, stretch_at
from core.domain.cron.faults import ScheduleError
from core.domain.cron.timetable import Timetable, parse_timetable
from core.domain.cron.words import describe_interval, describe_timetable
from core.domain.duration import format_duration, parse_duration

__all__ = ["Every", "Schedule", "ScheduleError", "Timetable", "parse"]

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
_ZONE_PREFIXES = ("CRON_TZ=", "TZ=")
_SECOND = timedelta(seconds=1)
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

    `timing` says on which wall times, or how far apart; `timezone` is the IANA name of the clock.
    """

    timing: Timetable | Every
    timezone: str = "UTC"

    def __str__(self) -> str:
        """The canonical text, which `parse` reads back; it names the zone unless that is UTC."""
        return str(self.timing) if self.timezone == "UTC" else f"CRON_TZ={self.timezone} {self.timing}"

    def next_after(self, instant: datetime) -> datetime | None:
        """The first due instant after this one, in UTC; `None` if there is none within five years.

        Raises:
            ValueError: the instant is naive.
        """
        if instant.utcoffset() is None:
            raise ValueError("the instant has no time zone")
        start = instant.astimezone(UTC).replace(tzinfo=None, microsecond=0)
        if start.year > _LAST_YEAR:
            return None
        last = _years_later(instant.astimezone(UTC).replace(tzinfo=None))
        found = (
            start + self.timing.interval
            if isinstance(self.timing, Every)
            else self._next_fit(self.timing, start + _SECOND, last)
        )
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
    for prefix in _ZONE_PREFIXES:
        if text.startswith(prefix):
            zone, _, text = text.removeprefix(prefix).partition(" ")
            timezone = check_zone(zone, f"schedule: {prefix.rstrip('=')}")
            text = text.strip()
    if not text:
        raise ScheduleError("schedule", "it is empty; six fields or a descriptor such as @hourly are needed")
    if text.startswith("@"):
        return Schedule(_parse_descriptor(text), timezone)
    return Schedule(parse_timetable(text), timezone)


def _parse_descriptor(text: str) -> Timetable | Every:
    word, _, rest = text.partition(" ")
    if word == _EVERY:
        return _parse_every(rest.strip())
    if text not in _DESCRIPTORS:
        known = ", ".join([*_DESCRIPTORS, f"{_EVERY} <duration>"])
        raise ScheduleError("schedule", f"{text!r} is not a descriptor; known are {known}")
    return parse_timetable(_DESCRIPTORS[text])


def _parse_every(text: str) -> Every:
    try:
        length = parse_duration(text)
    except ValueError as error:
        raise ScheduleError("schedule: @every", f"@every: {error}") from error
    if length < _SECOND:
        raise ScheduleError("schedule: @every", f"@every: {text!r} is too short; at least 1s is allowed")
    return Every(timedelta(seconds=length // _SECOND))


def _years_later(instant: datetime) -> datetime:
    year = instant.year + _FORESEEN_YEARS
    if (instant.month, instant.day) == (2, 29):
        return instant.replace(year=year, month=3, day=1)
    return instant.replace(year=year)
