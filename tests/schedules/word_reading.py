"""Reads the English words of a schedule back into the values that they name, as a person would.

It shares no code with the product. A phrase that it can't read, or reads otherwise than the fields, is a fault of the
words.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

MONTHS = (
    *("January", "February", "March", "April", "May", "June"),
    *("July", "August", "September", "October", "November", "December"),
)
WEEKDAYS = ("Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday")

_NUMBERS = r"\d+(?: to \d+)?(?:, \d+(?: to \d+)?)*(?: and \d+(?: to \d+)?)?"
_CLOCK = r"\d\d:\d\d(?::\d\d)?"
_CLOCKS = rf"{_CLOCK}(?:, {_CLOCK})*(?: and {_CLOCK})?"
_ORDINAL = r"\d+(?:st|nd|rd|th)"
_TIMES = "|".join(
    (
        rf"at (?P<clocks>{_CLOCKS})",
        rf"every hour from (?P<first>{_CLOCK}) to (?P<last>{_CLOCK})",
        r"every (?P<hour_step>\d+ )?hours?(?: at (?P<past>\d+) min(?: (?P<past_seconds>\d+) s)? past the hour)?",
        rf"(?:at minutes? (?P<minutes>{_NUMBERS})"
        rf"|every (?P<minute_step>\d+ )?minutes?(?: from minute (?P<minute>\d+))?"
        rf"|(?:at seconds? (?P<seconds>{_NUMBERS})"
        rf"|every (?P<second_step>\d+ )?seconds?(?: from second (?P<second>\d+))?)"
        rf"(?: of minutes? (?P<of_minutes>{_NUMBERS})"
        rf"| of every (?P<of_minute_step>{_ORDINAL} )?minute(?: from minute (?P<of_minute>\d+))?)?)"
        rf"(?: of every (?P<of_hour_step>{_ORDINAL} )?hour| from (?P<from_hour>\d\d):00 to (?P<to_hour>\d\d):59"
        rf"| of hours? (?P<of_hours>{_NUMBERS}))?",
    )
)


def _names(names: tuple[str, ...], group: str) -> str:
    one = "|".join(names)
    listed = rf"(?:{one})(?:, (?:{one}))*(?: and (?:{one}))?"
    return rf"(?:from )?(?P<{group}>(?:{one}) to (?:{one}))|{{placed}} (?P<{group}_listed>{listed})"


_WEEKDAYS = _names(WEEKDAYS, "weekdays").replace("{placed}", "on")
_IN_MONTHS = _names(MONTHS, "months").replace("{placed}", "in")
_DATES = (
    rf"on (?:every (?P<date_step>{_ORDINAL}) day of the month from day 1|days? (?P<dates>{_NUMBERS}) of the month)"
)
_DAYS = rf"(?P<all>every day)|(?P<either>{_DATES} or )?(?:{_WEEKDAYS})|{_DATES.replace('(?P<date', '(?P<only_date')}"
_PHRASE = re.compile(
    rf"(?P<times>{_TIMES})"
    rf"(?: on (?P<date>\d+) (?P<month>{'|'.join(MONTHS)})"
    rf"|(?:,? (?:{_DAYS}))?(?: (?:{_IN_MONTHS}))?)"
)
_MONTHS_FIRST = re.compile(rf"(?P<times>{_TIMES}) (?:{_IN_MONTHS}), (?:{_DAYS})")


@dataclass(frozen=True)
class Reading:
    """The values of each field; `either` says whether a day may fit one of two restrictions."""

    seconds: frozenset[int]
    minutes: frozenset[int]
    hours: frozenset[int]
    dates: frozenset[int]
    months: frozenset[int]
    weekdays: frozenset[int]
    either: bool


def read(words: str) -> Reading:
    """What the words say. Fails with an AssertionError if they say nothing that we know."""
    match = _MONTHS_FIRST.fullmatch(words) or _PHRASE.fullmatch(words)
    assert match, words
    said = {name: text.strip() for name, text in match.groupdict().items() if text}
    hours, minutes, seconds = _times(said)
    dates, months, weekdays = _days(said)
    of_times = (frozenset(seconds), frozenset(minutes), frozenset(hours))
    return Reading(*of_times, frozenset(dates), frozenset(months), frozenset(weekdays), either="either" in said)


def _times(said: dict[str, str]) -> tuple[set[int], set[int], set[int]]:
    if "clocks" in said:
        clocks = [[*map(int, each.split(":")), 0][:3] for each in re.findall(_CLOCK, said["clocks"])]
        hours, minutes, seconds = (set(each) for each in zip(*clocks, strict=True))
        assert len(clocks) == len(hours) * len(minutes) * len(seconds)
        return hours, minutes, seconds
    if "first" in said:
        first, last = ([*map(int, said[end].split(":")), 0] for end in ("first", "last"))
        assert first[1:] == last[1:]
        return set(range(first[0], last[0] + 1)), {first[1]}, {first[2]}
    if re.match(r"every (\d+ )?hour", said["times"]):
        past = {int(said.get("past", 0))}, {int(said.get("past_seconds", 0))}
        return _steps(said.get("hour_step"), 24), *past
    return _hours(said), *_within_hour(said)


def _within_hour(said: dict[str, str]) -> tuple[set[int], set[int]]:
    if "minutes" in said:
        return _numbers(said["minutes"]), {0}
    if re.match(r"every (\d+ )?minute", said["times"]):
        return _steps(said.get("minute_step"), 60, said.get("minute")), {0}
    if "seconds" in said:
        seconds = _numbers(said["seconds"])
    else:
        seconds = _steps(said.get("second_step"), 60, said.get("second"))
    if "of_minutes" in said:
        return _numbers(said["of_minutes"]), seconds
    minutes = _steps(said.get("of_minute_step"), 60, said.get("of_minute"))
    return minutes, seconds


def _hours(said: dict[str, str]) -> set[int]:
    if "from_hour" in said:
        return set(range(int(said["from_hour"]), int(said["to_hour"]) + 1))
    return _numbers(said["of_hours"]) if "of_hours" in said else _steps(said.get("of_hour_step"), 24)


def _days(said: dict[str, str]) -> tuple[set[int], set[int], set[int]]:
    if "date" in said:
        return {int(said["date"])}, {MONTHS.index(said["month"]) + 1}, set(range(7))
    months = {index + 1 for index in _named(MONTHS, said.get("months"), said.get("months_listed"))}
    weekdays = _named(WEEKDAYS, said.get("weekdays"), said.get("weekdays_listed"))
    step = said.get("date_step", said.get("only_date_step"))
    dates = said.get("dates", said.get("only_dates"))
    if step:
        return set(range(1, 32, int(re.sub(r"\D", "", step)))), months, weekdays
    return _numbers(dates) if dates else set(range(1, 32)), months, weekdays


def _steps(step: str | None, size: int, first: str | None = None) -> set[int]:
    return set(range(int(first or 0), size, int(re.sub(r"\D", "", step or "1"))))


def _numbers(text: str) -> set[int]:
    found: set[int] = set()
    for first, last in re.findall(r"(\d+)(?: to (\d+))?", text):
        found |= set(range(int(first), int(last or first) + 1))
    return found


def _named(names: tuple[str, ...], span: str | None, listed: str | None) -> set[int]:
    if span:
        first, last = (names.index(name) for name in span.split(" to "))
        return set(range(first, last + 1))
    return (
        {names.index(name) for name in re.findall(r"\w+", listed) if name != "and"}
        if listed
        else set(range(len(names)))
    )
