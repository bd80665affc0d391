"""What becomes of the instants that a task missed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum

from falcon_scheduler.core.domain.duration import format_duration

MOST_CAUGHT_UP = 100
"""Runs that one catching up makes when the task names no number."""
MISSED_AFTER = timedelta(minutes=1)
"""With `after_outage` and without `start_within`: an instant whose run could not begin for so long is missed."""


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

    def describe(self) -> str:
        """Which instants get a run, for people."""
        if self.runs is Missed.NONE:
            return "none gets a run later"
        which = "the last one gets" if self.runs is Missed.LAST else f"the newest {self.max_runs} at most get"
        age = "" if self.max_age is None else f", unless it was due more than {format_duration(self.max_age)} before"
        return f"{which} a run later{age}"

    def in_order(self, instants: Sequence[datetime]) -> Sequence[datetime]:
        """The instants in the order of their runs."""
        return sorted(instants, reverse=self.order is ReleaseOrder.NEWEST_FIRST)


@dataclass(frozen=True, slots=True, kw_only=True)
class CatchUpRules:
    """What a task catches up with, by the cause for which it missed its instants."""

    after_pause: CatchUp = field(default_factory=CatchUp)
    """What was due while the task was paused, when it is resumed."""
    after_outage: CatchUp | None = None
    """What could not begin in time, for lack of the service, the engine, a worker or a slot. Without it such runs
    begin late, those of the last minutes."""
    after_edit: CatchUp = field(default_factory=CatchUp)
    """What the schedule of an edit names before the edit, since the task was last due by the schedule before it."""
