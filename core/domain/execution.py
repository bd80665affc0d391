"""An execution: one run of a task, from the request or the due instant to its end."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from falcon_scheduler.core.domain.attempt import Attempts, with_ended
from falcon_scheduler.core.domain.outcome import CANCELLED_ERROR, CANCELLED_OUTPUT, ExecutionOutcome
from falcon_scheduler.core.domain.skip import Skip


class ExecutionStatus(StrEnum):
    """The phase of an execution. Source: scheduler API, "Executions Collection"."""

    PENDING = "pending"
    """Requested or due, not yet at work."""
    RUNNING = "running"
    """At work, waiting between two attempts, or being cancelled."""
    COMPLETED = "completed"
    """Ended with success."""
    FAILED = "failed"
    """Ended without success, or never begun: `outcome` says how."""

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
    outcome: ExecutionOutcome | None = None
    """How it ended; `None` before the end."""
    skip: Skip | None = None
    """Why it never began; `None` unless it was skipped."""
    output: str = ""
    error: str = ""
    worker_id: str = ""
    retry_count: int = 0
    attempts: Attempts = ()
    """The attempts so far, the first one first. Empty for an execution that an earlier version stored."""
    lock_key: str = ""
    fencing_token: int = 0
    occurrence: str = ""
    """Names the scheduled instant that this execution serves; at most one execution ever begins for a name."""
    performer: str = ""
    """Names the run that performs it without the engine's claim; empty when the engine gave it to one worker."""
    heartbeat_at: datetime | None = None
    """When the run last reported that it is alive. A run without a report for long is taken for dead."""
    stored_duration: timedelta | None = None
    """The duration that another scheduler stored: it measured the work alone, without the wait before it."""
    priority: str = ""
    """The priority that it was requested or planned with; empty when that is not known."""
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

    def ended(
        self,
        status: ExecutionStatus,
        at: datetime,
        *,
        output: str = "",
        error: str = "",
        outcome: ExecutionOutcome | None = None,
    ) -> Execution:
        """The execution with its end. `status` must be terminal; without `outcome` it is the one of the same name."""
        if not status.is_terminal:
            raise ValueError(f"{status} is not an end")
        outcome = outcome or ExecutionOutcome(status)
        return replace(
            self,
            status=status,
            outcome=outcome,
            completed_at=at,
            output=output,
            error=error,
            attempts=with_ended(self.attempts, at, outcome, error),
        )

    @property
    def instant(self) -> datetime | None:
        """The instant of the schedule that it serves; `None` when somebody requested it.

        Of such a one `scheduled_for` is the time of the request, once it has begun.
        """
        return self.scheduled_for if self.trigger is Trigger.SCHEDULE else None

    @property
    def requested_at(self) -> datetime:
        """When it was requested, or due by its schedule."""
        return self.instant or self.queued_at or self.scheduled_for or self.started_at

    @property
    def is_cancelled(self) -> bool:
        """Whether it ended by a user's request."""
        return self.outcome is ExecutionOutcome.CANCELLED

    @property
    def is_skipped(self) -> bool:
        """Whether it never began. Lists, totals, counters and alerts leave it out."""
        return self.outcome is ExecutionOutcome.SKIPPED

    def failed(self, at: datetime, error: str, outcome: ExecutionOutcome) -> Execution:
        """Ended without success and without an output."""
        return self.ended(ExecutionStatus.FAILED, at, error=error, outcome=outcome)

    def cancelled(self, at: datetime) -> Execution:
        """Ended by a user's request."""
        end = self.failed(at, CANCELLED_ERROR, ExecutionOutcome.CANCELLED)
        return replace(end, output=CANCELLED_OUTPUT)

    def skipped(self, skip: Skip, at: datetime) -> Execution:
        """Never begun, for this reason."""
        return replace(self.failed(at, skip.text, ExecutionOutcome.SKIPPED), skip=skip)
