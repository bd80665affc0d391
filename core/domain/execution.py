"""An execution: one run of a task, from the request or the due instant to its end."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

CANCELLED_ERROR = "Task execution was cancelled"
CANCELLED_OUTPUT = "Execution stopped by user request"
"""Texts of a cancelled execution. Source: scheduler API, "Execution Cancellation"."""


class ExecutionStatus(StrEnum):
    """The phase of an execution. Source: scheduler API, "Executions Collection"."""

    PENDING = "pending"
    """Requested or due, not yet at work."""
    RUNNING = "running"
    """At work, waiting between two attempts, or being cancelled."""
    COMPLETED = "completed"
    """Ended with success."""
    FAILED = "failed"
    """Ended without success: an error, the timeout, a crash, a cancellation. `error` names which."""

    @property
    def is_terminal(self) -> bool:
        """A terminal status never changes."""
        return self in {ExecutionStatus.COMPLETED, ExecutionStatus.FAILED}


class Trigger(StrEnum):
    """What made an execution start."""

    SCHEDULE = "schedule"
    """Its scheduled instant came."""
    MANUAL = "manual"
    """A client of this API requested it."""
    PREFECT = "prefect"
    """A user of Prefect requested it: in its UI, CLI or API."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Execution:
    """One run of a task.

    `started_at` is when the work began, or for a pending one when it was requested or due. `detail` holds what the
    executor reports (status code, counts, progress). Shapes: scheduler API, "Executions Collection".
    """

    id: str
    task_id: str
    status: ExecutionStatus
    started_at: datetime
    trigger: Trigger
    queued_at: datetime | None = None
    scheduled_for: datetime | None = None
    completed_at: datetime | None = None
    output: str = ""
    error: str = ""
    worker_id: str = ""
    retry_count: int = 0
    lock_key: str = ""
    fencing_token: int = 0
    occurrence: str = ""
    """Names the scheduled instant that this execution serves; at most one execution ever begins for a name."""
    heartbeat_at: datetime | None = None
    """When the run last reported that it is alive. A run without a report for long is taken for dead."""
    stored_duration: timedelta | None = None
    """The duration that another scheduler stored: it measured the work alone, without the wait before it."""
    parameters: Mapping[str, Any] = field(default_factory=dict)
    may_refer: bool = False
    """Whether `parameters` may refer to secrets. Known only while the execution runs; not stored."""
    detail: Mapping[str, Any] = field(default_factory=dict)

    @property
    def duration(self) -> timedelta | None:
        """From start to end, or as another scheduler stored it; `None` before the end.

        Never negative: start and end may come from the clocks of two machines.
        """
        if self.completed_at is None:
            return None
        if self.stored_duration is not None:
            return self.stored_duration
        return max(self.completed_at - self.started_at, timedelta())

    def ended(self, status: ExecutionStatus, at: datetime, *, output: str = "", error: str = "") -> Execution:
        """The execution with its outcome. `status` must be terminal."""
        if not status.is_terminal:
            raise ValueError(f"{status} is not an end")
        return replace(self, status=status, completed_at=at, output=output, error=error)

    @property
    def is_cancelled(self) -> bool:
        """Whether it ended by a user's request."""
        return self.status is ExecutionStatus.FAILED and self.error == CANCELLED_ERROR

    def cancelled(self, at: datetime) -> Execution:
        """Ended by a user's request."""
        return self.ended(ExecutionStatus.FAILED, at, output=CANCELLED_OUTPUT, error=CANCELLED_ERROR)
