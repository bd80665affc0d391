"""How a module reports its progress: live counts, and a log line and a progress mark every so many items.

The counts are read by the task even when the module did not get to its end, so that an interrupted run still
reports what it changed.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime

from falcon_scheduler.core.domain.work import Progress, WorkLog

PROGRESS_EVERY = 100
"""Source: the scheduler document, "logs progress every 100"."""


@dataclass(slots=True, kw_only=True)
class Report:
    """What one run has done so far. Not for sharing between runs."""

    subject: str
    """What is counted, plural: "alliances"."""
    log: WorkLog
    progress: Progress
    deadline_at: datetime
    """When the run's time is up; a module that can end early and whole does so shortly before."""
    every: int = PROGRESS_EVERY
    counts: Counter[str] = field(default_factory=Counter)
    done: int = 0
    total: int | None = None

    def count(self, name: str, by: int = 1) -> None:
        """Add to a count. Counting nothing still makes the name appear."""
        self.counts[name] += by

    async def advance(self, by: int = 1) -> None:
        """Report that so many more items are done; logs and marks progress whenever another `every` is full."""
        before, self.done = self.done, self.done + by
        if self.done // self.every != before // self.every:
            await self.tell()

    async def tell(self) -> None:
        """Log and mark progress now."""
        text = f"{self.done}{f' of {self.total}' if self.total is not None else ''} {self.subject}"
        spoken = ", ".join(f"{number} {name.replace('_', ' ')}" for name, number in self.counts.items() if number)
        self.log.info("%s: %s", text, spoken or "nothing to count yet")
        await self.progress(self.done, self.total, f"{text}: {spoken}" if spoken else text)
