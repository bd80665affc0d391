"""Tasks that share slots, and the work of each hour in them. Equal hours are worked out once."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import timedelta

from falcon_scheduler.core.domain.forecast.load import HTTP_RUN_COST, RUN_COST, Load, Workload
from falcon_scheduler.core.domain.forecast.patterns import MINUTES, minutes_of, seconds_of
from falcon_scheduler.core.domain.forecast.queueing import EMPTY, HourOfWork, Job, Slots, Snapshot

Column = tuple[int, ...]
"""For one hour the number of each task's pattern."""


@dataclass(slots=True)
class Pool:
    """Tasks that share slots. `columns` has one entry for each hour."""

    tasks: Sequence[Workload]
    slots: int
    cost: timedelta
    columns: list[Column] = field(default_factory=list)
    work: list[HourOfWork | None] = field(default_factory=list)


class Patterns:
    """Numbers each pattern, and reads each once."""

    def __init__(self) -> None:
        self.known: dict[int, int] = {0: 0}
        self.seconds: list[list[int]] = [[]]
        self.minutes: list[list[int]] = [[0] * MINUTES]

    def number_of(self, pattern: int) -> int:
        """The same number for an equal pattern."""
        if pattern not in self.known:
            self.known[pattern] = len(self.known)
            self.seconds.append(seconds_of(pattern))
            self.minutes.append(minutes_of(pattern))
        return self.known[pattern]


def pools_of(load: Load) -> list[Pool]:
    """The tasks by the slots that they share."""
    if not load.http_slots:
        return [Pool(load.tasks, load.slots, RUN_COST)]
    alone = [task for task in load.tasks if not task.is_http]
    shared = [task for task in load.tasks if task.is_http]
    return [Pool(alone, load.slots, RUN_COST), Pool(shared, load.http_slots, HTTP_RUN_COST)]


def work_out(pool: Pool, patterns: Patterns, budget: int) -> int:
    """Work out the pool's queue, until the budget of runs is used up; returns what is left of it."""
    jobs = [
        Job(rank=task.rank, holds=(task.duration + pool.cost).total_seconds(), overlap=task.overlap)
        for task in pool.tasks
    ]
    known: dict[tuple[Column, Snapshot], tuple[HourOfWork, Snapshot]] = {}
    before: Snapshot = EMPTY
    for column in pool.columns:
        key = column, before
        if key not in known:
            runs = sum(len(patterns.seconds[number]) for number in column)
            if runs > budget:
                pool.work.append(None)
                continue
            budget -= runs
            known[key] = _hour_of_work(jobs, pool.slots, column, patterns, before)
        work, before = known[key]
        pool.work.append(work)
        if any(each is None for each in pool.work[-2:-1]):
            pool.work[-1] = None  # what the hour before left over is not known
    return budget


def _hour_of_work(
    jobs: Sequence[Job], count: int, column: Column, patterns: Patterns, before: Snapshot
) -> tuple[HourOfWork, Snapshot]:
    due: dict[int, list[int]] = defaultdict(list)
    for task, number in enumerate(column):
        for second in patterns.seconds[number]:
            due[second].append(task)
    slots = Slots(jobs, count, before)
    for second in sorted(due):
        slots.due(second, due[second])
    left = slots.left_over()
    return slots.hour, left
