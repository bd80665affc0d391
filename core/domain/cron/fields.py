"""One field of a cron expression: its grammar and the set of values that it names.

A set of values is kept as an int whose bit `n` stands for the value `n`. Source: robfig/cron v3, "CRON Expression
Format"; where we are stricter, docs/schedules.md says so. This module knows nothing of dates.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from core.domain.cron.faults import ScheduleError

_MONTH_NAMES = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_WEEKDAY_NAMES = ("sun", "mon", "tue", "wed", "thu", "fri", "sat")
_NUMBER = re.compile(r"[0-9]{1,9}")
_NAME = re.compile(r"[a-z]+")


@dataclass(frozen=True, slots=True)
class Kind:
    """One of the six fields: its name in messages, the values it may hold, and the names some values go by."""

    name: str
    low: int
    high: int
    names: Mapping[str, int] = field(default_factory=dict, hash=False)

    @property
    def every(self) -> int:
        """The set of all values of this field."""
        return (2 << self.high) - (1 << self.low)

    @property
    def allowed(self) -> str:
        """The allowed values in words, for messages."""
        named = list(self.names)
        return f"{self.low}-{self.high}" + (f" or {named[0]}-{named[-1]}" if named else "")


SECOND = Kind("second", 0, 59)
MINUTE = Kind("minute", 0, 59)
HOUR = Kind("hour", 0, 23)
DAY_OF_MONTH = Kind("day of month", 1, 31)
MONTH = Kind("month", 1, 12, {name: number for number, name in enumerate(_MONTH_NAMES, 1)})
DAY_OF_WEEK = Kind("day of week", 0, 6, {name: number for number, name in enumerate(_WEEKDAY_NAMES)})
KINDS = (SECOND, MINUTE, HOUR, DAY_OF_MONTH, MONTH, DAY_OF_WEEK)


@dataclass(frozen=True, slots=True)
class Field:
    """What one field says.

    `text` is its canonical form, `values` the set of values; `star` is true if any item of the list is a star (also
    with a step), `step` if any item has a step.
    """

    text: str
    values: int
    star: bool
    step: bool


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
    items = [_parse_item(kind, text, part) for part in text.split(",")]
    values = 0
    for item in items:
        values |= item.values
    plain_star = any(item.star and item.step is None for item in items)
    ordered = sorted(set(items), key=lambda item: (item.first, item.last, item.step or 0, item.text))
    return Field(
        text="*" if plain_star else ",".join(item.text for item in ordered),
        values=values,
        star=any(item.star for item in items),
        step=any(item.step is not None for item in items),
    )


def _parse_item(kind: Kind, field_text: str, text: str) -> _Item:
    span, slash, step_text = text.partition("/")
    step = _parse_step(kind, field_text, step_text) if slash else None
    if span in {"*", "?"}:
        step = None if step == 1 else step
        return _Item("*" if step is None else f"*/{step}", kind.low, kind.high, step, star=True)
    first_text, dash, last_text = span.partition("-")
    first = _parse_value(kind, field_text, first_text)
    if dash:
        last = _parse_value(kind, field_text, last_text)
        if first > last:
            raise _fault(
                kind, field_text, f"the range {span!r} runs backwards; allowed is {kind.allowed}, low to high"
            )
    else:
        last = kind.high if slash else first
    return _Item(_item_text(first, last, step, ranged=bool(dash)), first, last, step, star=False)


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
        named = "a name or number" if kind.names and _NAME.fullmatch(name) else "a number"
        raise _fault(kind, field_text, f"{text!r} is not {named} of this field; allowed is {kind.allowed}")
    value = int(text)
    if not kind.low <= value <= kind.high:
        raise _fault(kind, field_text, f"{text} is out of range; allowed is {kind.allowed}")
    return value


def _fault(kind: Kind, field_text: str, message: str) -> ScheduleError:
    return ScheduleError(f"schedule: {kind.name}", f"{kind.name} field {field_text!r}: {message}")
