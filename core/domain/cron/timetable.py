"""Six parsed fields and the wall clock times that they name. Knows the calendar, and nothing of time zones.

Wall times are naive `datetime`s here, on purpose: what a clock on the wall shows, before anyone asks where it hangs.
"""

from __future__ import annotations

from calendar import monthrange
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, time

from falcon_scheduler.core.domain.cron.faults import ScheduleError
from falcon_scheduler.core.domain.cron.fields import DAY_OF_MONTH, KINDS, Field, parse_field
from falcon_scheduler.core.domain.cron.month_days import EVERY_WEEKDAY

_WEEK_STARTS = 0b10000001000000100000010000001  # bits 0, 7, 14, 21, 28
_LONGEST_MONTHS = (31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)


@dataclass(frozen=True, slots=True)
class Timetable:
    """A six-field cron expression, seconds first."""

    second: Field
    minute: Field
    hour: Field
    day_of_month: Field
    month: Field
    day_of_week: Field

    def __str__(self) -> str:
        fields = (self.second, self.minute, self.hour, self.day_of_month, self.month, self.day_of_week)
        return " ".join(field.text for field in fields)

    @property
    def keeps_rhythm(self) -> bool:
        """Whether a time that the clock shows twice counts twice: the hour, minute or second recurs.

        Otherwise the fields name fixed times, each of which counts once a day.
        """
        return any(field.recurs for field in (self.second, self.minute, self.hour))

    @property
    def needs_both_days(self) -> bool:
        """Whether a day must fit both day fields (one is a star) rather than either of them.

        Source: robfig/cron v3.0.1, `dayMatches`; a star with a step above 1 is a restriction there (`getRange`).
        """
        return self.day_of_month.star or self.day_of_week.star

    @property
    def differs_by_month(self) -> bool:
        """Whether a day field names days that differ from month to month, such as the last one."""
        return bool(self.day_of_month.month_days or self.day_of_week.month_days)

    @property
    def depends_on_length(self) -> bool:
        """Whether it depends on the length of a month which of its dates fit."""
        return any(each.depends_on_length for each in (*self.day_of_month.month_days, *self.day_of_week.month_days))

    @property
    def is_hashed(self) -> bool:
        """Whether a value was drawn by the task's id."""
        fields = (self.second, self.minute, self.hour, self.day_of_month, self.month, self.day_of_week)
        return any(field.hashed for field in fields)

    def days_in(self, year: int, month: int) -> int:
        """The set of days of this month that fit the day and month fields."""
        if not self.month.values >> month & 1:
            return 0
        first_weekday, length = monthrange(year, month)
        weekday = (first_weekday + 1) % 7  # the calendar module counts from Monday, cron from Sunday
        if self.differs_by_month:
            fitting = (day for day in range(1, length + 1) if self._fits(day, (weekday + day - 1) % 7, length))
            return sum(1 << day for day in fitting)
        week = self.day_of_week.values
        from_first = (week >> weekday | week << (7 - weekday)) & EVERY_WEEKDAY
        by_week = from_first * _WEEK_STARTS << 1
        by_month = self.day_of_month.values
        days = by_week & by_month if self.needs_both_days else by_week | by_month
        return days & ((2 << length) - 2)

    def weekdays_on(self, day: int, length: int) -> int:
        """The set of weekdays on which this date of a month of this length fits both day fields or either."""
        by_month = EVERY_WEEKDAY if self.day_of_month.values >> day & 1 else 0
        for each in self.day_of_month.month_days:
            by_month |= each.weekdays(day, length)
        by_week = self.day_of_week.values
        for each in self.day_of_week.month_days:
            by_week |= each.weekdays(day, length)
        return by_month & by_week if self.needs_both_days else by_month | by_week

    def _fits(self, day: int, weekday: int, length: int) -> bool:
        return bool(self.weekdays_on(day, length) >> weekday & 1)

    def fits_day(self, day: date) -> bool:
        """Whether this date fits the day and month fields."""
        return bool(self.days_in(day.year, day.month) >> day.day & 1)

    def next_wall(self, start: datetime, end: datetime) -> datetime | None:
        """The first wall time that fits, at `start` or later and before `end`; both naive and in whole seconds."""
        if start >= end:
            return None
        if self.fits_day(start):
            moment = self._next_time(start.hour, start.minute, start.second)
            if moment is not None:
                found = datetime.combine(start, moment)
                return found if found < end else None
        day = self._next_day(start.date(), end.date())
        if day is None:
            return None
        found = datetime.combine(day, self._first_time())
        return found if found < end else None

    def _next_time(self, hour: int, minute: int, second: int) -> time | None:
        if self.hour.values >> hour & 1:
            if self.minute.values >> minute & 1:
                later_second = _lowest(self.second.values, second)
                if later_second is not None:
                    return time(hour, minute, later_second)
            later_minute = _lowest(self.minute.values, minute + 1)
            if later_minute is not None:
                return time(hour, later_minute, _first(self.second))
        later_hour = _lowest(self.hour.values, hour + 1)
        if later_hour is None:
            return None
        return time(later_hour, _first(self.minute), _first(self.second))

    def _first_time(self) -> time:
        return time(_first(self.hour), _first(self.minute), _first(self.second))

    def _next_day(self, after: date, last: date) -> date | None:
        year, month, first_day = after.year, after.month, after.day + 1
        while (year, month) <= (last.year, last.month):
            day = _lowest(self.days_in(year, month), first_day)
            if day is not None:
                return date(year, month, day)
            year, month, first_day = (year, month + 1, 1) if month < 12 else (year + 1, 1, 1)
        return None


