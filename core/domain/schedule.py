"""When a task is due: the text of a schedule, its meaning, and the instants it names.

A schedule means what robfig/cron v3 with seconds means by it, with the additions and differences that
docs/schedules.md lists. This module does not run anything, and it does not know how an engine is informed of a
schedule.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache

from falcon_scheduler.core.domain.cron.clock_changes import check_zone, stretch_at, zone_names
from falcon_scheduler.core.domain.cron.descriptors import parse_descriptor
from falcon_scheduler.core.domain.cron.faults import ScheduleError
from falcon_scheduler.core.domain.cron.timetable import Timetable, parse_timetable
from falcon_scheduler.core.domain.cron.timing_words import describe
from falcon_scheduler.core.domain.cron.timings import At, Daily, Every, EveryDays, Timing

__all__ = [
    "At",
    "Clause",
    "Daily",
    "Every",
    "EveryDays",
    "Schedule",
    "ScheduleError",
    "Timetable",
    "Timing",
    "parse",
    "parse_stored",
    "zone_within",
]

_ZONE_PREFIX = re.compile(r"(?P<name>CRON_TZ|TZ)=(?P<zone>[^\s;]*)\s*")
_ANY_CASE_PREFIX = re.compile(r"(cron_)?tz=", re.IGNORECASE)
_SECOND = timedelta(seconds=1)
_FORESEEN_YEARS = 5
EARLIEST = datetime(1970, 1, 1, tzinfo=UTC)
"""No schedule names an instant before this one. Zones have no clock near the year 1, where `datetime` ends."""
_LAST_YEAR = 9990
_LONGEST_TEXT = 1000
_MOST_CLAUSES = 20


@dataclass(frozen=True, slots=True)
class Clause:
    """One of the schedules that a text holds. `timezone` is the IANA name of the clock that `timing` is read on."""

    timing: Timing
    timezone: str = "UTC"

    @property
    def timetables(self) -> tuple[Timetable, ...]:
        """The six fields that the clause amounts to; empty if it is a length of time or an instant."""
        match self.timing:
            case Timetable():
                return (self.timing,)
            case Daily():
                return self.timing.timetables
            case _:
                return ()

    def next_from(self, start: datetime, counted_from: datetime) -> datetime | None:
        """The first due instant at `start` or later; all in naive UTC and whole seconds."""
        match self.timing:
            case At(instant):
                return instant if instant >= start else None
            case Every():
                return self.timing.next_from(start, counted_from)
            case EveryDays(days):
                return self.timing.next_from(start, _years_later(start) + timedelta(days=2 * days), self.timezone)
        last = _years_later(start - _SECOND)
        found = [self._next_fit(timetable, start, last) for timetable in self.timetables]
        return min((each for each in found if each is not None), default=None)

    def _next_fit(self, timetable: Timetable, start: datetime, last: datetime) -> datetime | None:
        """The first fitting instant at `start` or later, and at `last` at the latest."""
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


@dataclass(frozen=True, slots=True)
class Schedule:
    """When a task is due: by one clause or by several. Schedules of the same canonical text and task are equal."""

    clauses: tuple[Clause, ...]

    def __str__(self) -> str:
        """The canonical text, which `parse` reads back; it names a zone unless that is UTC all along."""
        texts, zone = [], "UTC"
        for clause in self.clauses:
            named = "" if clause.timezone == zone else f"CRON_TZ={clause.timezone} "
            texts.append(f"{named}{clause.timing}")
            zone = clause.timezone
        return "; ".join(texts)

    @property
    def timezone(self) -> str:
        """The zone of the first clause, which is that of all unless the text names several."""
        return self.clauses[0].timezone

    @property
    def is_hashed(self) -> bool:
        """Whether a value was drawn by the task's id (`H`)."""
        return any(timetable.is_hashed for clause in self.clauses for timetable in clause.timetables)

    @property
    def single_instants(self) -> list[datetime]:
        """The instants that are named one by one (`@at`), in order and in UTC."""
        found = (clause.timing.instant for clause in self.clauses if isinstance(clause.timing, At))
        return [each.replace(tzinfo=UTC) for each in sorted(found)]

    @property
    def instants(self) -> list[datetime] | None:
        """All instants that the schedule ever names, in order and in UTC; `None` if they have no end."""
        return self.single_instants if all(isinstance(clause.timing, At) for clause in self.clauses) else None

    def past_instants(self, now: datetime) -> list[datetime]:
        """The single instants that are not to come, in UTC."""
        return [each for each in self.single_instants if each <= now]

    def next_after(self, instant: datetime, counted_from: datetime | None = None) -> datetime | None:
        """The first due instant after this one, in UTC, or `None`.

        Six fields that fit no instant within five years have none; a fixed length of time may be longer than that.
        It is counted from `counted_from`, when the task was made; left out, from `instant`.

        Raises:
            ValueError: the instant is naive.
        """
        if instant.utcoffset() is None:
            raise ValueError("the instant has no time zone")
        before = _naive(max(instant, EARLIEST - _SECOND))
        if before.year > _LAST_YEAR:
            return None
        began_at = before if counted_from is None else _naive(counted_from)
        found = [clause.next_from(before + _SECOND, began_at) for clause in self.clauses]
        return min((each.replace(tzinfo=UTC) for each in found if each is not None), default=None)

    def upcoming(self, instant: datetime, count: int, counted_from: datetime | None = None) -> list[datetime]:
        """Up to `count` due instants after this one, in order and in UTC. `counted_from` as in `next_after`."""
        found: list[datetime] = []
        following = self.next_after(instant, counted_from or instant)
        while following is not None and len(found) < count:
            found.append(following)
            following = self.next_after(following, counted_from or instant)
        return found

    def describe(self) -> str:
        """The schedule in plain English: "every 5 minutes", "at 03:00 on Sunday". Its zone is left out if all clauses
        share one."""
        zones = {clause.timezone for clause in self.clauses}
        words = [
            describe(clause.timing, clause.timezone) + (f" ({clause.timezone})" if len(zones) > 1 else "")
            for clause in self.clauses
        ]
        return "; and ".join(words)


