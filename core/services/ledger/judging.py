"""The cause that an execution is, by what it recorded itself."""

from __future__ import annotations

from datetime import datetime, timedelta

from falcon_scheduler.core.domain.execution import Execution, ExecutionStatus
from falcon_scheduler.core.domain.explanation import Cause
from falcon_scheduler.core.domain.occurrence import has_begun, reason_of
from falcon_scheduler.core.domain.outcome import (
    DIED_ERROR,
    SHUTDOWN_ERROR,
    STALE_ERROR,
    SUPERSEDED_ERROR,
    VANISHED_ERROR,
    ExecutionOutcome,
)

SILENT_AFTER = timedelta(seconds=8)
"""A run writes that it is alive each 3 s; after 12 s without it is taken for dead."""
KILLED_START = "The run's process was killed by signal"
_CRASHES = (
    (DIED_ERROR, Cause.LOST),
    (STALE_ERROR, Cause.STALE),
    (SHUTDOWN_ERROR, Cause.WORKER_STOPPED),
    (SUPERSEDED_ERROR, Cause.LOST),
    (VANISHED_ERROR, Cause.REMOVED),
    (KILLED_START, Cause.KILLED),
)


def cause_of(execution: Execution, now: datetime) -> Cause | None:
    """`None` for one that completed, of which only its lateness is to be explained, and for one that waits."""
    if not execution.status.is_terminal:
        return _at_work(execution, now)
    if execution.outcome is ExecutionOutcome.COMPLETED:
        return None
    reason = reason_of(execution)
    if reason is not None:
        return Cause(reason)
    if execution.outcome is ExecutionOutcome.TIMED_OUT:
        return Cause.TIMED_OUT
    if execution.is_cancelled:
        return Cause.CANCELLED
    if execution.outcome is ExecutionOutcome.CRASHED:
        crashes = (cause for start, cause in _CRASHES if start in execution.error)
        return next(crashes, Cause.CRASHED if has_begun(execution) else Cause.WORKER_DIED)
    return Cause.FAILED


def _at_work(execution: Execution, now: datetime) -> Cause | None:
    if execution.status is ExecutionStatus.PENDING:
        return None
    if execution.heartbeat_at is not None and now - execution.heartbeat_at > SILENT_AFTER:
        return Cause.SILENT
    last = execution.attempts[-1] if execution.attempts else None
    return Cause.RETRYING if last is not None and last.ended_at is not None else Cause.RUNNING
