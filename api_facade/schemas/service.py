"""Shapes of what concerns the service as a whole. Names: go-falcon, scheduler status and statistics."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Any

from pydantic import ConfigDict, Field

from falcon_scheduler.api_facade.schemas.common import ResponseShape
from falcon_scheduler.api_facade.schemas.values import DurationText, Instant
from falcon_scheduler.core.domain.known_setting import SettingSource
from falcon_scheduler.core.services.status import Condition


class StatsResponse(ResponseShape):
    """Numbers. Today begins at 00:00 UTC."""

    total_tasks: int
    enabled_tasks: int
    impeded_tasks: Annotated[
        int, Field(description="Tasks that can't run as they are stored; `last_error` gives the reason.")
    ]
    running_tasks: int
    completed_today: Annotated[int, Field(description="Executions that completed today.")]
    failed_today: int
    average_runtime: Annotated[DurationText, Field(description="Of today's executions.")]
    next_scheduled_run: Instant | None = None
    worker_count: Annotated[int, Field(description="Executions that the workers take at once.")]
    queue_size: Annotated[int, Field(description="Executions that wait.")]


class Metrics(StatsResponse):
    """The numbers, and the load."""

    active_workers: Annotated[int, Field(description="Executions at work.")]
    memory_usage_mb: Annotated[float, Field(description="Of the process that answers.")]
    success_rate: Annotated[float, Field(description="Percent of today's executions; 100 before the first.")]


class Dependencies(ResponseShape):
    """`healthy` or `unhealthy` (of Prefect: `running` or `stopped`), and how long the answer took."""

    model_config = ConfigDict(frozen=True)

    database: str
    database_latency: DurationText
    redis: str
    redis_latency: DurationText
    engine: Annotated[str, Field(description="Prefect: `running` or `stopped`.")]
    engine_latency: DurationText


class Component(ResponseShape):
    """One component that a plug-in of system tasks asks for."""

    name: str
    status: Annotated[str, Field(description="`healthy` or `unhealthy`.")]
    latency: DurationText


class StatusResponse(ResponseShape):
    """The health of the service."""

    module: str
    status: Condition
    message: str
    dependencies: Dependencies
    components: Annotated[
        list[Component] | None,
        Field(description="Those that plug-ins of system tasks ask for; left out when there is none."),
    ] = None
    metrics: Annotated[Metrics | None, Field(description="Left out while MongoDB or Prefect is away.")] = None
    last_checked: Instant


class EngineStatus(StrEnum):
    """Values that go-falcon's clients know."""

    RUNNING = "running"
    STOPPED = "stopped"
    """Prefect is away: nothing is started."""
    ERROR = "error"
    """MongoDB is away: the API can't answer."""


class SchedulerStatus(ResponseShape):
    """The short status that go-falcon's pages show."""

    module: str
    status: EngineStatus
    version: Annotated[str, Field(description="Of this service.")]
    engine: Annotated[bool, Field(description="Whether Prefect answers.")]


class Reloaded(ResponseShape):
    """What had to be done to make Prefect equal to MongoDB, in numbers of tasks."""

    message: str
    created: int
    updated: int
    removed: int
    unchanged: int
    failed: Annotated[list[str], Field(description="Ids of tasks that could not be deployed; the log says why.")]


class ExecutorResponse(ResponseShape):
    """Something that a task can run."""

    type: Annotated[str, Field(description="The task type to give.")]
    name: str
    kind: Annotated[str, Field(description="`http`, `function` or `executor`.")]
    description: str
    isolation: Annotated[
        str, Field(description="`process`: each run has a process of its own. `shared`: runs share one.")
    ]
    config_schema: Annotated[dict[str, Any], Field(description="JSON Schema of the task's config.")]


class ExecutorList(ResponseShape):
    """All that tasks can run."""

    executors: list[ExecutorResponse]


class SettingResponse(ResponseShape):
    """One setting of the service."""

    name: Annotated[str, Field(description="The environment variable.")]
    value: Annotated[
        str | bool | int | float | list[str] | None,
        Field(description="Lengths of time are Go durations; secrets are concealed. Left out when it is not set."),
    ] = None
    source: Annotated[
        SettingSource,
        Field(description="`derived`: part of another variable, such as the host in `REDIS_URL`."),
    ]
    is_secret: Annotated[bool, Field(description="Whether it holds a secret by its nature.")]


class SettingList(ResponseShape):
    """All settings, by name."""

    settings: list[SettingResponse]
