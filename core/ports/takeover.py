"""A database that another scheduler has written before this service."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from typing import Protocol

from falcon_scheduler.core.domain.record import DayCounts
from falcon_scheduler.core.domain.takeover import ForeignCounts, Takeover


class TakeoverRecord(Protocol):
    """Where the takeover is recorded."""

    async def read(self) -> Takeover | None:
        """None when the database was never taken over."""
        ...

    async def write(self, takeover: Takeover) -> None:
        """Store the record; it replaces the one before. Repeatable."""
        ...


class ForeignDatabase(Protocol):
    """The documents of the other scheduler in our collections."""

    async def counts(self) -> ForeignCounts:
        """How many documents only the other scheduler has written."""
        ...

    async def end_leftovers(self, error: str) -> int:
        """End its unfinished executions as failed with this error and no duration. Returns how many. Repeatable."""
        ...

    async def ends_on(self, day: date) -> Mapping[str, DayCounts]:
        """Its executions that ended on this day (UTC), added up by task id."""
        ...

    async def begun_since(self, instant: datetime, limit: int) -> Sequence[str]:
        """Ids of at most `limit` executions that it began after `instant`: it is still at work."""
        ...
