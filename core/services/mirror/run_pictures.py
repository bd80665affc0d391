"""Compares runs as the engine shows them with executions, and turns the one into the other."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from falcon_scheduler.core.domain.execution import Execution, ExecutionStatus
from falcon_scheduler.core.domain.outcome import ExecutionOutcome
from falcon_scheduler.core.domain.run import Run, RunPhase
from falcon_scheduler.core.domain.skip import Skip
from falcon_scheduler.core.domain.task import Task

UNEXPLAINED_ERROR = "The run ended without giving a reason"


def picture_of(task: Task, run: Run, now: datetime) -> Execution:
    """A run as an execution that nobody has written yet."""
    running = run.phase is RunPhase.RUNNING or run.phase.is_terminal
    return Execution(
        id=run.id,
        task_id=task.id,
        status=ExecutionStatus.RUNNING if running else ExecutionStatus.PENDING,
        started_at=run.started_at or run.due_at or run.changed_at or now,
        queued_at=run.due_at,
        scheduled_for=run.due_at,
        trigger=run.trigger,
        worker_id=run.worker,
        priority=run.priority,
        parameters=run.given(),
        retry_count=max(run.attempts - 1, 0),
    )


def end_of(run: Run, execution: Execution, now: datetime) -> Execution:
    """The end that the engine holds for a run. The start that the run wrote is kept."""
    ended_at = run.ended_at or run.changed_at or now
    if run.phase in {RunPhase.CANCELLED, RunPhase.SKIPPED}:
        return execution.cancelled(ended_at)
    if run.phase is RunPhase.SUCCEEDED:
        return execution.ended(ExecutionStatus.COMPLETED, ended_at, output=run.message)
    return execution.failed(ended_at, run.message or UNEXPLAINED_ERROR, run.outcome or ExecutionOutcome.FAILED)


def skip_of(run: Run, execution: Execution, at: datetime) -> Execution:
    """A skip that the engine shows, of an execution that never began."""
    return execution.skipped(Skip.of_text(run.message), at)


AGREEING: Mapping[ExecutionStatus, frozenset[RunPhase]] = {
    ExecutionStatus.COMPLETED: frozenset({RunPhase.SUCCEEDED}),
    ExecutionStatus.FAILED: frozenset({RunPhase.FAILED, RunPhase.CANCELLED}),
}


def holds(execution: Execution | None, phase: RunPhase | None) -> bool:
    """Whether an execution has reached the phase that an event reports, so that nothing has to be written."""
    if execution is None:
        return False
    if phase in {RunPhase.WAITING, RunPhase.CLAIMED}:
        return True
    if phase is RunPhase.RUNNING:
        return execution.status is not ExecutionStatus.PENDING
    return phase is RunPhase.SUCCEEDED and execution.status is ExecutionStatus.COMPLETED


def agrees(run: Run, execution: Execution) -> bool:
    """Whether an ended run and an ended execution have the same end."""
    if execution.is_skipped:
        return run.phase is RunPhase.SKIPPED
    return run.phase in AGREEING[execution.status]
