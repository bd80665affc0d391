"""Shapes of backfills."""

from __future__ import annotations

from typing import Annotated

from pydantic import ConfigDict, Field

from falcon_scheduler.api_facade.schemas.common import RequestShape, ResponseShape
from falcon_scheduler.api_facade.schemas.values import Instant, SentScheduleInstant


class BackfillRequest(RequestShape):
    """For which instants of the past the task runs."""

    model_config = ConfigDict(validate_by_alias=True)

    begin: Annotated[
        SentScheduleInstant,
        Field(
            alias="from",
            title="From",
            description="The first instant; RFC 3339.",
            examples=["2026-01-14T00:00:00Z"],
        ),
    ]
    end: Annotated[
        SentScheduleInstant,
        Field(
            alias="to",
            title="To",
            description="Instants before this one; not to come, at most 366 days later.",
            examples=["2026-01-14T03:00:00Z"],
        ),
    ]
    again: Annotated[bool, Field(title="Again", description="Also instants that ran, wait or are owed.")] = False
    dry_run: Annotated[bool, Field(title="Dry run", description="Only show what would run.")] = False


class BackfillResponse(ResponseShape):
    """What runs, or with `dry_run` what would run."""

    task_id: str
    dry_run: bool
    runs: Annotated[int, Field(description="How many runs are owed by this, at most 1000.")]
    instants: Annotated[list[Instant], Field(description="The instants that get a run, in order.")]
    already_served: Annotated[int, Field(description="Other instants of the time, which ran, wait or are owed.")]


class BackfillGivenUp(ResponseShape):
    """The runs that the task still owed are given up."""

    task_id: str
    removed: Annotated[int, Field(description="How many runs were not started yet.")]
