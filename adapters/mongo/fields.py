"""Reads the values of documents, ours and those that the Go service wrote."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from falcon_scheduler.core.domain.duration import format_duration, from_nanoseconds, parse_duration

MICROSECOND = timedelta(microseconds=1)
"""The unit of stored sums of durations."""


def duration_of(value: object, otherwise: timedelta = timedelta()) -> timedelta:
    """A duration from Go text or the int64 nanoseconds of the Go service; `otherwise` when it is absent."""
    if isinstance(value, bool) or value is None or value == "":
        return otherwise
    if isinstance(value, int | float):
        return from_nanoseconds(int(value))
    return parse_duration(str(value))


def instant_of(value: object) -> datetime | None:
    """An instant. Go's zero time (year 1) means none."""
    if not isinstance(value, datetime) or value.year <= 1:
        return None
    return value if value.tzinfo else value.replace(tzinfo=UTC)


def text_of(length: timedelta | None) -> str | None:
    """A duration in its stored form."""
    return None if length is None else format_duration(length)


def split(document: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, str]]:
    """The fields that an update sets and those that it unsets. A value of None marks an absent field."""
    present = {name: value for name, value in document.items() if value is not None}
    return present, {name: "" for name, value in document.items() if value is None}


def update_of(document: Mapping[str, Any]) -> dict[str, Any]:
    """The update that gives a stored document these fields and keeps all others."""
    setting, unsetting = split(document)
    return {"$set": setting} | ({"$unset": unsetting} if unsetting else {})


def one_of(values: Sequence[str]) -> Any:
    """The condition that a field holds one of the values. Embedded servers answer a plain value from the index."""
    distinct = [*dict.fromkeys(values)]
    return distinct[0] if len(distinct) == 1 else {"$in": distinct}
