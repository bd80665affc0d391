"""The `schedule` of a GitHub Actions workflow: lines of `- cron: '…'`, or the expressions alone. They are in UTC.

Source: GitHub Docs, "Events that trigger workflows", `schedule`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta
from itertools import pairwise

from falcon_scheduler.core.domain.conversion.lines import (
    BOTH_DAYS,
    FIVE,
    Converted,
    converted,
    needs_both_in_classic_cron,
    unkept,
)
from falcon_scheduler.core.domain.schedule import Schedule

_CRON = re.compile(r"(?:-\s*)?cron\s*:\s*(?P<text>.+)")
_OTHER_KEY = re.compile(r"(?:-\s*)?[A-Za-z_-]+\s*:.*")
_QUOTED = re.compile(r"""(["'])(?P<text>.*?)\1\s*(?:\#.*)?""")
_SHORTEST = timedelta(minutes=5)
_LOOKED_AT = 300
_ANY_DAY = datetime(2026, 1, 1, tzinfo=UTC)


def from_github(lines: Iterable[str], _timezone: str) -> Iterator[Converted]:
    """The expressions of a workflow; other keys of its YAML are left out."""
    for number, line in enumerate(lines, 1):
        text = line.strip()
        found = _CRON.fullmatch(text)
        if not text or text.startswith("#") or (found is None and _OTHER_KEY.fullmatch(text)):
            continue
        yield _expression(number, text, _unquoted(found["text"] if found else text))


def _unquoted(text: str) -> str:
    found = _QUOTED.fullmatch(text)
    return found["text"].strip() if found else text.partition(" #")[0].strip()


def _expression(number: int, source: str, text: str) -> Converted:
    fields = text.split()
    if len(fields) != FIVE:
        return unkept(number, source, "UTC", f"it has {len(fields)} fields; GitHub has 5")
    if needs_both_in_classic_cron(fields):
        return unkept(number, source, "UTC", BOTH_DAYS.format(program="cron"))
    found = converted(number, source, f"0 {text}", "UTC", notes=["GitHub reads it in UTC, and so is it kept"])
    if found.schedule and _is_too_frequent(found.schedule):
        note = "GitHub runs a workflow every 5 minutes at most; here it fires as often as it says"
        return converted(number, source, f"0 {text}", "UTC", notes=[*found.notes, note])
    return found


def _is_too_frequent(schedule: Schedule) -> bool:
    upcoming = schedule.upcoming(_ANY_DAY, _LOOKED_AT)
    return any(later - earlier < _SHORTEST for earlier, later in pairwise(upcoming))
