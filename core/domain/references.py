"""References to secrets: `{{ prefect.blocks.secret.NAME }}` in a text means the value of that Secret block.

A reference names a secret and contains none. Its author decides where the secret is sent. So references are
replaced only in a task's config, which needs the permission to create or update tasks, and in a run's own parameters
when the caller that requested the run has that permission.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from falcon_scheduler.core.errors import Fault

REFERENCE = re.compile(r"\{\{\s*prefect\.blocks\.secret\.([a-z0-9]+(?:-[a-z0-9]+)*)\s*\}\}")
"""Source: Prefect, "Blocks": a document's name has lower-case letters, digits and dashes."""

NOT_PERMITTED = "a secret is referred to in the task's config only, or by a caller who may create or update tasks"

_ATTEMPTED = re.compile(r"\{\{\s*prefect\.[^}]*\}?\}?")


def has_reference(value: object) -> bool:
    """Whether a JSON value holds a reference anywhere."""
    if isinstance(value, Mapping):
        return any(map(has_reference, value.values()))
    if isinstance(value, list | tuple):
        return any(map(has_reference, value))
    return isinstance(value, str) and REFERENCE.search(value) is not None


def reference_faults(value: object, location: str) -> Iterator[Fault]:
    """Texts that look like a reference to Prefect but have a form that we do not support."""
    for where, text in _texts(value, location):
        if _ATTEMPTED.search(REFERENCE.sub("", text)):
            yield Fault(where, "a reference reads {{ prefect.blocks.secret.NAME }}; no other kind is known")


def forbidden_references(value: object, location: str) -> Iterator[Fault]:
    """Every reference, complete or not, for a caller that may not refer to secrets."""
    for where, text in _texts(value, location):
        if _ATTEMPTED.search(text):
            yield Fault(where, NOT_PERMITTED)


def _texts(value: object, location: str) -> Iterator[tuple[str, str]]:
    """Every text in a JSON value, with its location."""
    if isinstance(value, Mapping):
        for name, inner in value.items():
            yield from _texts(inner, f"{location}.{name}")
    elif isinstance(value, list | tuple):
        for position, inner in enumerate(value):
            yield from _texts(inner, f"{location}.{position}")
    elif isinstance(value, str):
        yield location, value
