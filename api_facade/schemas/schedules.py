"""Shapes of what schedules mean, what those of other programs become, and what is due next."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from falcon_scheduler.api_facade.schemas.common import RequestShape, ResponseShape
from falcon_scheduler.api_facade.schemas.task_changes import CalendarsChange, Cron
from falcon_scheduler.api_facade.schemas.values import IN_DIGITS, Instant, ScheduleInstant, SentInstant
from falcon_scheduler.core.domain.conversion import MOST_LINES, Program
from falcon_scheduler.core.domain.cron.wall_times import Repeated
from falcon_scheduler.core.services.tasks.upcoming import LONGEST_SPAN, MOST_TASKS_NAMED

LONGEST_CONVERTED = 32_768
MOST_UPCOMING = 1000

Zone = Annotated[str | None, Field(description="IANA zone; the service's own when not given.")]


class ScheduleQuestion(RequestShape):
    """A schedule to be explained."""

    schedule: Cron
    timezone: Zone = None
    count: Annotated[int, Field(ge=1, le=100, description="How many runs to show.")] = 5
    start: Annotated[
        SentInstant | None, Field(description="The first run is the first after this instant; now when not given.")
    ] = None
    display_timezone: Annotated[
        str | None, Field(description="IANA zone in which runs are shown; the schedule's own when not given.")
    ] = None
    task_id: Annotated[
        str, Field(max_length=200, description="The task whose id draws the values of `H`; no task when not given.")
    ] = ""
    calendars: Annotated[CalendarsChange | None, Field(description="Calendars, as in a task's `metadata`.")] = None


class RunShown(ResponseShape):
    """One instant, on the clock of a zone."""

    at: Instant
    local: Annotated[str, Field(description="The same instant with the offset of the zone in which runs are shown.")]
    repeated: Annotated[
        Repeated | None, Field(description="Which of two equal times of that clock it is; left out if it comes once.")
    ] = None


class SkippedTime(ResponseShape):
    """A time that the schedule names and the clock of its zone skips, so that nothing runs."""

    local: str
    timezone: str


class ScheduleAnswer(ResponseShape):
    """What a schedule means."""

    schedule: Annotated[str, Field(description="In its canonical form.")]
    description: str
    timezone: str
    next_runs: list[Instant]
    runs: Annotated[list[RunShown], Field(description="The same runs on the clock of a zone, with clock changes.")]
    skipped: Annotated[list[SkippedTime], Field(description="Times that the clock skips until the last run shown.")]
    is_hashed: Annotated[bool, Field(description="Whether a value is drawn by the task's id (`H`).")]


class ConversionQuestion(RequestShape):
    """Schedules of another program."""

    program: Annotated[Program, Field(alias="from", strict=False, description="Whose schedules they are.")]
    text: Annotated[
        str,
        Field(
            max_length=LONGEST_CONVERTED, description=f"Its lines, at most {MOST_LINES}, as that program reads them."
        ),
    ]
    timezone: Annotated[
        str | None,
        Field(
            description="IANA zone that the program runs in, where its text does not say; the service's own when not "
            "given."
        ),
    ] = None


class ConvertedLine(ResponseShape):
    """What a line became."""

    line: Annotated[int, Field(description="From 1.")]
    source: str
    schedule: Annotated[str | None, Field(description="With its zone; left out when the line can't be kept.")] = None
    description: str | None = None
    timezone: str
    next_runs: list[Instant] = Field(default_factory=list)
    command: Annotated[str | None, Field(description="What the line runs, where the program says so.")] = None
    problem: Annotated[str | None, Field(description="Why the line can't be kept.")] = None
    notes: Annotated[list[str], Field(description="What is different here.")]
    lost: Annotated[list[str], Field(description="What of the line is not kept.")]


class ConversionAnswer(ResponseShape):
    """What schedules of another program are here."""

    lines: list[ConvertedLine]
    combined: Annotated[
        str | None,
        Field(
            description="One schedule for all lines, where they belong to one job (Jenkins, GitHub) and all are kept."
        ),
    ] = None


class UpcomingQuery(BaseModel):
    """Which coming runs."""

    model_config = ConfigDict(frozen=True, populate_by_name=True)

    begin: Annotated[ScheduleInstant | None, Field(alias="from", description="Now when not given, or when past.")] = (
        None
    )
    end: Annotated[
        ScheduleInstant | None,
        Field(
            alias="to", description=f"A day after `from` when not given; at most {LONGEST_SPAN.days} days after it."
        ),
    ] = None
    task_id: Annotated[
        list[Annotated[str, StringConstraints(min_length=1, max_length=200)]],
        Field(max_length=MOST_TASKS_NAMED, description="Of these tasks only; may be repeated."),
    ] = Field(default_factory=list)
    limit: Annotated[int, Field(ge=1, le=MOST_UPCOMING, description="Runs on a page."), IN_DIGITS] = 100
    after: Annotated[str | None, Field(max_length=300, description="`next` of the page before.")] = None


class UpcomingRun(ResponseShape):
    """When a task is due."""

    at: Instant
    task_id: str
    name: str


class UpcomingAnswer(ResponseShape):
    """Coming runs of all tasks, the next first. Tasks that are paused or disabled have none."""

    runs: list[UpcomingRun]
    next: Annotated[str | None, Field(description="For `after`, to read on; left out on the last page.")] = None
