"""Which schedule was in force when. An instant is judged by the schedule in force at it, not by later changes.

A task keeps its latest periods. So a run that begins late, or was planned before a change, can still be judged by the
schedule of its own instant.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from enum import StrEnum

from falcon_scheduler.core.domain.time_rules import TimeRules

KEPT = 40
"""Periods that a task stores. A period begins with each change of the schedule, the time zone or a switch."""
KEPT_FOR = timedelta(minutes=5)
"""More periods than that are stored while they are younger: the ledger has not settled their instants yet."""
MOST_KEPT = 200


class Held(StrEnum):
    """Why the schedule starts nothing in a period."""

    NOT = ""
    PAUSED = "paused"
    DISABLED = "disabled"
    LIMIT = "limit"
    """As many scheduled runs have begun as the task is limited to."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Period:
    """From `since` on, until the next period begins, the task is due by this schedule, or is held."""

    since: datetime
    schedule: str
    timezone: str
    held: Held = Held.NOT
    rules: TimeRules = field(default_factory=TimeRules)

    def is_like(self, other: Period) -> bool:
        """Whether the same instants are due in both."""
        return replace(self, since=other.since) == other


def followed_by(periods: Sequence[Period], following: Period) -> tuple[Period, ...]:
    """The periods with one more at the end; unchanged when it equals the last one.

    The clock of another facade may be behind. Without the correction here a later change could begin before the
    change that it follows, and `in_force_at` would pick the wrong one.
    """
    last = periods[-1]
    if last.is_like(following):
        return tuple(periods)
    if following.since <= last.since:
        following = replace(following, since=last.since)
        return _latest((*periods[:-1], following))
    return _latest((*periods, following))


def _latest(periods: tuple[Period, ...]) -> tuple[Period, ...]:
    young = sum(each.since >= periods[-1].since - KEPT_FOR for each in periods[-MOST_KEPT:])
    return periods[-max(KEPT, young) :]


def in_force_at(periods: Sequence[Period], instant: datetime) -> Period | None:
    """The period that contains an instant; `None` if the instant is before all stored periods."""
    return next((each for each in reversed(periods) if each.since <= instant), None)
