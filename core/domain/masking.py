"""Masks secrets in what readers are shown, and puts them back when a client sends a masked value again.

A mask keeps the shape: names, numbers that count, and references to secrets stay. Who may not update a task sees its
config masked, so that reading gives nobody the means to act elsewhere.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import unquote_plus

from falcon_scheduler.core.domain.plain_secrets import QUERY_NAMES
from falcon_scheduler.core.domain.redaction import CONCEALED, conceal, is_secret_name
from falcon_scheduler.core.domain.references import REFERENCE
from falcon_scheduler.core.domain.secret_addresses import without_odd_segments
from falcon_scheduler.core.errors import Fault

_SCHEMES = frozenset({"", "bearer", "basic", "digest", "token", "apikey", "negotiate"})
_COUNT = 100_000
"""Smaller numbers under the name of tokens count them: `"max_tokens": 4096`."""
_ABSENT = object()
_PAIR = re.compile(r"([?&][^=&#]{0,200}=)([^&#]{1,8192})")
_DEEPEST_ADDRESS = 3
"""Addresses within the queries of addresses that are looked into."""


def masked(value: Any) -> Any:
    """A JSON value with a mask in the place of whatever looks like a secret, by its name or by its shape."""
    if isinstance(value, str):
        return _masked_text(value)
    if isinstance(value, Mapping):
        return {name: _masked_field(str(name), inner) for name, inner in value.items()}
    return [masked(inner) for inner in value] if isinstance(value, list | tuple) else value


def _masked_field(name: str, value: Any) -> Any:
    if is_secret_name(name):
        return _hidden(name, value)
    if name == "query" and isinstance(value, Mapping):
        return {
            inner: _hidden(inner, each) if str(inner).lower() in QUERY_NAMES else _masked_field(str(inner), each)
            for inner, each in value.items()
        }
    return masked(value)


def _masked_text(text: str, depth: int = 0) -> str:
    text = conceal(text)
    if "://" not in text or any(map(str.isspace, text)):
        return text

    def without_nested(pair: re.Match[str]) -> str:
        """An address in a query, such as one to be sent on to, may hold what an address may not show."""
        plain = unquote_plus(pair[2])
        hides = "://" in plain and depth < _DEEPEST_ADDRESS and _masked_text(plain, depth + 1) != plain
        return pair[1] + (CONCEALED if hides else pair[2])

    return _PAIR.sub(without_nested, without_odd_segments(text, CONCEALED))


def _hidden(name: str, value: Any) -> Any:
    """All that stands under a secret's name."""
    if isinstance(value, str):
        return value if not value or _only_refers(value) else CONCEALED
    if isinstance(value, Mapping):
        return {inner: _hidden(name, each) for inner, each in value.items()}
    if isinstance(value, list | tuple):
        return [_hidden(name, each) for each in value]
    if isinstance(value, bool) or not isinstance(value, int | float):
        return value
    return value if name.lower().endswith(("token", "tokens")) and abs(value) < _COUNT else CONCEALED


def _only_refers(text: str) -> bool:
    return REFERENCE.search(text) is not None and REFERENCE.sub("", text).strip().lower() in _SCHEMES


def restored(given: Any, stored: Any, location: str) -> tuple[Any, list[Fault]]:
    """What a client sends, with the stored values in the place of their masks.

    A masked text stands for the stored one in the same place, as it was shown. One that stands for nothing stored, or
    was changed around its mask, is a fault.
    """
    faults: list[Fault] = []
    return _restored(given, stored, masked(stored), location, faults), faults


def mask_faults(given: Any, location: str) -> list[Fault]:
    """Masks where nothing is stored that they could stand for."""
    return restored(given, _ABSENT, location)[1]


def _restored(given: Any, stored: Any, shown: Any, location: str, faults: list[Fault]) -> Any:
    if isinstance(given, str) and CONCEALED in given:
        if given == shown:
            return stored
        faults.append(Fault(location, f"holds {CONCEALED}, which stands for no value that is stored here: give it"))
    elif isinstance(given, Mapping):
        return {
            name: _restored(each, _inside(stored, name), _inside(shown, name), f"{location}.{name}", faults)
            for name, each in given.items()
        }
    elif isinstance(given, list | tuple):
        same = isinstance(stored, list | tuple) and len(stored) == len(given)  # else no place says which is meant
        return [
            _restored(
                each,
                stored[position] if same else _ABSENT,
                shown[position] if same else _ABSENT,
                f"{location}.{position}",
                faults,
            )
            for position, each in enumerate(given)
        ]
    return given


def _inside(value: Any, name: str) -> Any:
    return value.get(name, _ABSENT) if isinstance(value, Mapping) else _ABSENT
