"""Days that differ from month to month: the last day, the weekday nearest to a date, the second Monday.

Whether such a day fits depends on three things alone: the date, its weekday and the length of the month. So every
rule answers for one date of a month of a given length on which weekdays it fits.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

EVERY_WEEKDAY = 0b1111111
"""The set of all weekdays; bit 0 is Sunday."""
_MONDAY, _FRIDAY, _WORKDAYS = 1 << 1, 1 << 5, 0b0111110
_LONGEST_MONTH = 31
MOST_BEFORE_LAST = 30
MOST_COUNTED = 5

_FROM_LAST = re.compile(r"l(?:-(?P<before>[0-9]{1,2}))?", re.IGNORECASE)
_LAST_WORKDAY = re.compile(r"lw", re.IGNORECASE)
_NEAREST = re.compile(r"(?P<day>[0-9]{1,2})w", re.IGNORECASE)
_LAST_OF_KIND = re.compile(r"(?P<weekday>[0-7]|[a-z]{3})l", re.IGNORECASE)
_COUNTED = re.compile(r"(?P<weekday>[0-7]|[a-z]{3})#(?P<count>[0-9])", re.IGNORECASE)


class Rule(StrEnum):
    """How a day is found in a month."""

    FROM_LAST = "L"
    """`number` days before the last day; 0 is the last day itself."""
    LAST_WORKDAY = "LW"
    """The last day from Monday to Friday."""
    NEAREST_WORKDAY = "W"
    """The day from Monday to Friday nearest to the date `number`, within the same month."""
    LAST_OF_KIND = "nL"
    """The last weekday `number` of the month."""
    COUNTED = "#"
    """The weekday `number` for the `count`th time in the month."""


@dataclass(frozen=True, slots=True, order=True)
class MonthDay:
    """One such day. `number` and `count` as the rule says."""

    rule: Rule
    number: int = 0
    count: int = 0

    def __str__(self) -> str:
        """The canonical text, as a field writes it."""
        match self.rule:
            case Rule.FROM_LAST:
                return f"L-{self.number}" if self.number else "L"
            case Rule.LAST_WORKDAY:
                return "LW"
            case Rule.NEAREST_WORKDAY:
                return f"{self.number}W"
            case Rule.LAST_OF_KIND:
                return f"{self.number}L"
            case Rule.COUNTED:
                return f"{self.number}#{self.count}"

    @property
    def depends_on_length(self) -> bool:
        """Whether the length of the month matters."""
        return self.rule is not Rule.COUNTED

    def weekdays(self, day: int, length: int) -> int:
        """The set of weekdays on which this date of a month of this length is the day meant."""
        match self.rule:
            case Rule.FROM_LAST:
                return EVERY_WEEKDAY if day == length - self.number else 0
            case Rule.LAST_WORKDAY:
                return _nearest(length, day, length)
            case Rule.NEAREST_WORKDAY:
                return _nearest(self.number, day, length)
            case Rule.LAST_OF_KIND:
                return 1 << self.number if day > length - 7 else 0
            case Rule.COUNTED:
                return 1 << self.number if (day - 1) // 7 == self.count - 1 else 0


def parse_day_of_month(text: str) -> MonthDay | None:
    """`L`, `L-3`, `LW` or `15W`; `None` if it is none of them."""
    if _LAST_WORKDAY.fullmatch(text):
        return MonthDay(Rule.LAST_WORKDAY)
    if found := _FROM_LAST.fullmatch(text):
        before = int(found["before"] or 0)
        return MonthDay(Rule.FROM_LAST, before) if before <= MOST_BEFORE_LAST else None
    if found := _NEAREST.fullmatch(text):
        day = int(found["day"])
        return MonthDay(Rule.NEAREST_WORKDAY, day) if 1 <= day <= _LONGEST_MONTH else None
    return None


def parse_day_of_week(text: str, names: Mapping[str, int]) -> MonthDay | None:
    """`5L` or `FRIL`, `1#2` or `MON#2`; `None` if it is none of them."""
    if found := _LAST_OF_KIND.fullmatch(text):
        weekday = _weekday(found["weekday"], names)
        return None if weekday is None else MonthDay(Rule.LAST_OF_KIND, weekday)
    if found := _COUNTED.fullmatch(text):
        weekday, count = _weekday(found["weekday"], names), int(found["count"])
        if weekday is not None and 1 <= count <= MOST_COUNTED:
            return MonthDay(Rule.COUNTED, weekday, count)
    return None


def _weekday(text: str, names: Mapping[str, int]) -> int | None:
    return int(text) % 7 if text.isdigit() else names.get(text.lower())


def _nearest(wanted: int, day: int, length: int) -> int:
    """The weekdays on which `day` is the workday nearest to the date `wanted`, without leaving the month."""
    if wanted > length:
        return 0
    found = _WORKDAYS if day == wanted else 0
    if day == (wanted - 1 if wanted > 1 else wanted + 2):  # `wanted` is a Saturday
        found |= _FRIDAY if wanted > 1 else _MONDAY
    if day == (wanted + 1 if wanted < length else wanted - 2):  # `wanted` is a Sunday
        found |= _MONDAY if wanted < length else _FRIDAY
    return found
