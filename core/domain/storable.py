"""Makes values storable in every store: MongoDB, PostgreSQL, and JSON between them.

An executor may return any value. A NUL character, half of a surrogate pair or an integer of more than 64 bits makes
one of the stores refuse the whole document, state or batch of log lines that contains it.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

REPLACEMENT = "\N{REPLACEMENT CHARACTER}"
DEEPEST = 50
"""Levels of nesting that are kept. MongoDB refuses documents of more than 100."""
_INTEGERS = range(-(2**63), 2**63)


def is_storable(text: str) -> bool:
    """Whether every store takes the text."""
    return "\x00" not in text and not any("\ud800" <= character <= "\udfff" for character in text)


def storable_text(text: str) -> str:
    """The text with U+FFFD instead of NUL characters and of halves of surrogate pairs."""
    if text.isascii():
        return text.replace("\x00", REPLACEMENT)
    joined = text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    return joined.replace("\x00", REPLACEMENT)


def storable_value(value: Any, depth: int = 0) -> Any:
    """The value with everything replaced that a store refuses. Numbers out of range become text."""
    if isinstance(value, str):
        return storable_text(value)
    if isinstance(value, bool):
        return value
    if isinstance(value, int):
        return value if value in _INTEGERS else str(value)
    if isinstance(value, float):
        return value if math.isfinite(value) else str(value)
    if depth >= DEEPEST and isinstance(value, Mapping | list | tuple):
        return storable_text(str(value))
    if isinstance(value, Mapping):
        return {_name(name): storable_value(inner, depth + 1) for name, inner in value.items()}
    if isinstance(value, Sequence) and not isinstance(value, bytes | bytearray | memoryview):
        return [storable_value(inner, depth + 1) for inner in value]
    return value


def _name(name: object) -> str:
    """A name that MongoDB takes."""
    text = storable_text(str(name))
    return f"_{text}" if not text or text.startswith("$") else text
