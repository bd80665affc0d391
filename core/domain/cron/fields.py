"""One field of a cron expression: its grammar and the set of values that it names.

A set of values is kept as an int whose bit `n` stands for the value `n`. Source: robfig/cron v3, "CRON Expression
Format"; docs/schedules.md lists what is accepted beyond it. This module knows nothing of dates.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from falcon_scheduler.core.domain.cron.faults import ScheduleError
from falcon_scheduler.core.domain.cron.hashed import HASHED, LAST_DAY_OF_MONTH, Hashed, drawn
from falcon_scheduler.core.domain.cron.hints import hint_for_range, hint_for_value
from falcon_scheduler.core.domain.cron.month_days import MonthDay, parse_day_of_month, parse_day_of_week

_MONTH_NAMES = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_WEEKDAY_NAMES = ("sun", "mon", "tue", "wed", "thu", "fri", "sat")
_NUMBER = re.compile(r"\+?[0-9]{1,9}")


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

    `text` is its canonical form, which robfig/cron reads too unless the field holds a month's day or an `H`, and
    `values` the set of values. `star` is true if an item of the list is a star; a star with a step above 1 is none,
    as in robfig/cron v3.0.1. `recurs` is true if the field repeats rather than names fixed values: an item is a star
    or has a step, or the field names every value. `month_days` are days that differ from month to month, and
    `hashed` is true if a value was drawn for the task.
    """

    text: str
    values: int
    star: bool
    recurs: bool
    month_days: tuple[MonthDay, ...] = ()
    hashed: bool = False


@dataclass(frozen=True, slots=True)
class _Item:
    """One item of a field's list: from `first` to `last` in steps; no step is `None`. `text` is canonical."""

    text: str
    first: int
    last: int
    step: int | None
    star: bool = False
    hashed: bool = False

    @property
    def values(self) -> int:
        return sum(1 << value for value in range(self.first, self.last + 1, self.step or 1))


def parse_field(kind: Kind, text: str, key: str = "") -> Field:
    """Read one field: a list of stars, values, ranges, steps, `H`, and days that differ from month to month.

    Empty items of a list are left out, as robfig/cron does. `key` is what `H` draws by: the task's id.

    Raises:
        ScheduleError: the message quotes the field, the part at fault and the allowed values.
    """
    parts = [part for part in text.split(",") if part]
    if not parts:
        raise ScheduleError(f"schedule: {kind.name}", f"{kind.name} field {text!r}: it names no value")
    items: list[_Item] = []
    month_days: set[MonthDay] = set()
    for part in parts:
        reading = _Reading(kind, text, part, len(parts) > 1)
        if (month_day := reading.month_day()) is not None:
            month_days.add(month_day)
        else:
            items += reading.items(key)
    return _joined(kind, items, month_days)


def _joined(kind: Kind, items: list[_Item], month_days: set[MonthDay]) -> Field:
    values = 0
    for item in items:
        values |= item.values
    star = any(item.star and item.step is None for item in items)
    ordered = sorted(set(items), key=lambda item: (item.hashed, item.first, item.last, item.step or 0, item.text))
    texts = dict.fromkeys([*(item.text for item in ordered), *map(str, sorted(month_days))])
    return Field(
        text="*" if star else ",".join(texts),
        values=values,
        star=star,
        recurs=star or values == kind.every or any(item.step is not None for item in items),
        month_days=() if star else tuple(sorted(month_days)),
        hashed=not star and any(item.hashed for item in items),
    )


