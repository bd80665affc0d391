"""Shapes of executions. Names: scheduler API, "Executions Collection"."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import ConfigDict, Field, StringConstraints

from api_facade.schemas.common import PageQuery, PageShape, RequestShape, ResponseShape
from api_facade.schemas.tasks import AnyPriority
from api_facade.schemas.values import DurationText, Instant, QueryInstant
from core.domain.execution import ExecutionStatus, Trigger


class ExecuteRequest(RequestShape):
    """How this one execution differs from the task's definition. The body may be left out."""

    parameters: Annotated[
        dict[str, Any], Field(description="Laid over the parameters of the task's config, for this run only.")
    ] = Field(default_factory=dict)
    priority: Annotated[AnyPriority | None, Field(description="Instead of the task's own.")] = None


class HistoryQuery(PageQuery):
    """Which of a task's executions."""

    status: ExecutionStatus | None = None


class ExecutionQuery(PageQuery):
    """Which executions; all of the conditions hold."""

    model_config = ConfigDict(validate_by_alias=True, frozen=True)

    status: ExecutionStatus | None = None
    task_id: Annotated[str | None, StringConstraints(min_length=1, max_length=200)] = None
    since: Annotated[QueryInstant | None, Field(alias="from", description="Started at or after.")] = None
    until: Annotated[QueryInstant | None, Field(alias="to", description="Started before.")] = None


class ExecutionMetadata(ResponseShape):
    """Circumstances of the execution, and what its executor tells of itself (status_code, response_size, ...)."""

    model_config = ConfigDict(extra="allow", frozen=True)

    trigger: Trigger
    worker_id: str
    retry_count: int
    lock_key: str
    fencing_token: Annotated[int, Field(description="Higher than that of every earlier execution of the task.")]
    queued_at: Instant | None = None
    scheduled_for: Instant | None = None
    parameters: Annotated[dict[str, Any] | None, Field(description="This run's own.")] = None


class ExecutionResponse(ResponseShape):
    """One run of a task."""

    id: str
    task_id: str
    status: ExecutionStatus
    started_at: Annotated[Instant, Field(description="When the work began; when it was asked for, while pending.")]
    completed_at: Instant | None = None
    duration: Annotated[DurationText, Field(description="`0s` before the end.")]
    output: str | None = None
    error: str | None = None
    metadata: ExecutionMetadata
    worker_id: str
    retry_count: int


class ExecutionList(PageShape):
    """A page of executions, the newest first."""

    executions: list[ExecutionResponse]


class ExecutionAccepted(ResponseShape):
    """The execution was asked for; GET /executions/{execution_id} tells what becomes of it."""

    execution_id: str
    status: ExecutionStatus
    message: str
    started_at: Instant
    warnings: Annotated[
        list[str] | None,
        Field(description="Why it may wait for long, such as that no worker is online. Left out without a reason."),
    ] = None
