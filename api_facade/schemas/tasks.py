"""Shapes of queries for tasks and their answers. Names and defaults: scheduler API; go-falcon, scheduler routes."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BaseModel, Field, StringConstraints

from falcon_scheduler.api_facade.schemas.common import (
    PageQuery,
    PageShape,
    ResponseShape,
)
from falcon_scheduler.api_facade.schemas.values import IN_DIGITS, DurationText, Instant, QueryBoolean
from falcon_scheduler.core.domain.calendars import OnExcluded
from falcon_scheduler.core.domain.catch_up import Missed, ReleaseOrder
from falcon_scheduler.core.domain.priority import Priority
from falcon_scheduler.core.domain.task import Source, TaskStatus
from falcon_scheduler.core.domain.task_definition import After, Overlap
from falcon_scheduler.core.ports.paging import TaskOrder
from falcon_scheduler.core.services.tasks.validation import (
    NAME_LENGTH,
)

QueryType = Annotated[str, StringConstraints(min_length=1, max_length=100)]
ONE_OF = "One of them; may be repeated."
MOST_NEXT_RUNS = 100


class OneTaskQuery(BaseModel):
    """What is shown with one task."""

    next_runs: Annotated[
        int, Field(ge=0, le=MOST_NEXT_RUNS, description="How many of its next runs are shown too."), IN_DIGITS
    ] = 0


class TaskQuery(PageQuery):
    """Which tasks; all of the conditions hold."""

    status: Annotated[list[TaskStatus], Field(description=ONE_OF)] = Field(default_factory=list)
    type: Annotated[list[QueryType], Field(description=ONE_OF)] = Field(default_factory=list)
    enabled: QueryBoolean | None = None
    priority: Annotated[list[Priority], Field(description=ONE_OF)] = Field(default_factory=list)
    tags: Annotated[list[str], Field(description="The task has all of them; repeated, or separated by commas.")] = (
        Field(default_factory=list)
    )
    q: Annotated[str | None, Field(description="Part of the name, in any case.", max_length=NAME_LENGTH)] = None
    sort: Annotated[
        TaskOrder,
        Field(
            description="`updated` (changed last first), `name`, `next_run` (due first) or `last_run` (newest first)."
        ),
    ] = TaskOrder.UPDATED
    search: Annotated[str | None, Field(description="The same as `q`.", max_length=NAME_LENGTH)] = None
    limit: Annotated[int | None, Field(ge=1, le=100, description="The same as `page_size`."), IN_DIGITS] = None


class ExpectedSuccessShape(ResponseShape):
    """How often a run is expected to succeed."""

    period: DurationText
    grace: DurationText
    while_paused: bool


class TaskAlertsShape(ResponseShape):
    """The task's own alert options."""

    enabled: bool
    failures_in_a_row: int | None = None
    failure_rate: float | None = None
    late_after: DurationText | None = None
    expect_success: ExpectedSuccessShape | None = None
    channels: list[str] | None = None


class TaskCalendarsShape(ResponseShape):
    """On which days the task runs."""

    include: list[str]
    exclude: list[str]
    on_excluded: OnExcluded


class CatchUpShape(ResponseShape):
    """Which missed instants get a run later."""

    runs: Missed
    max_age: DurationText | None = None
    max_runs: int
    order: ReleaseOrder


class CatchUpRulesShape(ResponseShape):
    """What a task catches up with, by the cause for which it missed its instants."""

    after_pause: CatchUpShape
    after_outage: Annotated[
        CatchUpShape | None, Field(description="Left out when runs begin late after an outage.")
    ] = None
    after_edit: Annotated[CatchUpShape | None, Field(description="Left out when nothing is caught up with.")] = None


class TaskMetadata(ResponseShape):
    """How the task is run, where it came from, and the results of its runs."""

    max_retries: int
    retry_interval: DurationText
    timeout: DurationText
    tags: list[str]
    timezone: str
    overlap: Overlap
    after: Annotated[After | None, Field(description="Left out when the task is kept.")] = None
    start_at: Annotated[Instant | None, Field(description="The schedule names no instant before it.")] = None
    end_at: Annotated[Instant | None, Field(description="The schedule names no instant after it.")] = None
    max_runs: Annotated[int | None, Field(description="How many scheduled runs may begin.")] = None
    runs_left: Annotated[int | None, Field(description="How many of `max_runs` are left.")] = None
    jitter: Annotated[
        DurationText | None, Field(description="Each scheduled run begins later by a part of this length.")
    ] = None
    owed_runs: Annotated[
        int | None, Field(description="Runs of backfills and of catching up that are not started yet.")
    ] = None
    start_within: Annotated[
        DurationText | None, Field(description="A scheduled run that could not begin within this time is skipped.")
    ] = None
    calendars: Annotated[TaskCalendarsShape | None, Field(description="Left out without any.")] = None
    catch_up: Annotated[CatchUpRulesShape | None, Field(description="Left out without any.")] = None
    alerts: Annotated[TaskAlertsShape | None, Field(description="Left out when it equals the settings.")] = None
    is_system: bool
    source: Source
    version: Annotated[int, Field(description="Grows by one with every change of the definition.")]
    last_error: str
    success_count: int
    failure_count: int
    total_runs: int
    average_runtime: DurationText
    skipped_count: Annotated[int, Field(description="Runs that never began: `?outcome=skipped` lists them.")]
    last_skipped: Instant | None = None


class TaskResponse(ResponseShape):
    """A task."""

    id: str
    name: str
    description: str
    type: str
    schedule: str
    status: TaskStatus
    priority: Priority
    enabled: bool
    config: dict[str, Any]
    metadata: TaskMetadata
    last_run: Instant | None = None
    last_run_duration: DurationText | None = None
    next_run: Annotated[Instant | None, Field(description="Left out while the schedule does not fire.")] = None
    next_runs: Annotated[list[Instant] | None, Field(description="As many as were asked for.")] = None
    created_at: Instant
    updated_at: Instant
    created_by: str
    updated_by: str


class TaskList(PageShape):
    """A page of tasks, the one changed last first."""

    tasks: list[TaskResponse]


class TaskDeleted(ResponseShape):
    """The task, its history and its deployment are gone."""

    message: str
    task_id: str


class TaskStopped(ResponseShape):
    """The task is paused and its executions are being cancelled."""

    message: str
    task_id: str
    cancelled_executions: Annotated[int, Field(description="How many executions were pending or running.")]
