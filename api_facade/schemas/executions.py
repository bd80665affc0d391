"""Shapes of executions. Names: scheduler API, "Executions Collection"."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any

from pydantic import BeforeValidator, ConfigDict, Field, StringConstraints, WithJsonSchema

from falcon_scheduler.api_facade.schemas.common import PageQuery, PageShape, RequestShape, ResponseShape
from falcon_scheduler.api_facade.schemas.task_changes import AnyPriority
from falcon_scheduler.api_facade.schemas.values import (
    IN_DIGITS,
    DurationText,
    Instant,
    QueryDay,
    QueryDayEnd,
    QueryInstant,
)
from falcon_scheduler.core.domain.execution import ExecutionStatus, Trigger
from falcon_scheduler.core.domain.outcome import ExecutionOutcome
from falcon_scheduler.core.domain.skip import SkipReason

LONGEST_LIST = 1000
WITH_OUTPUT = 100
"""Pages of up to this many entries include outputs: one output may have 64 KiB."""


STATUS_OF = {"success": "completed", "timeout": "failed", "cancelled": "failed"}
"""The outcomes in react-falcon's filter, and the statuses that contain them."""


def _status(value: object) -> object:
    return STATUS_OF.get(value, value) if isinstance(value, str) else value


QueryStatus = Annotated[
    ExecutionStatus,
    BeforeValidator(_status),
    WithJsonSchema({"type": "string", "enum": [str(each) for each in ExecutionStatus]}),
]


class ExecuteRequest(RequestShape):
    """How this one execution differs from the task's definition. The body may be left out."""

    parameters: Annotated[
        dict[str, Any], Field(description="Laid over the parameters of the task's config, for this run only.")
    ] = Field(default_factory=dict)
    priority: Annotated[AnyPriority | None, Field(description="Instead of the task's own.")] = None


class HistoryQuery(PageQuery):
    """Which of a task's executions; all of the conditions hold."""

    model_config = ConfigDict(validate_by_alias=True, frozen=True)

    status: Annotated[list[QueryStatus], Field(description="One of them; may be repeated.")] = Field(
        default_factory=list
    )
    outcome: Annotated[
        list[ExecutionOutcome],
        Field(
            description="One of them; may be repeated. Skipped executions are listed only if `skipped` is among them."
        ),
    ] = Field(default_factory=list)
    since: Annotated[QueryInstant | None, Field(alias="from", description="Started at or after.")] = None
    until: Annotated[QueryInstant | None, Field(alias="to", description="Started before.")] = None
    start_date: Annotated[
        QueryDay | None,
        Field(description="The same as `from`; also a day, or an instant without a zone, which is then in UTC."),
    ] = None
    end_date: Annotated[
        QueryDayEnd | None, Field(description="The same as `to`; a day ends with it. Also without a zone.")
    ] = None
    limit: Annotated[
        int | None,
        Field(
            ge=1,
            le=LONGEST_LIST,
            description=f"The same as `page_size`. Entries of a page longer than {WITH_OUTPUT} come without their "
            "outputs, parameters and attempts.",
        ),
        IN_DIGITS,
    ] = None

    after: Annotated[
        str | None,
        Field(
            max_length=300,
            description="`next` of the page before: the entries behind it, as fast however deep. Instead of `page`.",
        ),
    ] = None

    @property
    def started_since(self) -> datetime | None:
        """The lower bound, by either of its names."""
        return self.since or self.start_date

    @property
    def started_before(self) -> datetime | None:
        """The upper bound, by either of its names."""
        return self.until or self.end_date


class ExecutionQuery(HistoryQuery):
    """Which executions; all of the conditions hold."""

    task_id: Annotated[str | None, StringConstraints(min_length=1, max_length=200)] = None


class ExecutionMetadata(ResponseShape):
    """Circumstances of the execution, and what its executor reports (status_code, response_size, ...)."""

    model_config = ConfigDict(extra="allow", frozen=True)

    trigger: Trigger
    worker_id: str
    retry_count: int
    lock_key: str
    fencing_token: Annotated[int, Field(description="Higher than that of every earlier execution of the task.")]
    queued_at: Instant | None = None
    scheduled_for: Instant | None = None
    priority: Annotated[str | None, Field(description="What it was requested or planned with, if known.")] = None
    parameters: Annotated[dict[str, Any] | None, Field(description="This run's own.")] = None


class AttemptResponse(ResponseShape):
    """One attempt of an execution."""

    number: int
    started_at: Instant
    ended_at: Instant | None = None
    outcome: Annotated[ExecutionOutcome | None, Field(description="Left out while it is at work.")] = None
    error: str | None = None
    status_code: Annotated[int | None, Field(description="What an HTTP task was answered with.")] = None


class SkipResponse(ResponseShape):
    """Why an execution never began."""

    reason: SkipReason
    held_by: Annotated[str | None, Field(description="The execution that was still at work, if known.")] = None


class ExecutionResponse(ResponseShape):
    """One run of a task."""

    id: str
    task_id: str
    task_name: Annotated[
        str | None, Field(description="The task's present name; left out once the task is gone.")
    ] = None
    status: ExecutionStatus
    outcome: Annotated[ExecutionOutcome | None, Field(description="How it ended. Left out before the end.")] = None
    skip: Annotated[SkipResponse | None, Field(description="Only of a skipped execution.")] = None
    started_at: Annotated[Instant, Field(description="When the work began; the time of the request, while pending.")]
    completed_at: Instant | None = None
    duration: Annotated[DurationText, Field(description="`0s` before the end.")]
    output: str | None = None
    error: str | None = None
    attempts: Annotated[list[AttemptResponse] | None, Field(description="So far, the first one first.")] = None
    metadata: ExecutionMetadata
    worker_id: str
    retry_count: int


class ExecutionList(PageShape):
    """A page of executions, the newest first."""

    executions: list[ExecutionResponse]
    next: Annotated[str | None, Field(description="For `after`, to read on; left out on the last page.")] = None


class ExecutionAccepted(ResponseShape):
    """The execution was requested; GET /executions/{execution_id} returns its progress."""

    execution_id: str
    status: ExecutionStatus
    message: str
    started_at: Instant
    warnings: Annotated[
        list[str] | None,
        Field(description="Why it may wait for long, such as that no worker is online. Left out without a reason."),
    ] = None


class ExecutionCancelled(ResponseShape):
    """The execution has been cancelled, or its cancellation is under way."""

    message: str
    execution_id: str
    task_id: str
    status: Annotated[
        ExecutionStatus, Field(description="`failed` once it has ended; until its work has stopped, as before.")
    ]
    outcome: Annotated[ExecutionOutcome | None, Field(description="`cancelled` once it has ended.")] = None
