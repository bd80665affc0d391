"""What to write instead: messages for values and ranges that can't be read. Every proposal is one that can be."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable
from difflib import get_close_matches

_FULL_NAMES = (
    *("january", "february", "march", "april", "june", "july", "august", "september", "october", "november"),
    *("december", "sunday", "monday", "tuesday", "wednesday", "thursday", "friday", "saturday"),
)
_FROM_MONTHS_END = re.compile(r"l(w|-[0-9]+w?)?", re.IGNORECASE)
_LAST_WEEKDAY = re.compile(r"([0-9]+|[a-z]{3})?l", re.IGNORECASE)
_NEAREST_WEEKDAY = re.compile(r"[0-9]+w", re.IGNORECASE)
_COUNTED_WEEKDAY = re.compile(r"([0-9]+|[a-z]{3,})#.*", re.IGNORECASE)
_HASHED = re.compile(r"h(\(.*\)?)?", re.IGNORECASE)


def nearest_to(text: str, known: Iterable[str]) -> str:
    """ "; did you mean …?" with the known text that is spelled most alike; empty if none is."""
    by_lower = {each.lower(): each for each in known}
    found = get_close_matches(text.lower(), by_lower, n=1, cutoff=0.6)
    return f"; did you mean {by_lower[found[0]]}?" if found else ""


def hint_for_range(span: str, low: int, high: int, names: Collection[str]) -> str | None:
    """What is wrong with a value or range of which a side is missing; `None` if none is."""
    first, dash, last = span.partition("-")

    def readable(text: str, otherwise: int) -> str:
        is_value = text.isascii() and text.isdigit() and low <= int(text) <= high
        return text if is_value or text.lower() in names else str(otherwise)

    if not span:
        return f"the value before the step is missing; write {low} or *"
    if not dash:
        return None
    if not first:
        return f"the range {span!r} has no beginning; write {low}-{readable(last, high)}"
    if last in {"", "*", "?"} and first.lower() != "l":
        return f"the range {span!r} has no end; write {readable(first, low)}-{high}"
    return None


def hint_for_value(kind: str, names: Collection[str], allowed: str, text: str) -> str:
    """What is wrong with a text that is neither a number nor a name of the field.

    Args:
        kind: the field's name.
        names: the names that the field knows.
        allowed: the field's allowed values in words.
        text: what was written.
    """
    if _HASHED.fullmatch(text):
        return f"{text!r} is not written as H, H(2-5), H/3 or H(2-5)/3; allowed is {allowed}"
    hint = {"day of month": _hint_for_date, "day of week": _hint_for_weekday}.get(kind, _hint_for_others)(text)
    if hint:
        return f"{text!r} {hint}"
    name = text.lower()
    if name[:3] in names and any(full.startswith(name) for full in _FULL_NAMES):
        return f"the name {text!r} is written with three letters: {name[:3].upper()}"
    known = "a name or number" if names and name.isalpha() else "a number"
    proposal = nearest_to(text, [each.upper() for each in names]) if name.isalpha() else ""
    return f"{text!r} is not {known} of this field; allowed is {allowed}{proposal}"


def _hint_for_others(text: str) -> str | None:
    if _FROM_MONTHS_END.fullmatch(text):
        return "is a day counted from the end of the month, which the day of month field alone knows"
    return None


def _hint_for_date(text: str) -> str | None:
    if _FROM_MONTHS_END.fullmatch(text):
        return "is no day counted from the end of the month; write L, L-1 to L-30 or LW"
    if _NEAREST_WEEKDAY.fullmatch(text):
        return "is no weekday nearest to a date; write 1W to 31W"
    if _LAST_WEEKDAY.fullmatch(text) or _COUNTED_WEEKDAY.fullmatch(text):
        return "belongs into the day of week field, the last one"
    return None


def _hint_for_weekday(text: str) -> str | None:
    if text.lower() == "l":
        return "needs the weekday before it: 5L or FRIL is the last Friday of the month"
    if _NEAREST_WEEKDAY.fullmatch(text) or _FROM_MONTHS_END.fullmatch(text):
        return "belongs into the day of month field, the fourth one"
    if _LAST_WEEKDAY.fullmatch(text):
        return "is no last weekday of a month; write 0L to 6L or SUNL to SATL"
    if _COUNTED_WEEKDAY.fullmatch(text):
        return "is no weekday counted within the month; write a weekday, # and 1 to 5: MON#2 is the second Monday"
    return None
