"""One attempt of an execution, as the history keeps it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime

from falcon_scheduler.core.domain.outcome import ExecutionOutcome

LONGEST_ERROR = 500
"""Characters of an attempt's error that are kept; the last one's is kept whole as the execution's error."""
MOST_KEPT = 20
"""More than a task can have: it is retried 10 times at most."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AttemptRecord:
    """An attempt. Those after the first begin after the pause between two attempts."""

    number: int
    started_at: datetime
    ended_at: datetime | None = None
    outcome: ExecutionOutcome | None = None
    """How it ended; `None` while it is at work."""
    error: str = ""
    status_code: int | None = None
    """The status code that an HTTP task was answered with, if there was an answer."""


Attempts = tuple[AttemptRecord, ...]


def with_begun(attempts: Attempts, number: int, at: datetime) -> Attempts:
    """One more attempt, unless it is known already."""
    if any(each.number == number for each in attempts):
        return attempts
    return (*attempts, AttemptRecord(number=number, started_at=at))[-MOST_KEPT:]


def with_ended(
    attempts: Attempts, at: datetime, outcome: ExecutionOutcome, error: str = "", status_code: int | None = None
) -> Attempts:
    """The last attempt with its end, unless it has one already or there is none."""
    if not attempts or attempts[-1].ended_at is not None:
        return attempts
    last = attempts[-1]
    ended_at = max(at, last.started_at)
    error = error if len(error) <= LONGEST_ERROR else error[: LONGEST_ERROR - 1] + "…"
    end = replace(last, ended_at=ended_at, outcome=outcome, error=error, status_code=status_code)
    return (*attempts[:-1], end)
