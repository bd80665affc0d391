"""Shapes of what executions have logged."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from falcon_scheduler.api_facade.schemas.common import ResponseShape
from falcon_scheduler.api_facade.schemas.values import IN_DIGITS, Instant

MOST_LINES = 200
"""Source: prefect 3.8, PREFECT_SERVER_API_DEFAULT_LIMIT."""


class LogQuery(BaseModel):
    """Which lines."""

    model_config = ConfigDict(frozen=True)

    skip: Annotated[
        int,
        Field(ge=0, le=10_000_000, description="How many lines are known already: `next` of the answer before."),
        IN_DIGITS,
    ] = 0
    limit: Annotated[int, Field(ge=1, le=MOST_LINES), IN_DIGITS] = MOST_LINES


class LogLineResponse(ResponseShape):
    """One line."""

    at: Instant
    level: Annotated[str, Field(description="As Python's logging names it: DEBUG, INFO, WARNING, ERROR, CRITICAL.")]
    message: str


class LogResponse(ResponseShape):
    """Lines of an execution, the oldest first."""

    lines: list[LogLineResponse]
    next: Annotated[int, Field(description="What to give as `skip` for the lines after these.")]
    has_ended: Annotated[bool, Field(description="The execution has ended: an empty answer is the end of its log.")]
