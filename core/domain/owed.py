"""An owed run of a task: an instant of the past that is still to be served, because somebody requested it
or the task catches up with it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

MOST_OWED = 1000
"""So many runs of a task may be owed at once."""
_OF = " of "


def catch_up_request(cause: str, task_id: str) -> str:
    """The `request` of the owed runs of a task that catches up after a `pause`, an `outage` or an `edit`."""
    return f"{cause}{_OF}{task_id}"


@dataclass(frozen=True, slots=True, kw_only=True)
class OwedRun:
    """One instant that a backfill or the task's `catch_up` names.

    With `again` it runs even if an execution has begun for the instant."""

    at: datetime
    request: str
    """The id of the backfill, or the cause of the catching up. A run is made once for each of them and instant."""
    again: bool = False
    held_until: datetime | None = None
    """It waits until the ledger is settled up to here: until then another instant may be chosen instead."""

    @property
    def is_catching_up(self) -> bool:
        """Whether the task's `catch_up` names it, and not a backfill, whose id has no blanks."""
        return _OF in self.request

    @property
    def key(self) -> str:
        """The idempotency key of the run in the engine."""
        return f"owed {self.request} {self.at.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"
