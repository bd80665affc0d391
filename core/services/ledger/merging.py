"""Joins what executions and entries say about the same occurrences, so that each has one fate."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import datetime
from functools import reduce

from falcon_scheduler.core.domain.occurrence import Fate, Occurrence, is_second, preferred

Key = tuple[datetime, str]


def key_of(occurrence: Occurrence) -> Key:
    """By which occurrences are ordered: the instant, then the task."""
    return occurrence.at, occurrence.task_id


def merged(findings: Iterable[Occurrence], entries: Iterable[Occurrence]) -> list[Occurrence]:
    """One fate for each occurrence, in order.

    An execution that began for an occurrence which an entry calls missed, or another execution that was too late or
    refused, has caught up with it. An entry loses the occurrences that have an execution, and goes when none is left.
    """
    found: dict[Key, list[Occurrence]] = defaultdict(list)
    for each in findings:
        found[key_of(each)].append(each)
    fates = {key: _joined(each) for key, each in found.items()}
    instants: dict[str, list[datetime]] = defaultdict(list)
    for at, task_id in sorted(fates):
        instants[task_id].append(at)
    left: list[Occurrence] = []
    for entry in entries:
        own = _within(instants[entry.task_id], entry)
        for at in own:
            fates[at, entry.task_id] = _after_a_gap(fates[at, entry.task_id], entry)
        if entry.count == 0 or entry.count > len(own):
            left.append(replace(entry, count=max(entry.count - len(own), 0)))
    return sorted([*fates.values(), *left], key=key_of)


def _within(instants: Sequence[datetime], entry: Occurrence) -> Sequence[datetime]:
    return instants[bisect_left(instants, entry.at) : bisect_right(instants, entry.until)]


def _joined(found: Sequence[Occurrence]) -> Occurrence:
    best = reduce(preferred, found)
    others = [each for each in found if not is_second(each, best.execution_id, made_up=best.is_made_up)]
    missed = next((each for each in others if each.fate in {Fate.MISSED, Fate.SKIPPED}), None)
    return best if missed is None else _after_a_gap(best, replace(missed, fate=Fate.MISSED))


def _after_a_gap(fate: Occurrence, entry: Occurrence) -> Occurrence:
    if fate.fate is not Fate.RAN or entry.fate not in {Fate.MISSED, Fate.CAUGHT_UP}:
        return fate
    return replace(fate, fate=Fate.CAUGHT_UP, reason=entry.reason, by=entry.by, since=entry.since, text=entry.text)