@dataclass(frozen=True, slots=True)
class _Reading:
    """One item of a field while it is read; `listed` says that the field has others."""

    kind: Kind
    field: str
    text: str
    listed: bool

    def month_day(self) -> MonthDay | None:
        if self.kind is DAY_OF_MONTH:
            return parse_day_of_month(self.text)
        return parse_day_of_week(self.text, self.kind.names) if self.kind is DAY_OF_WEEK else None

    def items(self, key: str) -> Iterator[_Item]:
        """The item as one or, for a range that passes the field's end, two items that run upwards."""
        kind = self.kind
        if hashed := HASHED.fullmatch(self.text):
            yield self._hashed(hashed, key)
            return
        span, slash, step_text = self.text.partition("/")
        step = self._step(step_text) if slash else None
        if span.partition("-")[0] in {"*", "?"}:  # robfig/cron ignores what stands behind the star
            step = None if step == 1 else step
            yield _Item("*" if step is None else f"*/{step}", kind.low, kind.high, step, star=True)
            return
        if hint := hint_for_range(span, kind.low, kind.high, kind.names):
            raise self._fault(hint)
        first_text, dash, last_text = span.partition("-")
        first = self._value(first_text)
        if dash:
            yield from self._range(first, self._value(last_text), step)
        else:
            first = self._within(first)
            last = kind.high if slash else first
            yield _Item(_item_text(first, last, step, ranged=False), first, last, step)

    def _range(self, first: int, last: int, step: int | None) -> Iterator[_Item]:
        """A range; one that runs backwards or ends with 7 goes on from the field's lowest value."""
        kind = self.kind
        if first > kind.high:
            first, last = self._within(first), self._within(last)
        if last < first:
            last += kind.size
        if step is None:
            last = min(last, first + kind.size - 1)
        end = min(last, kind.high)
        yield _Item(_item_text(first, end, step, ranged=True), first, end, step)
        past_end = first + ((kind.high - first) // (step or 1) + 1) * (step or 1)
        if past_end <= last:
            again, end = past_end - kind.size, last - kind.size
            yield _Item(_item_text(again, end, step, ranged=True), again, end, step)

    def _hashed(self, found: re.Match[str], key: str) -> _Item:
        kind = self.kind
        highest = LAST_DAY_OF_MONTH if kind is DAY_OF_MONTH else kind.high
        low, high = (int(found[end] or default) for end, default in (("low", kind.low), ("high", highest)))
        if not kind.low <= low <= high <= highest:
            raise self._fault(f"{self.text!r} draws from no range of this field; allowed is H({kind.low}-{highest})")
        step = self._step(found["step"]) if found["step"] else None
        first, last = drawn(Hashed(low, high, step), key, kind.name)
        text = f"H({low}-{high})" if found["low"] else "H"
        return _Item(text if step is None else f"{text}/{step}", first, last, step, hashed=True)

    def _within(self, value: int) -> int:
        """The value itself, or 0 for the 7 that also is Sunday."""
        return value - self.kind.size if value > self.kind.high else value

    def _step(self, text: str) -> int:
        if not _NUMBER.fullmatch(text) or int(text) == 0:
            raise self._fault(f"the step {text!r} is not a whole number of 1 or more")
        return int(text)

    def _value(self, text: str) -> int:
        kind, name = self.kind, text.lower()
        if name in kind.names:
            return kind.names[name]
        if not _NUMBER.fullmatch(text):
            raise self._fault(hint_for_value(kind.name, kind.names, kind.allowed, text))
        value = int(text)
        if not kind.low <= value <= kind.highest_written:
            midnight = "; midnight is hour 0" if kind is HOUR and value == 24 else ""
            raise self._fault(f"{text} is out of range; allowed is {kind.allowed}{midnight}")
        return value

    def _fault(self, message: str) -> ScheduleError:
        place = f", item {self.text!r}" if self.listed else ""
        return ScheduleError(
            f"schedule: {self.kind.name}", f"{self.kind.name} field {self.field!r}{place}: {message}"
        )


def _item_text(first: int, last: int, step: int | None, *, ranged: bool) -> str:
    if step is None:
        return f"{first}-{last}" if last > first else str(first)
    return f"{first}-{last}/{step}" if ranged else f"{first}/{step}"
