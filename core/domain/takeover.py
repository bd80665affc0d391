"""A database that another scheduler wrote, and what this service records when it takes the database over."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

LEFTOVER_ERROR = "Left unfinished by the scheduler that ran before this one; its process is gone"
"""Error of an execution that the other scheduler began and never ended."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ForeignCounts:
    """How many documents of the database only the other scheduler has written."""

    tasks: int
    executions: int
    unfinished: int
    """Executions among them that have no end."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Takeover:
    """When this service took the database over, and what it found there.

    It is recorded at the beginning, since later the other scheduler's documents can't be distinguished any more: a
    start that finds a takeover which is not complete completes it. `returned_at` is set when an operator gives the
    database back. The next start takes it over anew.
    """

    taken_over_at: datetime
    tasks: int
    executions: int
    leftovers: int
    """Unfinished executions of the other scheduler that were ended, without being counted."""
    is_complete: bool = True
    returned_at: datetime | None = None

    @property
    def is_in_force(self) -> bool:
        """Whether the database is this service's at present."""
        return self.returned_at is None

    def first_cleanup_at(self, grace: timedelta) -> datetime:
        """The instant before which no execution of the other scheduler is removed for its age."""
        return self.taken_over_at + grace
