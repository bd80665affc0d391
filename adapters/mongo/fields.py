"""Reads the values of documents, ours and those that the Go service wrote."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from core.domain.duration import format_duration, from_nanoseconds, parse_duration


def duration_of(value: object, otherwise: timedelta = timedelta()) -> timedelta:
    """A duration from Go text or the int64 nanoseconds of the Go service; `otherwise` when there is none."""
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
    """A duration as it is stored."""
    return None if length is None else format_duration(length)


def text_field(document: Mapping[str, Any], name: str) -> str:
    """A text, empty when there is none. Raises `ValueError` when it is something else."""
    value = document.get(name)
    if value is None:
        return ""
    if not isinstance(value, str):
        raise ValueError(f"{name} is no text")
    return value


def object_field(document: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    """An object of JSON values and instants; what MongoDB holds beyond these reads as text."""
    value = document.get(name)
    if value is None:
        return {}
    if not isinstance(value, Mapping):
        raise ValueError(f"{name} is no object")
    try:
        json.dumps(value, allow_nan=False)
    except (TypeError, ValueError):
        plain: Mapping[str, Any] = _plain(value)
        return plain
    return value


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {str(name): _plain(inner) for name, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(inner) for inner in value]
    if isinstance(value, float):
        return value if math.isfinite(value) else str(value)
    return value if value is None or isinstance(value, str | int | datetime) else str(value)


def split(document: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, str]]:
    """What an update sets and what it unsets: a None stands for a field that is not there."""
    present = {name: value for name, value in document.items() if value is not None}
    return present, {name: "" for name, value in document.items() if value is None}


def update_of(document: Mapping[str, Any]) -> dict[str, Any]:
    """The update that makes a stored document read so, leaving fields that we do not know alone."""
    setting, unsetting = split(document)
    return {"$set": setting} | ({"$unset": unsetting} if unsetting else {})
