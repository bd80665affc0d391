"""Shapes of tasks. Names and defaults: scheduler API; go-falcon, scheduler routes."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from falcon_scheduler.api_facade.schemas.common import (
    PageQuery,
    PageShape,
    RequestShape,
    ResponseShape,
    without_defaults,
)
from falcon_scheduler.api_facade.schemas.values import IN_DIGITS, DurationText, Instant, Length, QueryBoolean
from falcon_scheduler.core.domain.task import Source, TaskStatus
from falcon_scheduler.core.domain.task_definition import After, Overlap, Priority
from falcon_scheduler.core.ports.paging import TaskOrder
from falcon_scheduler.core.services.tasks.validation import (
    DESCRIPTION_LENGTH,
    FAILURES_IN_A_ROW,
    MAX_CHANNELS,
    MAX_RETRIES,
    MAX_TAGS,
    NAME_LENGTH,
)

MOST_LISTED = 1000
"""Entries of a list that are checked one by one; another rule limits their number."""
TAG_PATTERN = r"^[\w][\w .:/+-]{0,49}$"

Name = Annotated[
    str,
    Field(
        description="Unique; without space around it.", json_schema_extra={"minLength": 1, "maxLength": NAME_LENGTH}
    ),
]
Description = Annotated[str, Field(json_schema_extra={"maxLength": DESCRIPTION_LENGTH})]
TypeName = Annotated[
    str, Field(description="`http`, `function`, `custom`, or a registered executor's type, see GET /executors.")
]
Cron = Annotated[
    str,
    Field(
        description="Six cron fields, seconds first, or a descriptor such as `@hourly` or `@every 90s`; "
        "`CRON_TZ=Zone ` may precede it, and `;` separates several. See docs/schedules.md.",
        examples=["0 */10 * * * *"],
        json_schema_extra={"minLength": 1},
    ),
]
AnyPriority = Annotated[Priority, Field(strict=False)]
AnyOverlap = Annotated[Overlap, Field(strict=False)]
AnyAfter = Annotated[After, Field(strict=False)]
Config = Annotated[
    dict[str, Any],
    Field(description="What the executor of this type takes, see GET /executors; at most 64 KiB and 10 levels."),
]
Tags = Annotated[
    list[Annotated[str, Field(json_schema_extra={"pattern": TAG_PATTERN, "maxLength": 50})]],
    Field(
        description="1 to 50 letters, digits, space or any of `_ . : / + -`; the first is a letter, digit or `_`.",
        max_length=MOST_LISTED,
        json_schema_extra={"maxItems": MAX_TAGS, "uniqueItems": True},
    ),
]


class AlertsChange(RequestShape):
    """When a task alerts, and its channels. Absent fields have the values of the settings, see docs/alerts.md."""

    enabled: bool = True
    failures_in_a_row: Annotated[
        int | None,
        Field(description="1 to 100 failed runs.", json_schema_extra={"minimum": 1, "maximum": FAILURES_IN_A_ROW}),
    ] = None
    failure_rate: Annotated[
        float | None,
        Field(
            description="Share of failed runs, above 0 and at most 1.",
            json_schema_extra={"exclusiveMinimum": 0, "maximum": 1},
        ),
    ] = None
    late_after: Annotated[Length | None, Field(description="30s to 168h past its time a run is late.")] = None
    channels: Annotated[
        list[str] | None,
        Field(
            description="Names of the channels; all when not given.",
            max_length=MOST_LISTED,
            json_schema_extra={"maxItems": MAX_CHANNELS, "uniqueItems": True},
        ),
    ] = None


class MetadataChange(RequestShape):
    """The part of a task's metadata that clients set."""

    model_config = ConfigDict(json_schema_extra=without_defaults)

    max_retries: Annotated[int, Field(json_schema_extra={"minimum": 0, "maximum": MAX_RETRIES})] = 3
    retry_interval: Annotated[Length, Field(description="1s to 1h; doubled with every attempt.")] = timedelta(
        minutes=1
    )
    timeout: Annotated[Length, Field(description="30s to 24h, for one attempt.")] = timedelta(minutes=5)
    tags: Tags = Field(default_factory=list)
    timezone: Annotated[
        str,
        Field(
            description="IANA zone of the schedule, unless that names its own.",
            examples=["UTC"],
        ),
    ] = "UTC"
    overlap: Annotated[AnyOverlap, Field(description="When it is due while it still runs.")] = Overlap.SKIP
    after: Annotated[
        AnyAfter, Field(description="What becomes of the task once its schedule names no further instant (`@at`).")
    ] = After.KEEP
    alerts: Annotated[AlertsChange, Field(description="Replaces all alert options.")] = AlertsChange()


class TaskCreate(RequestShape):
    """A new task."""

    name: Name
    type: TypeName
    schedule: Cron
    description: Description = ""
    priority: AnyPriority = Priority.NORMAL
    enabled: bool = True
    config: Config = Field(default_factory=dict)
    tags: Annotated[Tags, Field(description="May be in `metadata` instead.")] = Field(default_factory=list)
    metadata: Annotated[
        MetadataChange,
        Field(
            description="What is not given: 3 retries, 1m apart at first, 5m for an attempt, no tags, the service's "
            "own zone, overlap `skip`, alerts as in the settings."
        ),
    ] = MetadataChange()


class TaskUpdate(RequestShape):
    """A change of a task: absent fields stay as they are. A task's type can't be changed."""

    model_config = ConfigDict(json_schema_extra=without_defaults)

    name: Name = ""
    description: Description = ""
    schedule: Cron = ""
    priority: AnyPriority = Priority.NORMAL
    enabled: bool = True
    config: Annotated[Config, Field(description="Replaces the whole config.")] = Field(default_factory=dict)
    tags: Annotated[Tags, Field(description="Replaces all tags; may be in `metadata` instead.")] = Field(
        default_factory=list
    )
    metadata: MetadataChange = MetadataChange()


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
    type: Annotated[
        list[Annotated[str, StringConstraints(min_length=1, max_length=100)]], Field(description=ONE_OF)
    ] = Field(default_factory=list)
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


class TaskAlertsShape(ResponseShape):
    """The task's own alert options."""

    enabled: bool
    failures_in_a_row: int | None = None
    failure_rate: float | None = None
    late_after: DurationText | None = None
    channels: list[str] | None = None


class TaskMetadata(ResponseShape):
    """How the task is run, where it came from, and the results of its runs."""

    max_retries: int
    retry_interval: DurationText
    timeout: DurationText
    tags: list[str]
    timezone: str
    overlap: Overlap
    after: Annotated[After | None, Field(description="Left out when the task is kept.")] = None
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
