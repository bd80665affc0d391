"""An owed run of a task: an instant of the past that is still to be served, because somebody requested it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

MOST_OWED = 1000
"""So many runs of a task may be owed at once."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OwedRun:
    """One instant that a backfill names. With `again` it runs even if an execution has begun for the instant."""

    at: datetime
    request: str
    """The id of the backfill. A run is made once for each backfill and instant."""
    again: bool = False

    @property
    def key(self) -> str:
        """The idempotency key of the run in the engine."""
        return f"owed {self.request} {self.at.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"