def parse_timetable(text: str, key: str = "") -> Timetable:
    """Read six fields, separated by white space. `key` is what `H` draws by: the task's id.

    Raises:
        ScheduleError: the number of fields is wrong, one is malformed, or no date can ever fit.
    """
    parts = text.split()
    if len(parts) != len(KINDS):
        raise ScheduleError("schedule", _wrong_count(text, parts))
    timetable = Timetable(*(parse_field(kind, part, key) for kind, part in zip(KINDS, parts, strict=True)))
    _check_possible(timetable)
    return timetable


def _wrong_count(text: str, parts: Sequence[str]) -> str:
    needed, names = len(KINDS), ", ".join(kind.name for kind in KINDS)
    if len(parts) == needed - 1:
        hint = " ".join(["0", *parts])
        return f"{text!r} has 5 fields; 6 are needed and the first is the second: {hint!r} fires at second 0"
    if len(parts) == needed + 1:
        without = " ".join(parts[:needed])
        return f"{text!r} has 7 fields; 6 are needed: {names}; a year can't be given, {without!r} fires every year"
    if len(parts) == 1:
        return f"{text!r} is neither six fields ({names}) nor a descriptor such as @hourly or '@every 90s'"
    return f"{text!r} has {len(parts)} fields; 6 are needed: {names}"


def _check_possible(timetable: Timetable) -> None:
    """Refuse a day that none of the months ever has. A weekday makes no date impossible: it comes round."""
    if not timetable.needs_both_days:
        return
    lengths = [days for month, days in enumerate(_LONGEST_MONTHS, 1) if timetable.month.values >> month & 1]
    if 29 in lengths:
        lengths.append(28)
    if any(timetable.weekdays_on(day, length) for length in set(lengths) for day in range(1, length + 1)):
        return
    raise ScheduleError(
        f"schedule: {DAY_OF_MONTH.name}",
        f"{DAY_OF_MONTH.name} field {timetable.day_of_month.text!r}: no month of the month field "
        f"{timetable.month.text!r} has such a day; allowed is 1-{max(lengths)} there",
    )


def _lowest(values: int, at_least: int) -> int | None:
    rest = values >> at_least
    return at_least + (rest & -rest).bit_length() - 1 if rest else None


def _first(field: Field) -> int:
    return (field.values & -field.values).bit_length() - 1
