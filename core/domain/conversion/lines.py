"""One line of another program's schedules, and what became of it."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

from falcon_scheduler.core.domain.cron.clock_changes import check_zone
from falcon_scheduler.core.domain.cron.wall_times import names_a_repeated_time, skipped_times
from falcon_scheduler.core.domain.schedule import Schedule, ScheduleError, parse

_STAR_STEP = re.compile(r"\*/0*([0-9]+)")
_NAME_CALLED = {0: "minute", 1: "hour", 2: "day of month", 3: "month", 4: "day of week"}
FIVE = len(_NAME_CALLED)
_DECADES = tuple(
    (datetime(year, 1, 1, tzinfo=UTC), datetime(year + 10, 1, 1, tzinfo=UTC)) for year in (2026, 2036, 2046)
)
"""The weekdays of the dates come again after 28 years."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Converted:
    """What a line became. Without a `schedule` it can't be kept at all, and `problem` says why.

    `number` counts lines from 1. `notes` say what is different here, and `lost` what is not kept.
    """

    number: int
    source: str
    schedule: Schedule | None = None
    timezone: str
    command: str = ""
    problem: str = ""
    notes: Sequence[str] = field(default_factory=tuple)
    lost: Sequence[str] = field(default_factory=tuple)


def converted(
    number: int,
    source: str,
    text: str,
    timezone: str,
    *,
    command: str = "",
    notes: Sequence[str] = (),
    lost: Sequence[str] = (),
) -> Converted:
    """The line as this text of ours; a problem if we can't read it either."""
    try:
        schedule = parse(text, timezone)
    except ScheduleError as error:
        return unkept(number, source, timezone, str(error), command=command)
    return Converted(
        number=number,
        source=source,
        schedule=schedule,
        timezone=schedule.timezone,
        command=command,
        notes=tuple(notes),
        lost=tuple(lost),
    )


def unkept(number: int, source: str, timezone: str, problem: str, *, command: str = "") -> Converted:
    """The line as one that has no schedule here."""
    return Converted(number=number, source=source, timezone=timezone, command=command, problem=problem)


def zone_fault(zone: str) -> str:
    """What is wrong with a zone's name; empty if nothing is."""
    try:
        check_zone(zone)
    except ScheduleError as error:
        return str(error)
    return ""


def below_unread_zone(number: int, source: str, timezone: str, zone_line: int, command: str = "") -> Converted:
    """A line whose zone is named in an earlier line that can't be read: any other zone would be a guess."""
    problem = f"the time zone of line {zone_line}, which holds for it, can't be read"
    return unkept(number, source, timezone, problem, command=command)


def counted(fields: Sequence[str]) -> str:
    """How many fields a line has, in words."""
    return "1 field" if len(fields) == 1 else f"{len(fields)} fields"


def keeps_rhythm(schedule: Schedule) -> bool:
    """Whether the schedule goes on at its pace through clock changes."""
    return any(each.keeps_rhythm for clause in schedule.clauses for each in clause.timetables)


def may_be_skipped(schedule: Schedule) -> bool:
    """Whether the clock of its zone will skip one of its times."""
    return any(skipped_times(schedule, begin, end, 1) for begin, end in _DECADES)


def may_be_repeated(schedule: Schedule) -> bool:
    """Whether the clock of its zone will show one of its times twice."""
    return any(names_a_repeated_time(schedule, begin, end) for begin, end in _DECADES)


def restricts(field_text: str) -> bool:
    """Whether a day field of classic cron restricts the days: it is not a star, with or without a step of 1."""
    step = _STAR_STEP.fullmatch(field_text)
    return field_text != "*" and (step is None or int(step[1]) != 1)


def needs_both_in_classic_cron(fields: Sequence[str]) -> bool:
    """Whether classic cron wants both day fields to fit although both restrict: one of them begins with a star."""
    date, weekday = fields[2], fields[4]
    return restricts(date) and restricts(weekday) and (date.startswith("*") or weekday.startswith("*"))


BOTH_DAYS = (
    "both day fields have to fit in {program}, and here either does; no six fields mean both: give one of the two, "
    "and let the task check the other"
)
SKIPPED_TIMES = "a time that the clock skips runs right after the gap in classic cron; here it is skipped that day"
REPEATED_TIMES = "a time that the clock shows twice runs once in classic cron; here it runs both times, as for a step"
