"""`H`: a value that is drawn from the task's id, so that tasks of the same text are spread over the field.

The same id draws the same value on every machine and in every version. Source of the grammar: Jenkins, "Cron syntax".
"""

from __future__ import annotations

import hashlib
import re
from typing import NamedTuple

LAST_DAY_OF_MONTH = 28
"""`H` draws no later day of a month than one that every month has."""
HASHED = re.compile(r"[hH](?:\((?P<low>[0-9]{1,2})-(?P<high>[0-9]{1,2})\))?(?:/(?P<step>[0-9]{1,9}))?")


class Hashed(NamedTuple):
    """From which values, and in which steps, an item draws. `step` is `None` for a single value."""

    low: int
    high: int
    step: int | None


def drawn(asked: Hashed, key: str, kind: str) -> tuple[int, int]:
    """The first and the last value that an item names for this key (the task's id) in a field of this kind.

    A single value is both. With a step the first is within one step of the lowest, so that tasks differ in phase.
    """
    size = asked.high - asked.low + 1
    choices = size if asked.step is None else min(asked.step, size)
    digest = hashlib.sha256(f"{kind} {key}".encode()).digest()
    first = asked.low + int.from_bytes(digest[:8], "big") % choices
    return first, first if asked.step is None else asked.high
