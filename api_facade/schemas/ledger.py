"""Shapes of the ledger: occurrences and their fates."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from falcon_scheduler.api_facade.schemas.common import ResponseShape
from falcon_scheduler.api_facade.schemas.values import IN_DIGITS, DurationText, Instant, QueryInstant, ScheduleInstant
from falcon_scheduler.core.domain.explanation import Cause
from falcon_scheduler.core.domain.occurrence import Fate, Reason
from falcon_scheduler.core.domain.outcome import ExecutionOutcome
from falcon_scheduler.core.services.ledger.ledger import LONGEST_SPAN

MOST_SHOWN = 1000


class OccurrenceQuery(BaseModel):
    """Which occurrences; all of the conditions hold."""

    model_config = ConfigDict(frozen=True, populate_by_name=True)

    begin: Annotated[QueryInstant | None, Field(alias="from", description="A day before `to` when not given.")] = None
    end: Annotated[
        QueryInstant | None,
        Field(
            alias="to",
            description=f"Now when not given, or when later; at most {LONGEST_SPAN.days} days after `from`.",
        ),
    ] = None
    fate: Annotated[list[Fate], Field(description="One of them; may be repeated.")] = Field(default_factory=list)
    reason: Annotated[list[Reason], Field(description="One of them; may be repeated.")] = Field(default_factory=list)
    limit: Annotated[int, Field(ge=1, le=MOST_SHOWN, description="Occurrences on a page."), IN_DIGITS] = 100
    after: Annotated[str | None, Field(max_length=300, description="`next` of the page before.")] = None


class OccurrenceResponse(ResponseShape):
    """An instant that a schedule named, and its fate; or a row of instants with the same one."""

    task_id: str
    task_name: Annotated[str | None, Field(description="Its present name.")] = None
    at: Annotated[Instant, Field(description="The instant; of a row the first one.")]
    until: Annotated[Instant | None, Field(description="The last instant of a row; left out for one instant.")] = None
    count: Annotated[
        int | None,
        Field(description="Instants of a row that have no entry of their own; left out when they are many."),
    ] = None
    fate: Fate
    reason: Annotated[Reason | None, Field(description="Why nothing ran at the instant.")] = None
    execution_id: Annotated[
        str | None, Field(description="What ran, was skipped or waits; of `caught_up` what ran later.")
    ] = None
    outcome: Annotated[ExecutionOutcome | None, Field(description="How the execution ended.")] = None
    began_at: Annotated[Instant | None, Field(description="When the work began.")] = None
    late: Annotated[DurationText | None, Field(description="From the instant to the beginning of the work.")] = None
    by: Annotated[str | None, Field(description="Who paused or disabled; `prefect` for changes made there.")] = None
    since: Annotated[Instant | None, Field(description="Since when the reason held.")] = None
    text: Annotated[str | None, Field(description="A sentence with more detail.")] = None


class OccurrenceList(ResponseShape):
    """A page of occurrences in the order of time."""

    occurrences: list[OccurrenceResponse]
    next: Annotated[str | None, Field(description="For `after`, to read on; left out on the last page.")] = None


class ExplainQuery(BaseModel):
    """What is to be explained."""

    model_config = ConfigDict(frozen=True, populate_by_name=True)

    at: Annotated[
        ScheduleInstant | None,
        Field(description="The instant, past or to come; the latest one of the schedule when not given."),
    ] = None
    execution_id: Annotated[
        str | None,
        Field(min_length=1, max_length=200, description="This execution of the task instead of an instant."),
    ] = None


class FactResponse(ResponseShape):
    """Something that is known about the cause."""

    name: Annotated[str, Field(description="Stable, such as `since` or `lock_holder`.")]
    value: Annotated[str, Field(description="A text; instants as RFC 3339, lengths of time as Go text.")]


class ExplanationResponse(ResponseShape):
    """Why the task ran at the instant, or did not: one cause."""

    task_id: str
    task_name: str
    at: Annotated[Instant | None, Field(description="Left out of an execution requested by hand.")] = None
    cause: Cause
    sentence: Annotated[str, Field(description="The cause in words.")]
    facts: list[FactResponse]
    what_to_do: str
    execution_id: Annotated[str | None, Field(description="The execution that is explained.")] = None
    next_run: Annotated[Instant | None, Field(description="When the task is due next; left out while it is not.")] = (
        None
    )
