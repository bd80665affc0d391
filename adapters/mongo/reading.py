"""Reads the fields of a document, also those that hold a value of the wrong type.

A field with a wrong type reads as its default. The stored value is remembered, so that a write of the document puts
it back unchanged, and a reader of the document can be shown what is wrong with it.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, TypeVar

from falcon_scheduler.adapters.mongo.fields import duration_of, instant_of

Choice = TypeVar("Choice", bound=StrEnum)

LARGEST_NUMBER = 2**63
LARGEST_WHOLE = 2**53
"""A double represents every integer up to here; a larger whole double may be a rounded number."""


class Reading:
    """One document, or an object in it. No method raises, whatever the document contains."""

    def __init__(self, document: object, prefix: str = "", unread: dict[str, Any] | None = None) -> None:
        """`prefix` is the path of the object in its document, such as `metadata.`."""
        self._fields: Mapping[str, Any] = document if isinstance(document, Mapping) else {}
        self._prefix = prefix
        self.unread: dict[str, Any] = {} if unread is None else unread
        """The stored values of the fields that could not be read, by dotted field name."""

    def __contains__(self, name: str) -> bool:
        return name in self._fields

    def raw(self, name: str) -> Any:
        """The value as it is stored."""
        return self._fields.get(name)

    def part(self, name: str) -> Reading:
        """An object inside of this one; empty when there is none."""
        value = self._fields.get(name)
        if value is not None and not isinstance(value, Mapping):
            self._note(name)
        return Reading(value, f"{self._prefix}{name}.", self.unread)

    def text(self, name: str, otherwise: str = "") -> str:
        """A text. A number reads as its digits, so that a name stays recognisable."""
        value = self._fields.get(name)
        if isinstance(value, str):
            return value
        if value is None:
            return otherwise
        self._note(name)
        return str(value) if isinstance(value, int | float) else otherwise

    def flag(self, name: str, otherwise: bool = False) -> bool:
        """True or false."""
        value = self._fields.get(name)
        if isinstance(value, bool):
            return value
        if value is not None:
            self._note(name)
        return otherwise

    def number(self, name: str, otherwise: int = 0) -> int:
        """A whole number. A whole double counts as one: go-falcon stores the numbers of a request as doubles."""
        value = self._fields.get(name)
        if value is None:
            return otherwise
        if isinstance(value, float) and math.isfinite(value) and value.is_integer():
            value = int(value)
        if isinstance(value, int) and not isinstance(value, bool) and abs(value) < LARGEST_NUMBER:
            return int(value)
        self._note(name)
        return otherwise

    def duration(self, name: str, otherwise: timedelta = timedelta()) -> timedelta:
        """A length of time, from Go text or from nanoseconds."""
        value = self._fields.get(name)
        if value is None or value == "":
            return otherwise
        try:
            if isinstance(value, str | int | float) and not isinstance(value, bool):
                return duration_of(value)
        except (ValueError, OverflowError):
            pass
        self._note(name)
        return otherwise

    def instant(self, name: str) -> datetime | None:
        """An instant; None when there is none."""
        value = self._fields.get(name)
        try:
            found = instant_of(value)
        except (ValueError, OverflowError):
            found = None
        if found is None and value is not None and not isinstance(value, datetime):
            self._note(name)
        return found

    def choice(self, name: str, kind: type[Choice], otherwise: Choice) -> Choice:
        """One of the values of an enum."""
        value = self._fields.get(name)
        if isinstance(value, str) and value in set(kind):
            return kind(value)
        if value not in (None, ""):
            self._note(name)
        return otherwise

    def texts(self, name: str) -> tuple[str, ...]:
        """A list of texts; items of other types are left out."""
        value = self._fields.get(name)
        if value is None:
            return ()
        if not isinstance(value, list):
            self._note(name)
            return ()
        if not all(isinstance(each, str) for each in value):
            self._note(name)
        return tuple(each for each in value if isinstance(each, str))

    def object(self, name: str) -> Mapping[str, Any]:
        """An object of JSON values and instants. MongoDB's other types read as text."""
        value = self._fields.get(name)
        if value is None:
            return {}
        if not isinstance(value, Mapping):
            self._note(name)
            return {}
        try:
            json.dumps(value, allow_nan=False)
        except (TypeError, ValueError, RecursionError):
            self._note(name)
            plain: Mapping[str, Any] = plain_value(value)
            return plain
        return value

    def _note(self, name: str) -> None:
        self.unread[f"{self._prefix}{name}"] = self._fields.get(name)


def plain_value(value: Any) -> Any:
    """The same value in terms of JSON and instants."""
    if isinstance(value, Mapping):
        return {str(name): plain_value(inner) for name, inner in value.items()}
    if isinstance(value, list | tuple):
        return [plain_value(inner) for inner in value]
    if isinstance(value, float):
        return value if math.isfinite(value) else str(value)
    return value if value is None or isinstance(value, str | int | datetime) else str(value)


def whole_numbers(value: Any) -> Any:
    """The same value with whole doubles as integers: go-falcon stores every number of a request as a double."""
    if isinstance(value, float) and math.isfinite(value) and value.is_integer() and abs(value) <= LARGEST_WHOLE:
        return int(value)
    if isinstance(value, Mapping):
        return {name: whole_numbers(inner) for name, inner in value.items()}
    if isinstance(value, list | tuple):
        return [whole_numbers(inner) for inner in value]
    return value
