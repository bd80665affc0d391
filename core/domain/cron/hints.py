"""What to write instead: messages for values and ranges that other cron programs know and we do not read."""

from __future__ import annotations

import re
from collections.abc import Collection

_FULL_NAMES = (
    *("january", "february", "march", "april", "june", "july", "august", "september", "october", "november"),
    *("december", "sunday", "monday", "tuesday", "wednesday", "thursday", "friday", "saturday"),
)
_FROM_MONTHS_END = re.compile(r"l(w|-[0-9]+)?", re.IGNORECASE)
_LAST_WEEKDAY = re.compile(r"([0-9]|[a-z]{3})?l", re.IGNORECASE)
_NEAREST_WEEKDAY = re.compile(r"[0-9]{1,2}w", re.IGNORECASE)
_COUNTED_WEEKDAY = re.compile(r"([0-9]|[a-z]{3,})#(?P<count>[0-9]?)", re.IGNORECASE)
_HASHED = re.compile(r"h(\(.*\))?", re.IGNORECASE)


def hint_for_range(span: str, low: int, high: int) -> str | None:
    """What is wrong with a value or range of which a side is missing; `None` if none is."""
    first, dash, last = span.partition("-")
    if not span:
        return "an item of the list is empty; remove the comma that has no value on one of its sides"
    if not dash:
        return None
    if first in {"", "*", "?"}:
        return f"the range {span!r} has no beginning; write {low}-{last or high}"
    if last in {"", "*", "?"}:
        return f"the range {span!r} has no end; write {first}-{high}"
    return None


def hint_for_value(kind: str, names: Collection[str], allowed: str, text: str) -> str:
    """What is wrong with a text that is neither a number nor a name of the field.

    Args:
        kind: the field's name.
        names: the names that the field knows.
        allowed: the field's allowed values in words.
        text: what was written.
    """
    hint = {"day of month": _hint_for_date, "day of week": _hint_for_weekday}.get(kind, _no_hint)(text)
    if hint:
        return f"{text!r}, {hint}"
    if _HASHED.fullmatch(text):
        return f"{text!r}, a value chosen by Jenkins, is not supported; choose one yourself: allowed is {allowed}"
    name = text.lower()
    if name[:3] in names and any(full.startswith(name) for full in _FULL_NAMES):
        return f"the name {text!r} is written with three letters: {name[:3].upper()}"
    known = "a name or number" if names and name.isalpha() else "a number"
    return f"{text!r} is not {known} of this field; allowed is {allowed}"


def _no_hint(_text: str) -> None:
    return None


def _hint_for_date(text: str) -> str | None:
    if _FROM_MONTHS_END.fullmatch(text):
        return (
            "a day counted from the end of the month, is not supported; "
            "take a day such as 1 or 28, or take 28-31 and let the task check the date"
        )
    if _NEAREST_WEEKDAY.fullmatch(text):
        return "the weekday nearest to a day, is not supported; take the day itself, or MON-FRI as day of week"
    return None


def _hint_for_weekday(text: str) -> str | None:
    if _LAST_WEEKDAY.fullmatch(text):
        return "the last such weekday of a month, is not supported; take the weekday and let the task check the date"
    counted = _COUNTED_WEEKDAY.fullmatch(text)
    if counted is None:
        return None
    count = int(counted["count"] or 0)
    days = f"for a day from {7 * count - 6} to {min(7 * count, 31)}" if 1 <= count <= 5 else "the date"
    return f"a weekday counted within the month, is not supported; take the weekday and let the task check {days}"
