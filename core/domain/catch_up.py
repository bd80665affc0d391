"""What becomes of the instants that a task missed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum

MOST_CAUGHT_UP = 100
"""Runs that one catching up makes when the task names no number."""


class Missed(StrEnum):
    """Which of the missed instants get a run."""

    NONE = "none"
    LAST = "last"
    """The last one alone."""
    ALL = "all"
    """All, within the limits."""


class ReleaseOrder(StrEnum):
    """In which order the runs begin."""

    OLDEST_FIRST = "oldest_first"
    NEWEST_FIRST = "newest_first"


@dataclass(frozen=True, slots=True, kw_only=True)
class CatchUp:
    """Which missed instants get a run later, one run after the other. Of too many the newest ones do."""

    runs: Missed = Missed.NONE
    max_age: timedelta | None = None
    """Instants that are older when it begins stay missed."""
    max_runs: int = MOST_CAUGHT_UP
    order: ReleaseOrder = ReleaseOrder.OLDEST_FIRST

    @property
    def most(self) -> int:
        """How many runs it makes at most."""
        return {Missed.NONE: 0, Missed.LAST: 1, Missed.ALL: self.max_runs}[self.runs]

    def begin(self, since: datetime, now: datetime) -> datetime:
        """From when on instants are caught up with that were missed since then."""
        return since if self.max_age is None else max(since, now - self.max_age)

    def in_order(self, instants: Sequence[datetime]) -> Sequence[datetime]:
        """The instants in the order of their runs."""
        return sorted(instants, reverse=self.order is ReleaseOrder.NEWEST_FIRST)


@dataclass(frozen=True, slots=True, kw_only=True)
class CatchUpRules:
    """What a task catches up with, by the cause for which it missed its instants."""

    after_pause: CatchUp = field(default_factory=CatchUp)
