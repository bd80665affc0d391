"""How an execution ended, in more detail than its status, and the errors that say so in the history."""

from __future__ import annotations

from enum import StrEnum

CANCELLED_ERROR = "Task execution was cancelled"
CANCELLED_OUTPUT = "Execution stopped by user request"
"""Texts of a cancelled execution. Source: scheduler API, "Execution Cancellation"."""
TIMED_OUT_START = "Task timed out after "
"""How the error of an execution begins whose last attempt reached the task's timeout."""
CRASHED_START = "Crashed"
"""How the engine's message on a crash begins."""
DIED_ERROR = "The process of the run died without a word"
STALE_ERROR = "The run was stale: at work for longer than its timeouts allow"
NEVER_BEGAN_ERROR = "The worker that had taken the run died before it began"
SUPERSEDED_ERROR = "Another execution of the task began while this one was taken for dead"
SHUTDOWN_ERROR = "Worker was stopped before the task was done"
VANISHED_ERROR = "The run was removed from Prefect before it ended"


class ExecutionOutcome(StrEnum):
    """How an execution ended. An execution that has not ended has none."""

    COMPLETED = "completed"
    FAILED = "failed"
    """The work reported an error, or raised one."""
    TIMED_OUT = "timed_out"
    """Its last attempt took longer than the task's timeout."""
    CANCELLED = "cancelled"
    """A user requested its end."""
    CRASHED = "crashed"
    """Its process, its worker or its run in the engine was lost or stopped before the work was done."""
    SKIPPED = "skipped"
    """It never began; `core.domain.skip` lists the reasons."""


FAILURES = frozenset(ExecutionOutcome) - {ExecutionOutcome.COMPLETED, ExecutionOutcome.SKIPPED}
"""The outcomes of executions that began and have the status `failed`."""
CRASHED_STARTS = (
    CRASHED_START,
    DIED_ERROR,
    STALE_ERROR,
    NEVER_BEGAN_ERROR,
    SUPERSEDED_ERROR,
    SHUTDOWN_ERROR,
    VANISHED_ERROR,
)
"""How the errors of crashed executions begin that were stored before outcomes were."""


def outcome_by_error(error: str) -> ExecutionOutcome:
    """The outcome of an execution that failed, by its error; for those that were stored without an outcome."""
    if error == CANCELLED_ERROR:
        return ExecutionOutcome.CANCELLED
    if error.startswith(TIMED_OUT_START):
        return ExecutionOutcome.TIMED_OUT
    return ExecutionOutcome.CRASHED if error.startswith(CRASHED_STARTS) else ExecutionOutcome.FAILED
