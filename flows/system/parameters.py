"""Parameters of the system tasks that keep house. Source: eve-modules, "System tasks in GF against SEED"."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Annotated, Any, TypeVar

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from falcon_scheduler.core.domain.duration import from_nanoseconds, parse_duration
from falcon_scheduler.core.domain.work import WorkContext
from falcon_scheduler.flows.executors.numbers import with_whole_numbers


def _duration(value: object) -> object:
    if isinstance(value, str):
        return parse_duration(value)
    if isinstance(value, int) and not isinstance(value, bool):
        return from_nanoseconds(value)  # as the Go service stores it
    return value


GoDuration = Annotated[timedelta, BeforeValidator(_duration)]


class Parameters(BaseModel):
    """Parameters are checked; an unknown name is an error, not a silent default."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


class HealthCheckParameters(Parameters):
    """Of `health_check`."""

    timeout: Annotated[GoDuration, Field(gt=timedelta(), le=timedelta(seconds=50))] = timedelta(seconds=30)
    """How long each component may take to answer."""


class StateCleanupParameters(Parameters):
    """Of `state_cleanup`."""

    retention_hours: Annotated[int, Field(ge=1, le=24 * 365)] = 24
    """Age past which a state without a valid expiry is removed."""


class TaskCleanupParameters(Parameters):
    """Of `task_cleanup`."""

    retention_days: Annotated[int | None, Field(ge=1, le=3650)] = None
    """Age past which finished executions are removed; `SCHEDULER_RETENTION` when not given."""


MODELS: Mapping[str, type[BaseModel]] = {
    "health_check": HealthCheckParameters,
    "state_cleanup": StateCleanupParameters,
    "task_cleanup": TaskCleanupParameters,
}

Model = TypeVar("Model", bound=BaseModel)


def merged(config: Mapping[str, Any], parameters: Mapping[str, Any] | None) -> dict[str, Any]:
    """A run's own parameters laid over those of the task."""
    return {**(config.get("parameters") or {}), **(parameters or {})}


def read_parameters(model: type[Model], context: WorkContext) -> Model:
    """The parameters of an attempt. Raises pydantic's `ValidationError`."""
    return with_whole_numbers(model.model_validate, merged(context.config, context.parameters))
