"""A schedule in plain English. Exact before elegant: a phrase never says more or less than the fields do.

tests/schedules/word_reading.py reads the phrases back into what they name.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from falcon_scheduler.core.domain.cron.fields import (
    DAY_OF_MONTH,
    DAY_OF_WEEK,
    HOUR,
    MINUTE,
    MONTH,
    SECOND,
    Field,
    Kind,
)
from falcon_scheduler.core.domain.cron.month_days import MonthDay, Rule
from falcon_scheduler.core.domain.cron.timetable import Timetable

WEEKDAYS = ("Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday")
MONTHS = (
    *("January", "February", "March", "April", "May", "June"),
    *("July", "August", "September", "October", "November", "December"),
)
_COUNTS = ("first", "second", "third", "fourth", "fifth")
_MOST_CLOCK_TIMES = 6


def describe_timetable(timetable: Timetable) -> str:
    """The words for six fields: "every 5 minutes", "at 03:00 on Sunday"."""
    times = _times(timetable)
    if date := _date_of_year(timetable):
        return f"{times} {date}"
    days, months = _days(timetable), _months(timetable)
    span = " from " in times
    if not days and (times[3].isdigit() or (span and months.startswith("from "))):
        days = "every day"  # after times of the clock, and lest two spans follow each other
    if " or " in days and months:  # behind the days, the months would seem to belong to the weekdays alone
        return f"{times} {months}, {days}"
    if span and days.startswith("from "):
        times, days = f"{times},", days.removeprefix("from ")
    return " ".join(part for part in (times, days, months) if part)


def _times(timetable: Timetable) -> str:
    hours, minutes, seconds = (
        _values(field, kind)
        for field, kind in ((timetable.hour, HOUR), (timetable.minute, MINUTE), (timetable.second, SECOND))
    )
    if len(hours) < 24 and len(seconds) == 1 and len(hours) * len(minutes) <= _MOST_CLOCK_TIMES:
        return "at " + joined([clock(hour, minute, seconds[0]) for hour in hours for minute in minutes])
    if len(minutes) == 1 and len(seconds) == 1:
        return _hourly(hours, minutes[0], seconds[0])
    return _within_hour(minutes, seconds) + _of_hours(hours, at_minutes=_even_step(minutes, 60) is None)


def _hourly(hours: Sequence[int], minute: int, second: int) -> str:
    """Once in each of many hours."""
    step = _even_step(hours, 24)
    start = "every hour" if step == 1 else f"every {step} hours"
    if step is None:
        if not _is_run(hours):
            return "at " + joined([clock(hour, minute, second) for hour in hours])
        return f"every hour from {clock(hours[0], minute, second)} to {clock(hours[-1], minute, second)}"
    if minute == 0 and second == 0:
        return start
    return f"{start} at {minute} min" + (f" {second} s" if second else "") + " past the hour"


def _within_hour(minutes: Sequence[int], seconds: Sequence[int]) -> str:
    minute_step, second_step = _even_step(minutes, 60), _even_step(seconds, 60)
    if seconds[:] == [0]:
        if minute_step is None:
            return _later_steps("minute", minutes) or f"at {_numbered('minute', minutes)}"
        return "every minute" if minute_step == 1 else f"every {minute_step} minutes"
    if second_step is None:
        often = _later_steps("second", seconds) or f"at {_numbered('second', seconds)}"
    else:
        often = "every second" if second_step == 1 else f"every {second_step} seconds"
    if minute_step is None:
        if step := _later_step(minutes):
            return f"{often} of every {step}{_ordinal_end(step)} minute from minute {minutes[0]}"
        return f"{often} of {_numbered('minute', minutes)}"
    if minute_step > 1:
        return f"{often} of every {minute_step}{_ordinal_end(minute_step)} minute"
    return often if second_step else f"{often} of every minute"


def _of_hours(hours: Sequence[int], *, at_minutes: bool) -> str:
    step = _even_step(hours, 24)
    if step == 1:
        return " of every hour" if at_minutes else ""
    if step:
        return f" of every {step}{_ordinal_end(step)} hour"
    if len(hours) > 1 and _is_run(hours) and not at_minutes:
        return f" from {hours[0]:02}:00 to {hours[-1]:02}:59"
    return f" of {_numbered('hour', hours)}"


def _days(timetable: Timetable) -> str:
    of_month, of_week = _values(timetable.day_of_month, DAY_OF_MONTH), _values(timetable.day_of_week, DAY_OF_WEEK)
    weekdays = [_placed("on", of_week, lambda weekday: WEEKDAYS[weekday])] if of_week else []
    weekdays += [f"on {_month_day(each)}" for each in timetable.day_of_week.month_days]
    dates = [f"on {_dates(of_month)}"] if of_month else []
    dates += [f"on {_month_day(each)}" for each in timetable.day_of_month.month_days]
    all_dates, all_weekdays = len(of_month) == 31, len(of_week) == 7
    if timetable.needs_both_days:  # so one of the fields is a star
        return ("" if all_weekdays else " and ".join(weekdays)) if all_dates else " and ".join(dates)
    return "" if all_dates or all_weekdays else " or ".join([*dates, *weekdays])


def _month_day(day: MonthDay) -> str:
    match day.rule:
        case Rule.FROM_LAST if not day.number:
            return "the last day of the month"
        case Rule.FROM_LAST:
            return f"the day {counted(day.number, 'day')} before the last of the month"
        case Rule.LAST_WORKDAY:
            return "the last weekday of the month"
        case Rule.NEAREST_WORKDAY:
            return f"the weekday nearest to day {day.number} of the month"
        case Rule.LAST_OF_KIND:
            return f"the last {WEEKDAYS[day.number]} of the month"
        case Rule.COUNTED:
            return f"the {_COUNTS[day.count - 1]} {WEEKDAYS[day.number]} of the month"


def _months(timetable: Timetable) -> str:
    months = _values(timetable.month, MONTH)
    return "" if len(months) == 12 else _placed("in", months, lambda month: MONTHS[month - 1])


def _date_of_year(timetable: Timetable) -> str:
    """The words for one day of one month; empty if the fields name others."""
    of_month, months = _values(timetable.day_of_month, DAY_OF_MONTH), _values(timetable.month, MONTH)
    if not timetable.day_of_week.star or timetable.differs_by_month or len(of_month) != 1 or len(months) != 1:
        return ""
    return f"on {of_month[0]} {MONTHS[months[0] - 1]}"


def _dates(of_month: Sequence[int]) -> str:
    step = of_month[1] - of_month[0] if len(of_month) > 3 else 1
    if step > 1 and list(of_month) == list(range(1, 32, step)):
        return f"every {step}{_ordinal_end(step)} day of the month from day 1"
    return f"{_numbered('day', of_month)} of the month"


def _values(field: Field, kind: Kind) -> list[int]:
    return [value for value in range(kind.low, kind.high + 1) if field.values >> value & 1]


def _even_step(values: Sequence[int], size: int) -> int | None:
    """The step, if the values repeat evenly round the whole field (`*/7` of 60 does not); 1 if it holds them all."""
    if len(values) < 2:
        return None
    step = values[1] - values[0]
    return step if size % step == 0 and list(values) == list(range(0, size, step)) else None


def _later_step(values: Sequence[int]) -> int | None:
    """The step, if the values repeat evenly round 60 from a later one than 0 (`1/2`, `H/5`) and are many."""
    if len(values) <= _MOST_CLOCK_TIMES or values[0] == 0:
        return None
    step = values[1] - values[0]
    return step if step > 1 and 60 % step == 0 and list(values) == list(range(values[0], 60, step)) else None


def _later_steps(unit: str, values: Sequence[int]) -> str:
    step = _later_step(values)
    return f"every {step} {unit}s from {unit} {values[0]}" if step else ""


def _is_run(values: Sequence[int]) -> bool:
    return values[-1] - values[0] == len(values) - 1


def _numbered(unit: str, values: Sequence[int]) -> str:
    return f"{unit} {values[0]}" if len(values) == 1 else f"{unit}s {_numbers(values)}"


def _named(values: Sequence[int], name: Callable[[int], str]) -> str:
    if len(values) > 2 and _is_run(values):
        return f"{name(values[0])} to {name(values[-1])}"
    return joined([name(value) for value in values])


def _numbers(values: Sequence[int]) -> str:
    """Numbers with their runs drawn together: "1, 5 to 7 and 9"."""
    runs: list[list[int]] = []
    for value in values:
        if runs and runs[-1][-1] == value - 1:
            runs[-1].append(value)
        else:
            runs.append([value])
    return joined([part for run in runs for part in ([f"{run[0]} to {run[-1]}"] if len(run) > 2 else map(str, run))])


def _placed(word: str, values: Sequence[int], name: Callable[[int], str]) -> str:
    return ("from" if len(values) > 2 and _is_run(values) else word) + " " + _named(values, name)


def joined(parts: Sequence[str]) -> str:
    """A list in words: "1, 2 and 3"."""
    return " and ".join([", ".join(parts[:-1]), parts[-1]] if len(parts) > 1 else parts)


def clock(hour: int, minute: int, second: int) -> str:
    """A time of the day as a clock shows it."""
    return f"{hour:02}:{minute:02}" + (f":{second:02}" if second else "")


def counted(count: int, unit: str) -> str:
    """A number of things: "1 day", "2 days"."""
    return f"{count} {unit}" if count == 1 else f"{count} {unit}s"


def _ordinal_end(number: int) -> str:
    if number % 100 in {11, 12, 13}:
        return "th"
    return {1: "st", 2: "nd", 3: "rd"}.get(number % 10, "th")
