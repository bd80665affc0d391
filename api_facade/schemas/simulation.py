"""Shapes of a simulation: what the schedules of some days will ask of the workers."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated

from pydantic import AfterValidator, Field

from falcon_scheduler.api_facade.schemas.common import RequestShape, ResponseShape
from falcon_scheduler.api_facade.schemas.task_changes import (
    AnyOverlap,
    AnyPriority,
    CalendarsChange,
    Cron,
    EndAt,
    Jitter,
    MaxRuns,
    StartAt,
)
from falcon_scheduler.api_facade.schemas.values import DurationText, Instant, Length, SentInstant
from falcon_scheduler.core.domain.duration import format_duration
from falcon_scheduler.core.domain.priority import Priority
from falcon_scheduler.core.services.tasks.load_forecasts import LONGEST, MOST_CHANGES
from falcon_scheduler.core.services.tasks.planned_tasks import Basis, SimulatedAction

_LONGEST_RUN = timedelta(hours=24)


def _run_length(value: timedelta) -> timedelta:
    if not timedelta() <= value <= _LONGEST_RUN:
        raise ValueError(f"must be 0s to {format_duration(_LONGEST_RUN)}, is {format_duration(value)}")
    return value


RunLength = Annotated[Length, AfterValidator(_run_length)]


class SimulatedChange(RequestShape):
    """A change that is not stored. Of a task that is replaced, what is not given stays as it is.

    From `start_at` on `null` removes what the task has.
    """

    action: Annotated[SimulatedAction, Field(strict=False)]
    task_id: Annotated[str, Field(max_length=200, description="Of the task to replace or delete.")] = ""
    name: Annotated[str | None, Field(max_length=200)] = None
    type: Annotated[
        str | None, Field(max_length=100, description="Whose measured duration it has; `http` for a new task.")
    ] = None
    schedule: Annotated[Cron | None, Field(description="Required for a new task.")] = None
    timezone: Annotated[str | None, Field(max_length=100)] = None
    priority: AnyPriority | None = None
    overlap: AnyOverlap | None = None
    enabled: bool | None = None
    duration: Annotated[
        RunLength | None, Field(description="How long a run takes, 0s to 24h; as measured when not given.")
    ] = None
    start_at: StartAt = None
    end_at: EndAt = None
    max_runs: MaxRuns = None
    jitter: Jitter = None
    calendars: Annotated[CalendarsChange | None, Field(description="Replaces all.")] = None


class SimulationQuestion(RequestShape):
    """Which days, and what is to be changed in them."""

    begin: Annotated[SentInstant | None, Field(alias="from", description="Now when not given.")] = None
    end: Annotated[
        SentInstant | None,
        Field(alias="to", description=f"A day after `from` when not given; at most {LONGEST.days} days after it."),
    ] = None
    changes: Annotated[list[SimulatedChange], Field(max_length=MOST_CHANGES)] = Field(default_factory=list)
    slots: Annotated[
        int | None,
        Field(ge=1, le=10_000, description="Runs performed at once; those of the workers online when not given."),
    ] = None


class SimulatedSummary(ResponseShape):
    """The whole time."""

    runs: int
    busiest_minute: Annotated[int, Field(description="The most runs due in one minute.")]
    busiest_second: Annotated[int, Field(description="The most runs due in one second.")]
    queue: Annotated[int, Field(description="The most runs that wait at once.")]
    late: Annotated[DurationText, Field(description="The mean wait for a slot.")]
    late_most: Annotated[DurationText, Field(description="The longest wait for a slot.")]
    skipped: Annotated[int, Field(description="Runs that are due while their task is at work, with overlap `skip`.")]


class SimulatedBucket(ResponseShape):
    """One stretch of the time."""

    at: Instant
    runs: int
    busiest_minute: int
    used: Annotated[
        float,
        Field(
            description="Share of the slots that the runs need: of the process slots or of those for http tasks, "
            "whichever is greater. Above 1 they fall behind."
        ),
    ]
    queue: Annotated[int | None, Field(description="Left out after `worked_out_until`, as are the next two.")] = None
    late: DurationText | None = None
    late_most: DurationText | None = None


class SimulatedPriority(ResponseShape):
    """The runs of one priority."""

    priority: Priority
    runs: int
    late: DurationText
    late_most: DurationText


class PeakTaskShape(ResponseShape):
    """A task that is due in a peak."""

    task_id: str
    name: str
    schedule: str
    runs: int


class PeakShape(ResponseShape):
    """A minute with many runs."""

    at: Annotated[Instant, Field(description="The first of its kind.")]
    times: Annotated[int, Field(description="Minutes like it.")]
    runs: int
    queue: int | None = None
    late_most: DurationText | None = None
    tasks: Annotated[list[PeakTaskShape], Field(description="The ten with the most work in it.")]
    other_tasks: Annotated[int, Field(description="How many more are due in it.")]


class OverlappingShape(ResponseShape):
    """A task that is due while its previous run waits or is at work."""

    task_id: str
    name: str
    times: int
    duration: DurationText


class ProposedChange(ResponseShape):
    """A schedule that spreads a task."""

    task_id: str
    name: str
    schedule: str
    proposed: str


class ProposalShape(ResponseShape):
    """Schedules that flatten the peaks, and the whole time with them."""

    changes: Annotated[list[ProposedChange], Field(description="The first hundred.")]
    other_changes: int
    summary: SimulatedSummary


class SimulationAnswer(ResponseShape):
    """What the schedules will ask of the workers. Nothing is stored."""

    begin: Annotated[Instant, Field(serialization_alias="from")]
    end: Annotated[Instant, Field(serialization_alias="to")]
    tasks: int
    slots: int
    slots_are: Annotated[
        Basis, Field(description="`given`; `measured`: of the workers online; `assumed`: none is online.")
    ]
    durations: Annotated[
        dict[Basis, int], Field(description="How many tasks have a duration that is measured, of their type, …")
    ]
    summary: SimulatedSummary
    by_priority: list[SimulatedPriority]
    bucket: Annotated[DurationText, Field(description="The length of a bucket.")]
    buckets: Annotated[list[SimulatedBucket], Field(description="At most 750.")]
    peaks: Annotated[list[PeakShape], Field(description="The ten worst.")]
    overlaps: Annotated[list[OverlappingShape], Field(description="The fifty with the most.")]
    overlapping_tasks: int
    worked_out_until: Annotated[Instant, Field(description="Up to when the waits were worked out.")]
    proposal: Annotated[ProposalShape | None, Field(description="Left out when nothing flattens the peaks.")] = None
