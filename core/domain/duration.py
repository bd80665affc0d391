"""Lengths of time in Go's text form ("1m30s"), which the documented API and database use.

Inside the product a length of time is always a `timedelta`; this module is the only reader and writer of the text.
Source: Go's `time.ParseDuration` and `Duration.String`.
"""

from __future__ import annotations

import re
from datetime import timedelta
from fractions import Fraction

_NANOSECONDS = {
    "ns": 1,
    "us": 1_000,
    "µs": 1_000,  # U+00B5, micro sign
    "μs": 1_000,  # U+03BC, Greek mu
    "ms": 1_000_000,
    "s": 1_000_000_000,
    "m": 60_000_000_000,
    "h": 3_600_000_000_000,
}
_PART = re.compile(r"([0-9]+(?:\.[0-9]*)?|\.[0-9]+)(ns|us|µs|μs|ms|s|m|h)")
_LONGEST_NANOSECONDS = 2**63 - 1  # Go holds a duration in an int64


def parse_duration(text: str) -> timedelta:
    """Read Go duration text such as "90s", "1h30m" or "-1.5h".

    Parts below a microsecond are rounded to the nearest one, which is all a `timedelta` holds.

    Raises:
        ValueError: the text is not a Go duration; the message quotes it.
    """
    return from_nanoseconds(parse_nanoseconds(text))


def parse_nanoseconds(text: str) -> int:
    """The same text in nanoseconds, truncated as Go truncates.

    Raises:
        ValueError: as `parse_duration`.
    """
    body = text.removeprefix("-").removeprefix("+") if text[:2] not in {"-+", "+-"} else ""
    if body == "0":
        return 0
    parts = _PART.findall(body)
    if not parts or "".join(number + unit for number, unit in parts) != body:
        raise ValueError(f"{text!r} is not a duration such as 30s, 5m or 1h30m")
    total = sum(int(Fraction(number) * _NANOSECONDS[unit]) for number, unit in parts)
    if total > _LONGEST_NANOSECONDS:
        raise ValueError(f"{text!r} is longer than a duration can be (about 292 years)")
    return -total if text.startswith("-") else total


def from_nanoseconds(nanoseconds: int) -> timedelta:
    """Read the int64 nanoseconds in which the Go service stores a duration, capped at what the text form can hold."""
    longest = _LONGEST_NANOSECONDS // 1000
    return timedelta(microseconds=max(-longest, min(round(nanoseconds / 1000), longest)))


def format_duration(length: timedelta) -> str:
    """Write a length of time as Go does: "1m30s", "1.5s", "250ms", "0s"."""
    microseconds = length // timedelta(microseconds=1)  # exact; a division would go through a float
    if microseconds == 0:
        return "0s"
    sign, microseconds = ("-", -microseconds) if microseconds < 0 else ("", microseconds)
    if microseconds < 1_000:
        return f"{sign}{microseconds}µs"
    if microseconds < 1_000_000:
        return f"{sign}{_decimal(microseconds, 1_000)}ms"
    minutes, rest = divmod(microseconds, 60_000_000)
    hours, minutes = divmod(minutes, 60)
    seconds = f"{_decimal(rest, 1_000_000)}s"
    if hours:
        return f"{sign}{hours}h{minutes}m{seconds}"
    return f"{sign}{minutes}m{seconds}" if minutes else f"{sign}{seconds}"


def _decimal(value: int, unit: int) -> str:
    whole, rest = divmod(value, unit)
    if not rest:
        return str(whole)
    digits = len(str(unit)) - 1
    return f"{whole}.{rest:0{digits}d}".rstrip("0")
