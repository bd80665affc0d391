"""Calendars: named sets of days, in versions, and which days a task takes and leaves out by them.

A version never changes: a change of a calendar makes the next version. A task keeps the versions that were in force
for it, so an instant of the past is judged by the version of its own time.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from enum import StrEnum
from functools import cached_property

CALENDAR_NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,49}")
NAME_RULE = "1 to 50 lower-case letters, digits or any of . _ -, starting with a letter or digit"
WEEKDAYS = ("MON", "TUE", "WED", "THU", "FRI", "SAT", "SUN")
MOST_ENTRIES = 500
"""Dates, ranges and weekday windows of one calendar."""
MOST_CALENDARS = 5
"""Calendars that one task names."""
FORESEEN_DAYS = 5 * 366
"""So far ahead a day is searched that is left, as far as schedules look for their next instant."""
MOVED_AT_MOST = 31
"""A run is moved by so many days at most. With no day left within them it is skipped."""
_DAY = timedelta(days=1)


class OnExcluded(StrEnum):
    """What becomes of an instant on an excluded day."""

    SKIP = "skip"
    """Nothing runs for it."""
    NEXT_BUSINESS_DAY = "next_business_day"
    """It runs at the same time of the first day after it that is not excluded."""
    PREVIOUS_BUSINESS_DAY = "previous_business_day"
    """It runs at the same time of the last day before it that is not excluded."""


@dataclass(frozen=True, slots=True)
class DayRange:
    """All days from `first` to `last`, both included."""

    first: date
    last: date


@dataclass(frozen=True, slots=True)
class WeekdayWindow:
    """Weekdays, 0 for Monday, from `first` to `last` if these are given."""

    weekdays: tuple[int, ...]
    first: date | None = None
    last: date | None = None

    def contains(self, day: date) -> bool:
        """Whether the day is one of these weekdays, within the window."""
        return (
            day.weekday() in self.weekdays
            and (self.first is None or day >= self.first)
            and (self.last is None or day <= self.last)
        )


@dataclass(frozen=True, kw_only=True)
class CalendarDays:
    """The days of a version."""

    dates: tuple[date, ...] = ()
    ranges: tuple[DayRange, ...] = ()
    weekdays: tuple[WeekdayWindow, ...] = ()

    @property
    def entries(self) -> int:
        """How many entries it has, which is what is bounded."""
        return len(self.dates) + len(self.ranges) + len(self.weekdays)

    def contain(self, day: date) -> bool:
        """Whether the day is one of these."""
        return (
            day in self._single
            or any(each.first <= day <= each.last for each in self.ranges)
            or any(each.contains(day) for each in self.weekdays)
        )

    @cached_property
    def _single(self) -> frozenset[date]:
        return frozenset(self.dates)


@dataclass(frozen=True, slots=True, kw_only=True)
class CalendarVersion:
    """One version of a calendar. Version 0 is one that only the name is known of."""

    name: str
    version: int = 0
    days: CalendarDays = field(default_factory=CalendarDays, repr=False)

    @property
    def is_known(self) -> bool:
        """Whether its days are known."""
        return self.version > 0

    def __str__(self) -> str:
        """Its name and version, for people."""
        return f"{self.name} (version {self.version})" if self.is_known else self.name


@dataclass(frozen=True, slots=True, kw_only=True)
class Exclusion:
    """Why a day is excluded: it is one of a calendar that is excluded, or none of those that are included."""

    day: date
    calendars: tuple[CalendarVersion, ...]
    is_included: bool
    """Whether the calendars are included ones, of which the day is none."""

    @property
    def text(self) -> str:
        """The reason as a sentence."""
        names = " or ".join(map(str, self.calendars))
        if self.is_included:
            return f"{self.day.isoformat()} is not a day of {names}"
        return f"{self.day.isoformat()} is a day of {names}, which the task excludes"


@dataclass(frozen=True, slots=True, kw_only=True)
class CalendarRules:
    """The calendars of a task. With `include` only their days are left; the days of `exclude` never are."""

    include: tuple[CalendarVersion, ...] = ()
    exclude: tuple[CalendarVersion, ...] = ()
    on_excluded: OnExcluded = OnExcluded.SKIP

    def __bool__(self) -> bool:
        """Whether there is any calendar."""
        return bool(self.include or self.exclude)

    @property
    def versions(self) -> tuple[CalendarVersion, ...]:
        """All versions, in order and each once."""
        return tuple(dict.fromkeys((*self.include, *self.exclude)))

    @property
    def are_known(self) -> bool:
        """Whether the days of all calendars are known."""
        return all(each.is_known for each in self.versions)

    def with_version(self, version: CalendarVersion) -> CalendarRules:
        """With this version instead of an older one of the same calendar."""

        def newer(each: CalendarVersion) -> CalendarVersion:
            return version if each.name == version.name and each.version < version.version else each

        return replace(self, include=tuple(map(newer, self.include)), exclude=tuple(map(newer, self.exclude)))

    def exclusion(self, day: date) -> Exclusion | None:
        """Why the day is excluded; `None` if it is left. A calendar whose days are not known excludes none."""
        for each in self.exclude:
            if each.days.contain(day):
                return Exclusion(day=day, calendars=(each,), is_included=False)
        if not self.include or any(not each.is_known or each.days.contain(day) for each in self.include):
            return None
        return Exclusion(day=day, calendars=self.include, is_included=True)

    def first_left(self, day: date) -> date | None:
        """This day or the first one after it that is left; `None` without any in the next five years."""
        return next((each for each in _days_from(day, FORESEEN_DAYS) if self.exclusion(each) is None), None)

    def moved_to(self, day: date) -> Iterator[date]:
        """The excluded days whose runs are moved to this day, the nearest first."""
        step = -_DAY if self.on_excluded is OnExcluded.NEXT_BUSINESS_DAY else _DAY
        for _ in range(MOVED_AT_MOST):
            day += step
            if self.exclusion(day) is None:
                return
            yield day

    def describe(self) -> str:
        """The calendars in plain English; empty without any."""
        parts = []
        if self.include:
            parts.append(f"on days of {' or '.join(map(str, self.include))}")
        if self.exclude:
            parts.append(f"not on days of {' or '.join(map(str, self.exclude))}")
        if parts and self.on_excluded is not OnExcluded.SKIP:
            parts.append(f"but on the {self.on_excluded.replace('_', ' ')} instead")
        return ", ".join(parts)


def _days_from(day: date, count: int) -> Iterator[date]:
    return (day + _DAY * number for number in range(count))
