"""Masks secrets in answers, and puts the stored values back when a client sends a masked value again.

A mask keeps the shape: names, counting numbers and references to secrets stay. A reader who may not update a task
gets its config masked, so that the right to read does not give away the means to act on other systems.
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
"""Below this a number under a name such as `max_tokens` is a count, not a secret."""
_ABSENT = object()
_PAIR = re.compile(r"([?&][^=&#]{0,200}=)([^&#]{1,8192})")
_DEEPEST_ADDRESS = 3
"""How many levels of addresses inside the query of an address are searched."""


def masked(value: Any) -> Any:
    """A JSON value in which each text that looks like a secret, by name or by shape, is replaced by a mask."""
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
        """An address in a query, such as a redirect target, may contain secrets like any other address."""
        plain = unquote_plus(pair[2])
        hides = "://" in plain and depth < _DEEPEST_ADDRESS and _masked_text(plain, depth + 1) != plain
        return pair[1] + (CONCEALED if hides else pair[2])

    return _PAIR.sub(without_nested, without_odd_segments(text, CONCEALED))


def _hidden(name: str, value: Any) -> Any:
    """Everything below a name that means a secret, masked."""
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
    """What a client sends, with the stored values instead of their masks.

    A masked text is replaced by the stored text of the same position if that text is shown as this mask. A mask
    without such a stored text, or with changed text around it, is a fault.
    """
    faults: list[Fault] = []
    return _restored(given, stored, masked(stored), location, faults), faults


def mask_faults(given: Any, location: str) -> list[Fault]:
    """The masks in a value for which nothing is stored, as faults."""
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
        same = isinstance(stored, list | tuple) and len(stored) == len(given)  # else positions don't correspond
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
