"""Whole numbers that arrive as doubles: `200.0` is 200.

Values are read strictly, so that text and booleans are not taken for numbers. But JavaScript, BSON and Go's JSON have
one type of number, and sometimes write a whole number as a double.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

from pydantic import ValidationError

T = TypeVar("T")


def with_whole_numbers(read: Callable[[Any], T], value: Any) -> T:
    """Read a value. Where a whole number is required and a whole double was given, convert the double.

    Raises:
        pydantic.ValidationError: the remaining faults.
    """
    try:
        return read(value)
    except ValidationError as error:
        places = [
            _place(detail["loc"], value)
            for detail in error.errors(include_url=False, include_context=False)
            if isinstance(detail["input"], float) and detail["input"].is_integer()
        ]
        if not places:
            raise
    for place in places:
        value = _whole_at(value, place)
    return read(value)


def _place(steps: Sequence[int | str], value: Any) -> list[int | str]:
    """The steps that exist in the value: pydantic adds the names of union members between them."""
    place: list[int | str] = []
    for step in steps:
        inside = dict(enumerate(value)) if isinstance(value, list | tuple) else value
        if isinstance(inside, Mapping) and step in inside:
            value = inside[step]
            place.append(step)
    return place


def _whole_at(value: Any, place: Sequence[int | str]) -> Any:
    """The value with a whole number at one place; everything else is unchanged."""
    if not place:
        return int(value) if isinstance(value, float) and value.is_integer() else value
    step, *rest = place
    if isinstance(value, Mapping):
        return {name: _whole_at(inner, rest) if name == step else inner for name, inner in value.items()}
    return [_whole_at(inner, rest) if position == step else inner for position, inner in enumerate(value)]
