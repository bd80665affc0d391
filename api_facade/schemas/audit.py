"""Shapes of the audit."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import ConfigDict, Field, StringConstraints

from falcon_scheduler.api_facade.schemas.common import PageQuery, PageShape, ResponseShape
from falcon_scheduler.api_facade.schemas.values import Instant, QueryInstant
from falcon_scheduler.core.domain.audit import Action, ChangeOutcome, Door

Id = Annotated[str, StringConstraints(min_length=1, max_length=200)]


class AuditQuery(PageQuery):
    """Which entries; all of the conditions hold."""

    model_config = ConfigDict(validate_by_alias=True, frozen=True)

    task_id: Id | None = None
    user: Annotated[Id | None, Field(description="The user's id; `prefect` for changes made in Prefect.")] = None
    action: Annotated[list[Action], Field(description="One of them; may be repeated.")] = Field(default_factory=list)
    outcome: ChangeOutcome | None = None
    since: Annotated[QueryInstant | None, Field(alias="from", description="Begun at or after.")] = None
    until: Annotated[QueryInstant | None, Field(alias="to", description="Begun before.")] = None


class AuditEntryResponse(ResponseShape):
    """One change."""

    id: str
    at: Annotated[Instant, Field(description="When it began.")]
    ended_at: Annotated[Instant | None, Field(description="When its outcome was known.")] = None
    user: Annotated[str, Field(description="The user's id; `prefect` for changes made in Prefect.")]
    character_id: Annotated[int, Field(description="The EVE character of the user's token; 0 without one.")]
    action: Action
    task_id: Annotated[str | None, Field(description="Left out where no single task is meant.")] = None
    task_name: Annotated[str | None, Field(description="Its present name, while it is there.")] = None
    door: Annotated[Door, Field(description="Where the change was made.")]
    request_id: Annotated[
        str | None, Field(description="The one in the answer's header; all of a bulk share it.")
    ] = None
    outcome: Annotated[
        ChangeOutcome,
        Field(
            description="`intended` stays when the service died before its end; `refused` changed nothing; "
            "`failed` may be done in part."
        ),
    ]
    error: Annotated[str | None, Field(description="Code of the error that stopped it.")] = None
    before: Annotated[dict[str, Any], Field(description="The fields that differ, as they were; secrets concealed.")]
    after: Annotated[dict[str, Any], Field(description="The same fields as they are, or as they were meant to be.")]


class AuditList(PageShape):
    """A page of the audit, the newest first."""

    entries: list[AuditEntryResponse]
