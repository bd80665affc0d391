"""What the schedules of tasks will ask for: the next runs in a stretch of time, by the periods in force now."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from falcon_scheduler.core.domain.task import Task
from falcon_scheduler.core.services.tasks.fire_times import next_in

MOST_RUNS = 100
"""Of one task; one that runs more often has its first ones alone."""


@dataclass(frozen=True, slots=True)
class Forecast:
    """The runs of one task. `goes_on` says that there are more of them before the end."""

    task: Task
    runs: Sequence[datetime]
    goes_on: bool


def forecast(task: Task, start: datetime, end: datetime) -> Forecast:
    """The runs of a task from `start` (exclusive) to `end` (exclusive)."""
    runs: list[datetime] = []
    due = _after(task, start)
    while due is not None and due < end and len(runs) < MOST_RUNS:
        runs.append(due)
        due = _after(task, due)
    return Forecast(task, runs, goes_on=due is not None and due < end)


def _after(task: Task, instant: datetime) -> datetime | None:
    return next_in(task.known_periods[-1], task, instant) if task.fires else None
