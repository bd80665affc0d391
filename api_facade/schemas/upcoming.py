"""Shapes of what the schedules will ask for."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from falcon_scheduler.api_facade.schemas.common import LAST_PAGE, ResponseShape
from falcon_scheduler.api_facade.schemas.values import IN_DIGITS, Instant
from falcon_scheduler.core.services.tasks.validation import NAME_LENGTH

LONGEST_HOURS = 7 * 24
MOST_TASKS = 50


class UpcomingQuery(BaseModel):
    """Which runs."""

    model_config = ConfigDict(frozen=True)

    hours: Annotated[int, Field(ge=1, le=LONGEST_HOURS, description="How far ahead."), IN_DIGITS] = 24
    q: Annotated[str | None, Field(description="Part of the tasks' names, in any case.", max_length=NAME_LENGTH)] = (
        None
    )
    page: Annotated[int, Field(ge=1, le=LAST_PAGE, description="From 1."), IN_DIGITS] = 1
    page_size: Annotated[int, Field(ge=1, le=MOST_TASKS, description="Tasks on a page."), IN_DIGITS] = MOST_TASKS


class UpcomingTask(ResponseShape):
    """The planned runs of one task."""

    id: str
    name: str
    schedule: str
    runs: Annotated[list[Instant], Field(description="In order; 100 at most.")]
    goes_on: Annotated[bool, Field(description="There are more in this time.")]


class UpcomingList(ResponseShape):
    """The planned runs of the coming hours."""

    start: Instant
    end: Instant
    tasks: list[UpcomingTask]
    has_more: Annotated[bool, Field(description="Further tasks are on the next page.")]
