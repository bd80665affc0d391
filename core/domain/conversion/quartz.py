"""Cron expressions of Quartz: six fields, seconds first, and perhaps a year. Its weekdays are 1 (Sunday) to 7.

Source: Quartz 2.3, `org.quartz.CronExpression`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence

from falcon_scheduler.core.domain.conversion.lines import Converted, converted, counted, unkept

_SIX, _SEVEN = 6, 7
_WEEKDAY = re.compile(r"(?<![A-Za-z0-9/#])[0-9]+")
_STEP_ALONE = re.compile(r"(?<![^,])/(?=[0-9])")
_LOWEST = ("0", "0", "0", "1", "1", "1")
_YEARS = re.compile(r"[0-9]{4}(,[0-9]{4})*")
_MONTHS = ("JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC")
_MOST_INSTANTS = 20


def from_quartz(lines: Iterable[str], timezone: str) -> Iterator[Converted]:
    """One expression in each line."""
    for number, line in enumerate(lines, 1):
        text = line.strip()
        if text and not text.startswith("#"):
            yield _expression(number, text, timezone)


def _expression(number: int, text: str, timezone: str) -> Converted:
    fields = text.upper().split()
    if len(fields) not in {_SIX, _SEVEN}:
        problem = f"it has {counted(fields)}; Quartz has 6, seconds first, and perhaps a year"
        return unkept(number, text, timezone, problem)
    notes: list[str] = []
    six = [_STEP_ALONE.sub(f"{low}/", each) for each, low in zip(fields[:_SIX], _LOWEST, strict=True)]
    if "?" not in six[3:6:2]:
        notes.append("Quartz wants a ? in one of the two day fields; here a day fits either if both restrict it")
    weekday_fault = _weekday_fault(six[5])
    if weekday_fault:
        return unkept(number, text, timezone, weekday_fault)
    weekdays = _weekdays(six[5])
    if weekdays != six[5]:
        notes.append(f"the weekdays {six[5]}, where 1 is Sunday, are {weekdays} here, where 0 is Sunday")
    expression = " ".join([*six[:5], weekdays])
    year = fields[_SIX] if len(fields) == _SEVEN else "*"
    if year in {"*", "?"}:
        return converted(number, text, expression, timezone, notes=notes)
    if instants := _instants(six, weekdays, year):
        return converted(number, text, "; ".join(instants), timezone)
    lost = [f"the year {year}: the schedule fires in every year; start_at and end_at of the task limit it to some"]
    return converted(number, text, expression, timezone, notes=notes, lost=lost)


def _weekdays(field: str) -> str:
    """The field with Quartz's numbers as ours. `L` alone is Saturday there."""
    return ",".join("6" if item == "L" else _WEEKDAY.sub(_as_ours, item) for item in field.split(","))


def _as_ours(found: re.Match[str]) -> str:
    return str(int(found[0]) - 1)


def _weekday_fault(field: str) -> str:
    wrong = [each for each in _WEEKDAY.findall(field) if not 1 <= int(each) <= _SEVEN]
    return f"day of week field {field!r}: {wrong[0]} is out of range; Quartz allows 1-7" if wrong else ""


def _instants(six: Sequence[str], weekdays: str, year: str) -> list[str]:
    """The instants of an expression whose every field is one value; empty if it is not so."""
    second, minute, hour, day, month = (_MONTHS.index(each) + 1 if each in _MONTHS else each for each in six[:5])
    values = [str(each) for each in (second, minute, hour, day, month)]
    if weekdays not in {"*", "?"} or not all(map(str.isdigit, values)) or not _YEARS.fullmatch(year):
        return []
    years = sorted(set(year.split(",")))[:_MOST_INSTANTS]
    second, minute, hour, day, month = (f"{int(each):02}" for each in values)
    return [f"@at {each}-{month}-{day}T{hour}:{minute}:{second}" for each in years]
