"""Runs that share the slots of the workers: which begin when, in the order in which the product takes them.

Runs wait by priority, then by their time, as in the queues of the work pool. A task that is due while its previous
run is at work does what its `overlap` says: the new run is skipped, waits, or replaces the other.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from heapq import heapify, heappop, heappush

from falcon_scheduler.core.domain.forecast.patterns import MINUTES

HOUR = 3600.0


@dataclass(frozen=True, slots=True)
class Job:
    """What the queue knows of a task: `rank` is its priority, 1 first, and `holds` how many seconds a run of it keeps
    a slot."""

    rank: int
    holds: float
    overlap: str


@dataclass(slots=True)
class HourOfWork:
    """What happened in one hour; lists have one entry for each minute."""

    queue: list[int] = field(default_factory=lambda: [0] * MINUTES)
    """The most runs that waited."""
    at_work: list[int] = field(default_factory=lambda: [0] * MINUTES)
    """The most slots in use."""
    late_sum: list[float] = field(default_factory=lambda: [0.0] * MINUTES)
    late_most: list[float] = field(default_factory=lambda: [0.0] * MINUTES)
    begun: list[int] = field(default_factory=lambda: [0] * MINUTES)
    late_by_rank: dict[int, tuple[int, float, float]] = field(default_factory=dict)
    """By priority: how many runs began, the sum of their lateness in seconds, and the longest."""
    overlaps: dict[int, int] = field(default_factory=dict)
    """By task: how often it was due while its previous run waited or was at work."""
    skipped: int = 0


Waiting = tuple[int, float, int]
"""Rank, when it was due, which task."""
Snapshot = tuple[tuple[tuple[float, int], ...], tuple[Waiting, ...], tuple[tuple[int, float], ...]]
EMPTY: Snapshot = ((), (), ())


class Slots:
    """The slots of the workers, from one second to the next. Times are seconds from the beginning of the hour."""

    def __init__(self, jobs: Sequence[Job], count: int, before: Snapshot) -> None:
        """`before` is what the hour before left over, as `left_over` gave it."""
        self._jobs = jobs
        self._count = count
        at_work, waiting, held = before
        self._at_work = list(at_work)
        self._waiting = list(waiting)
        heapify(self._at_work)
        heapify(self._waiting)
        self._running = {task for _, task in at_work}
        self._unended: dict[int, int] = defaultdict(int)
        self._held: dict[int, list[float]] = defaultdict(list)
        for task in [*self._running, *(task for _, _, task in waiting), *(task for task, _ in held)]:
            self._unended[task] += 1
        for task, due in held:
            self._held[task].append(due)
        self._held_count = len(held)
        self.hour = HourOfWork()

    def due(self, second: int, tasks: Sequence[int]) -> None:
        """These tasks are due at this second; calls come in the order of time."""
        self._advance(float(second))
        for task in tasks:
            job = self._jobs[task]
            if self._unended[task]:
                self.hour.overlaps[task] = self.hour.overlaps.get(task, 0) + 1
                if job.overlap == "skip":
                    self.hour.skipped += 1
                    continue
                if job.overlap == "cancel_running":
                    self._cancel(task)
            self._unended[task] += 1
            heappush(self._waiting, (job.rank, float(second), task))
        self._fill(float(second))
        minute, hour = second // 60, self.hour
        hour.queue[minute] = max(hour.queue[minute], len(self._waiting) + self._held_count)
        hour.at_work[minute] = max(hour.at_work[minute], len(self._at_work))

    def left_over(self) -> Snapshot:
        """What is at work and waits at the end of the hour, in times of the next one."""
        self._advance(HOUR)
        at_work = tuple(sorted((round(end - HOUR, 3), task) for end, task in self._at_work))
        waiting = tuple(sorted((rank, due - HOUR, task) for rank, due, task in self._waiting))
        held = tuple(sorted((task, due - HOUR) for task, each in self._held.items() for due in each))
        return at_work, waiting, held

    def _advance(self, to: float) -> None:
        at_work = self._at_work
        while at_work and at_work[0][0] <= to:
            ended, task = heappop(at_work)
            self._end(task)
            self._fill(ended)

    def _fill(self, now: float) -> None:
        while self._waiting and len(self._at_work) < self._count:
            rank, due, task = heappop(self._waiting)
            if task in self._running:  # `queue`: one at a time
                self._held[task].append(due)
                self._held_count += 1
                continue
            heappush(self._at_work, (now + self._jobs[task].holds, task))
            self._running.add(task)
            self._note_begin(rank, due, now)

    def _note_begin(self, rank: int, due: float, now: float) -> None:
        late, hour, minute = now - due, self.hour, min(max(int(due) // 60, 0), MINUTES - 1)
        hour.begun[minute] += 1
        hour.late_sum[minute] += late
        hour.late_most[minute] = max(hour.late_most[minute], late)
        count, total, most = hour.late_by_rank.get(rank, (0, 0.0, 0.0))
        hour.late_by_rank[rank] = count + 1, total + late, max(most, late)

    def _end(self, task: int) -> None:
        self._running.discard(task)
        self._unended[task] -= 1
        if held := self._held.get(task):
            heappush(self._waiting, (self._jobs[task].rank, held.pop(0), task))
            self._held_count -= 1

    def _cancel(self, task: int) -> None:
        if task in self._running:
            self._at_work = [each for each in self._at_work if each[1] != task]
            heapify(self._at_work)
            self._end(task)
