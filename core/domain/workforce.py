"""The workers that can run executions, and the reason when nothing can run."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime

NO_WORKER = "No worker is online: executions wait until one starts"
POOL_PAUSED = "The work pool is paused in Prefect: executions wait until it is resumed"


@dataclass(frozen=True, slots=True, kw_only=True)
class OnlineWorker:
    """A worker whose heartbeats arrive. `slots` is how many executions it takes at once in processes of their own,
    `http_slots` how many of http tasks beside them, in its lane."""

    name: str
    slots: int
    http_slots: int = 0
    began_at: datetime | None = None
    """Since when it takes executions, and when it last reported so; None for a worker of another type."""
    seen_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Workforce:
    """The workers of our pool."""

    workers: Sequence[OnlineWorker]
    is_paused: bool = False
    """Whether the pool is paused: it then gives no work to its workers."""
    paused_queues: Collection[str] = ()
    """The work queues, each named like its priority, that somebody paused in the engine. Known only where it is asked
    for, as nothing else but an explanation depends on it."""

    @property
    def slots(self) -> int:
        """How many executions all of them take at once, each in a process of its own."""
        return sum(each.slots for each in self.workers)

    @property
    def http_slots(self) -> int:
        """How many executions of http tasks they take besides; with 0 these use the same slots as all others."""
        return sum(each.http_slots for each in self.workers)

    @property
    def problem(self) -> str:
        """Why nothing can run, as a sentence; empty when something can."""
        if not self.workers:
            return NO_WORKER
        return POOL_PAUSED if self.is_paused else ""
