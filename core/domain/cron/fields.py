"""One field of a cron expression: its grammar and the set of values that it names.

A set of values is kept as an int whose bit `n` stands for the value `n`. Source: robfig/cron v3, "CRON Expression
Format"; docs/schedules.md lists where we accept more and where less. This module knows nothing of dates.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from falcon_scheduler.core.domain.cron.faults import ScheduleError
from falcon_scheduler.core.domain.cron.hints import hint_for_range, hint_for_value

_MONTH_NAMES = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_WEEKDAY_NAMES = ("sun", "mon", "tue", "wed", "thu", "fri", "sat")
_NUMBER = re.compile(r"[0-9]{1,9}")


@dataclass(frozen=True, slots=True)
class Kind:
    """One of the six fields: its name in messages, the values it may hold, and the names some values go by.

    `highest_written` is the greatest number a text may give: 7 for Sunday, whose value is 0; else `high`.
    """

    name: str
    low: int
    high: int
    highest_written: int
    names: Mapping[str, int] = field(default_factory=dict, hash=False)

    @property
    def size(self) -> int:
        """How many values this field has."""
        return self.high - self.low + 1

    @property
    def every(self) -> int:
        """The set of all values of this field."""
        return (2 << self.high) - (1 << self.low)

    @property
    def allowed(self) -> str:
        """The allowed values in words, for messages."""
        named = list(self.names)
        return f"{self.low}-{self.highest_written}" + (f" or {named[0]}-{named[-1]}" if named else "")


SECOND = Kind("second", 0, 59, 59)
MINUTE = Kind("minute", 0, 59, 59)
HOUR = Kind("hour", 0, 23, 23)
DAY_OF_MONTH = Kind("day of month", 1, 31, 31)
MONTH = Kind("month", 1, 12, 12, {name: number for number, name in enumerate(_MONTH_NAMES, 1)})
DAY_OF_WEEK = Kind("day of week", 0, 6, 7, {name: number for number, name in enumerate(_WEEKDAY_NAMES)})
KINDS = (SECOND, MINUTE, HOUR, DAY_OF_MONTH, MONTH, DAY_OF_WEEK)


@dataclass(frozen=True, slots=True)
class Field:
    """What one field says.

    `text` is its canonical form, which robfig/cron reads too, and `values` the set of values. `star` is true if an
    item of the list is a star; a star with a step above 1 is none, as in robfig/cron v3.0.1. `recurs` is true if the
    field repeats rather than names fixed values: an item is a star or has a step, or the field names every value.
    """

    text: str
    values: int
    star: bool
    recurs: bool


@dataclass(frozen=True, slots=True)
class _Item:
    """One item of a field's list: from `first` to `last` in steps; no step is `None`. `text` is canonical."""

    text: str
    first: int
    last: int
    step: int | None
    star: bool

    @property
    def values(self) -> int:
        return sum(1 << value for value in range(self.first, self.last + 1, self.step or 1))


def parse_field(kind: Kind, text: str) -> Field:
    """Read one field: a list of stars, values, ranges and steps.

    Raises:
        ScheduleError: the message quotes the field, the part at fault and the allowed values.
    """
    items = [item for part in text.split(",") for item in _parse_item(kind, text, part)]
    values = 0
    for item in items:
        values |= item.values
    star = any(item.star and item.step is None for item in items)
    ordered = sorted(set(items), key=lambda item: (item.first, item.last, item.step or 0, item.text))
    return Field(
        text="*" if star else ",".join(item.text for item in ordered),
        values=values,
        star=star,
        recurs=star or values == kind.every or any(item.step is not None for item in items),
    )


def _parse_item(kind: Kind, field_text: str, text: str) -> Iterator[_Item]:
    """The item as one or, for a range that passes the field's end, two items that run upwards."""
    span, slash, step_text = text.partition("/")
    step = _parse_step(kind, field_text, step_text) if slash else None
    if span in {"*", "?"}:
        step = None if step == 1 else step
        yield _Item("*" if step is None else f"*/{step}", kind.low, kind.high, step, star=True)
        return
    if hint := hint_for_range(span, kind.low, kind.high):
        raise _fault(kind, field_text, hint)
    first_text, dash, last_text = span.partition("-")
    first = _parse_value(kind, field_text, first_text)
    if dash:
        yield from _range(kind, first, _parse_value(kind, field_text, last_text), step)
    else:
        first = _within(kind, first)
        last = kind.high if slash else first
        yield _Item(_item_text(first, last, step, ranged=False), first, last, step, star=False)


def _range(kind: Kind, first: int, last: int, step: int | None) -> Iterator[_Item]:
    """A range; one that runs backwards or ends with 7 goes on from the field's lowest value."""
    if first > kind.high:
        first, last = _within(kind, first), _within(kind, last)
    if last < first:
        last += kind.size
    if step is None:
        last = min(last, first + kind.size - 1)
    end = min(last, kind.high)
    yield _Item(_item_text(first, end, step, ranged=True), first, end, step, star=False)
    past_end = first + ((kind.high - first) // (step or 1) + 1) * (step or 1)
    if past_end <= last:
        again, end = past_end - kind.size, last - kind.size
        yield _Item(_item_text(again, end, step, ranged=True), again, end, step, star=False)


def _within(kind: Kind, value: int) -> int:
    """The value itself, or 0 for the 7 that also is Sunday."""
    return value - kind.size if value > kind.high else value


def _item_text(first: int, last: int, step: int | None, *, ranged: bool) -> str:
    if step is None:
        return f"{first}-{last}" if last > first else str(first)
    return f"{first}-{last}/{step}" if ranged else f"{first}/{step}"


def _parse_step(kind: Kind, field_text: str, text: str) -> int:
    if not _NUMBER.fullmatch(text) or int(text) == 0:
        raise _fault(kind, field_text, f"the step {text!r} is not a whole number of 1 or more")
    return int(text)


def _parse_value(kind: Kind, field_text: str, text: str) -> int:
    name = text.lower()
    if name in kind.names:
        return kind.names[name]
    if not _NUMBER.fullmatch(text):
        raise _fault(kind, field_text, hint_for_value(kind.name, kind.names, kind.allowed, text))
    value = int(text)
    if not kind.low <= value <= kind.highest_written:
        midnight = "; midnight is hour 0" if kind is HOUR and value == 24 else ""
        raise _fault(kind, field_text, f"{text} is out of range; allowed is {kind.allowed}{midnight}")
    return value


def _fault(kind: Kind, field_text: str, message: str) -> ScheduleError:
    return ScheduleError(f"schedule: {kind.name}", f"{kind.name} field {field_text!r}: {message}")
