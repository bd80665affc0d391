"""Tasks as a simulation sees them: as they are stored, and with changes that are not."""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from enum import StrEnum
from statistics import median_low
from typing import Any

from falcon_scheduler.core.domain.forecast.load import Workload
from falcon_scheduler.core.domain.priority import Priority
from falcon_scheduler.core.domain.task import Task
from falcon_scheduler.core.domain.task_definition import Overlap, TaskType
from falcon_scheduler.core.domain.time_rules import TimeRules

ASSUMED = timedelta(seconds=1)
"""How long a run takes while no run of any task of its type has ended."""
RANKS = {Priority.CRITICAL: 1, Priority.HIGH: 2, Priority.NORMAL: 3, Priority.LOW: 4}


class SimulatedAction(StrEnum):
    """What a change does."""

    CREATE = "create"
    REPLACE = "replace"
    DELETE = "delete"


class Basis(StrEnum):
    """Where a figure comes from."""

    MEASURED = "measured"
    SAME_TYPE = "same_type"
    """The median of the other tasks of the type."""
    ASSUMED = "assumed"
    GIVEN = "given"


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """A change that is not stored. Of a task that is replaced, what is None stays as it is."""

    action: SimulatedAction
    task_id: str = ""
    name: str | None = None
    type: str | None = None
    schedule: str | None = None
    timezone: str | None = None
    priority: Priority | None = None
    overlap: Overlap | None = None
    enabled: bool | None = None
    duration: timedelta | None = None
    time_rules: Mapping[str, Any] = field(default_factory=dict)
    """Fields of `TimeRules` that are given, by name. One that is None is removed."""


@dataclass(slots=True)
class Planned:
    """A task as it would be: its type's name, and its own measured or given duration."""

    workload: Workload
    type: str
    source: Basis


def created_by(change: Change, now: datetime, timezone: str) -> Planned:
    """A task that a change creates, still without its schedule."""
    task_id = change.task_id or str(uuid.uuid4())
    workload = Workload(
        id=task_id,
        name=change.name or task_id,
        schedule="",
        timezone=timezone,
        counted_from=now,
        rank=RANKS[Priority.NORMAL],
        duration=ASSUMED,
        is_http=False,
        overlap=str(Overlap.SKIP),
    )
    return Planned(workload, TaskType.HTTP, Basis.ASSUMED)


def planned_of(task: Task) -> Planned:
    """A stored task."""
    definition, record = task.definition, task.record
    measured = bool(record.total_runs)
    workload = Workload(
        id=task.id,
        name=definition.name,
        schedule=definition.schedule,
        timezone=definition.timezone,
        counted_from=task.created_at,
        rank=RANKS[definition.priority],
        duration=record.average_runtime if measured else ASSUMED,
        is_http=definition.type == TaskType.HTTP,
        overlap=str(definition.overlap),
        may_change=not task.is_system,
        rules=definition.time_rules,
        runs_left=task.runs_left,
    )
    return Planned(workload, definition.type, Basis.MEASURED if measured else Basis.ASSUMED)


def changed_by(present: Planned, change: Change) -> Planned:
    """A task with what a change gives."""
    workload, kind = present.workload, change.type or present.type
    given: dict[str, object] = {
        "name": change.name,
        "schedule": change.schedule,
        "timezone": change.timezone,
        "rank": RANKS[change.priority] if change.priority is not None else None,
        "overlap": str(change.overlap) if change.overlap is not None else None,
        "duration": change.duration,
        "is_http": kind == TaskType.HTTP,
    }
    changed = replace(workload, **{name: value for name, value in given.items() if value is not None})  # type: ignore[arg-type]
    if change.time_rules:
        rules = _rules(workload.rules, change.time_rules)
        changed = replace(changed, rules=rules, runs_left=_runs_left(workload, rules.max_runs))
    return Planned(changed, kind, present.source if change.duration is None else Basis.GIVEN)


def _rules(present: TimeRules, given: Mapping[str, Any]) -> TimeRules:
    nothing = TimeRules()
    return replace(
        present, **{name: getattr(nothing, name) if value is None else value for name, value in given.items()}
    )


def _runs_left(workload: Workload, limit: int | None) -> int | None:
    """The count of a limit goes on when the limit is changed, and begins anew when there was none."""
    if limit is None or workload.runs_left is None or workload.rules.max_runs is None:
        return limit
    return max(limit - (workload.rules.max_runs - workload.runs_left), 0)


def with_durations(planned: Sequence[Planned]) -> tuple[list[Workload], dict[Basis, int]]:
    """The tasks, those without a duration of their own with the median of their type."""
    by_type: dict[str, list[timedelta]] = {}
    for each in planned:
        if each.source is Basis.MEASURED:
            by_type.setdefault(each.type, []).append(each.workload.duration)
    counts: dict[Basis, int] = {}
    workloads = []
    for each in planned:
        source, workload = each.source, each.workload
        if source is Basis.ASSUMED and each.type in by_type:
            source, workload = Basis.SAME_TYPE, replace(workload, duration=median_low(by_type[each.type]))
        counts[source] = counts.get(source, 0) + 1
        workloads.append(workload)
    return workloads, counts
