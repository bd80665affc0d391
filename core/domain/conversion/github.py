"""The `schedule` of a GitHub Actions workflow: items of `- cron: '…'`, some with a `timezone`, or expressions alone.

They are in UTC unless the item names a zone. Source: GitHub Docs, "Workflow syntax", `on.schedule`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise

from falcon_scheduler.core.domain.conversion.lines import (
    BOTH_DAYS,
    FIVE,
    Converted,
    converted,
    counted,
    keeps_rhythm,
    may_be_skipped,
    needs_both_in_classic_cron,
    unkept,
    zone_fault,
)
from falcon_scheduler.core.domain.schedule import Schedule

_KEY = re.compile(r"""(?P<dash>-\s*)?["']?(?P<name>cron|timezone)["']?\s*:\s*(?P<text>.+)""")
_OTHER_KEY = re.compile(r"(?:-\s*)?[A-Za-z_-]+\s*:.*")
_IN_BRACES = re.compile(r"\{[^{}]*\}")
_PAIR = re.compile(r"""["']?\b(?P<name>cron|timezone)["']?\s*:\s*(?P<text>"[^"]*"|'[^']*'|[^,}]+)""")
_QUOTED = re.compile(r"""(["'])(?P<text>.*?)\1\s*(?:\#.*)?""")
_SHORTEST = timedelta(minutes=5)
_LOOKED_AT = 300
_ANY_DAY = datetime(2026, 1, 1, tzinfo=UTC)


@dataclass(slots=True)
class _Item:
    """An item of the list, while its lines are read."""

    number: int
    source: str
    text: str = ""
    timezone: str = ""


def from_github(lines: Iterable[str], _timezone: str) -> Iterator[Converted]:
    """The expressions of a workflow; other keys of its YAML are left out."""
    for item in _items(lines):
        if item.text:
            yield _expression(item)


def _items(lines: Iterable[str]) -> Iterator[_Item]:
    item = _Item(0, "")
    for number, line in enumerate(lines, 1):
        text = line.strip()
        if text and not text.startswith("#") and (braces := _IN_BRACES.findall(text)):
            yield item
            yield from (_in_braces(number, text, each) for each in braces)
            item = _Item(0, "")
            continue
        found = _KEY.fullmatch(text)
        if not text or text.startswith("#") or (found is None and _OTHER_KEY.fullmatch(text)):
            continue
        name = found["name"] if found else "cron"
        if found is None or found["dash"] or (name == "cron" and item.text):
            yield item
            item = _Item(number, text)
        value = _unquoted(found["text"] if found else text)
        if name == "timezone":
            item.timezone = value
        else:
            item.number, item.source, item.text = number, text, value
    yield item


def _in_braces(number: int, source: str, braces: str) -> _Item:
    """An item that is written within braces: `- {cron: "0 5 * * *", timezone: Asia/Tokyo}`."""
    values = {found["name"]: _unquoted(found["text"].strip()) for found in _PAIR.finditer(braces)}
    return _Item(number, source, values.get("cron", ""), values.get("timezone", ""))


def _unquoted(text: str) -> str:
    found = _QUOTED.fullmatch(text)
    return found["text"].strip() if found else text.partition(" #")[0].strip()


def _expression(item: _Item) -> Converted:
    fields, zone = item.text.split(), item.timezone or "UTC"
    if fault := zone_fault(zone):
        return unkept(item.number, item.source, "UTC", fault)
    if len(fields) != FIVE:
        return unkept(item.number, item.source, zone, f"it has {counted(fields)}; GitHub has 5")
    if needs_both_in_classic_cron(fields):
        return unkept(item.number, item.source, zone, BOTH_DAYS.format(program="cron"))
    found = converted(item.number, item.source, f"0 {item.text}", zone)
    if found.schedule is None:
        return found
    notes = [] if item.timezone else ["GitHub reads it in UTC, and so is it kept"]
    if not keeps_rhythm(found.schedule) and may_be_skipped(found.schedule):
        notes.append("GitHub runs a time that the clock skips at the next valid one; here it is skipped that day")
    if _is_too_frequent(found.schedule):
        notes.append("GitHub runs a workflow every 5 minutes at most; here it fires as often as it says")
    return replace(found, notes=tuple(notes))


def _is_too_frequent(schedule: Schedule) -> bool:
    upcoming = schedule.upcoming(_ANY_DAY, _LOOKED_AT)
    return any(later - earlier < _SHORTEST for earlier, later in pairwise(upcoming))