def parse(expression: str, timezone: str = "UTC", *, task_id: str = "") -> Schedule:
    """Read a schedule: six cron fields, a descriptor such as @hourly, `@every 90s` or `@at`, or several with `;`.

    Args:
        expression: the text; a `CRON_TZ=Zone ` or `TZ=Zone ` in front of a schedule overrules `timezone` for it and
            those behind it.
        timezone: IANA name of the zone whose clock is meant.
        task_id: what `H` draws its values by.

    Raises:
        ScheduleError: the text or the zone is wrong; it names the part at fault.
    """
    check_zone(timezone)
    if len(expression) > _LONGEST_TEXT:
        raise ScheduleError("schedule", f"the text is longer than {_LONGEST_TEXT} characters")
    texts = expression.split(";")
    if len(texts) > _MOST_CLAUSES:
        raise ScheduleError("schedule", f"{len(texts)} schedules are too many; at most {_MOST_CLAUSES} are allowed")
    return Schedule(tuple(dict.fromkeys(_parse_all(texts, timezone, task_id))))


def _parse_all(texts: Sequence[str], timezone: str, task_id: str) -> Iterator[Clause]:
    for number, text in enumerate(texts, 1):
        try:
            clause = _parse_one(text.strip(), timezone, task_id)
        except ScheduleError as error:
            if len(texts) == 1:
                raise
            raise ScheduleError(error.field, f"schedule {number} of {len(texts)}: {error}") from error
        yield clause
        timezone = clause.timezone


def _parse_one(text: str, timezone: str, task_id: str) -> Clause:
    if prefix := _ZONE_PREFIX.match(text):
        timezone = check_zone(prefix["zone"], f"schedule: {prefix['name']}")
        text = text[prefix.end() :]
    _refuse_prefix(text, first=prefix is None)
    if not text:
        raise ScheduleError("schedule", "it is empty; six fields or a descriptor such as @hourly are needed")
    if text.startswith("@"):
        return Clause(parse_descriptor(text, timezone), timezone)
    return Clause(parse_timetable(text, task_id), timezone)


@lru_cache(maxsize=20_000)
def parse_stored(expression: str, timezone: str, task_id: str = "") -> Schedule | None:
    """The schedule of a stored task; `None` if it can't be read.

    A database may hold texts that are refused today: those of another scheduler, or of an earlier version. Each
    task's is asked for again and again.
    """
    try:
        return parse(expression, timezone, task_id=task_id)
    except ScheduleError:
        return None


def zone_within(expression: str) -> str | None:
    """The time zone that the text of a schedule names itself; `None` if it names none, or none that exists."""
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


def _naive(instant: datetime) -> datetime:
    return instant.astimezone(UTC).replace(tzinfo=None, microsecond=0)


def _years_later(instant: datetime) -> datetime:
    year = instant.year + _FORESEEN_YEARS
    if (instant.month, instant.day) == (2, 29):
        return instant.replace(year=year, month=3, day=1)
    return instant.replace(year=year)
