"""Shapes of what clients send of tasks. Names and defaults: scheduler API; go-falcon, scheduler routes."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated, Any

from pydantic import ConfigDict, Field

from falcon_scheduler.api_facade.schemas.common import RequestShape, without_defaults
from falcon_scheduler.api_facade.schemas.values import Length, SentInstant
from falcon_scheduler.core.domain.calendars import MOST_CALENDARS, CalendarRules, CalendarVersion, OnExcluded
from falcon_scheduler.core.domain.catch_up import MOST_CAUGHT_UP, CatchUp, CatchUpRules, Missed, ReleaseOrder
from falcon_scheduler.core.domain.owed import MOST_OWED
from falcon_scheduler.core.domain.priority import Priority
from falcon_scheduler.core.domain.task_definition import After, Overlap
from falcon_scheduler.core.services.tasks.time_validation import MOST_RUNS
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
StartAt = Annotated[
    SentInstant | None,
    Field(
        title="Start at",
        description="The schedule names no instant before this one. RFC 3339.",
        examples=["2090-01-01T12:00:00Z"],
    ),
]
EndAt = Annotated[
    SentInstant | None,
    Field(
        title="End at",
        description="The schedule names no instant after this one. RFC 3339.",
        examples=["2099-12-31T12:00:00Z"],
    ),
]
MaxRuns = Annotated[
    int | None,
    Field(
        title="Most runs",
        description="So many scheduled runs may begin, counted from when the limit is set. Runs by hand don't count.",
        json_schema_extra={"minimum": 1, "maximum": MOST_RUNS},
    ),
]
Jitter = Annotated[
    Length | None,
    Field(
        title="Jitter",
        description="Each scheduled run begins later than its instant by a part of this length, before the next "
        "instant; 1s to 1h. The part is drawn by the task's id and the instant.",
    ),
]
StartWithin = Annotated[
    Length | None,
    Field(
        title="Start within",
        description="A scheduled run that could not begin within this time of its instant is skipped; 1s to 168h.",
    ),
]
CalendarNames = Annotated[
    list[str], Field(max_length=MOST_LISTED, json_schema_extra={"maxItems": MOST_CALENDARS, "uniqueItems": True})
]


class CalendarsChange(RequestShape):
    """On which days a task runs: at most five calendars, by name. A day is a day in the task's zone."""

    include: Annotated[CalendarNames, Field(description="Only on days of one of these.")] = Field(
        default_factory=list
    )
    exclude: Annotated[CalendarNames, Field(description="On no day of any of these.")] = Field(default_factory=list)
    on_excluded: Annotated[
        OnExcluded,
        Field(strict=False, description="Whether a run on an excluded day is skipped or moved, by 31 days at most."),
    ] = OnExcluded.SKIP

    @property
    def rules(self) -> CalendarRules:
        """As the services take them, by name alone."""
        return CalendarRules(
            include=tuple(CalendarVersion(name=each) for each in self.include),
            exclude=tuple(CalendarVersion(name=each) for each in self.exclude),
            on_excluded=self.on_excluded,
        )


class CatchUpChange(RequestShape):
    """Which missed instants get a run later, one run after the other. Of too many the newest ones do."""

    runs: Annotated[Missed, Field(strict=False, description="`last`: of the last one alone.")] = Missed.NONE
    max_age: Annotated[
        Length | None, Field(description="1s to 8784h: older instants stay missed; no limit when not given.")
    ] = None
    max_runs: Annotated[int, Field(json_schema_extra={"minimum": 1, "maximum": MOST_OWED})] = MOST_CAUGHT_UP
    order: Annotated[ReleaseOrder, Field(strict=False)] = ReleaseOrder.OLDEST_FIRST


class CatchUpRulesChange(RequestShape):
    """What a task catches up with, by the cause for which it missed its instants."""

    after_pause: Annotated[CatchUpChange, Field(description="What was due during a pause.")] = CatchUpChange()
    after_outage: Annotated[
        CatchUpChange | None,
        Field(
            description="What could not begin within `start_within` (a minute without one), for lack of the service, "
            "Prefect, a worker or a slot. Not given: such runs begin late, those of the last 15 minutes."
        ),
    ] = None
    after_edit: Annotated[
        CatchUpChange,
        Field(
            description="What the schedule of an edit names between the last instant of the one before and the edit."
        ),
    ] = CatchUpChange()

    @property
    def rules(self) -> CatchUpRules:
        """As the services take them."""
        outage = self.after_outage
        return CatchUpRules(
            after_pause=CatchUp(**self.after_pause.model_dump()),
            after_outage=None if outage is None else CatchUp(**outage.model_dump()),
            after_edit=CatchUp(**self.after_edit.model_dump()),
        )


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


class ExpectedSuccessChange(RequestShape):
    """How often a run is expected to succeed. One alert, `no_success`, reports that none did, whatever the cause."""

    period: Annotated[Length, Field(description="1m to 8784h: a run is to succeed once in each.")]
    grace: Annotated[Length, Field(description="0s to 8784h: how late the success may be.")] = timedelta(minutes=5)
    while_paused: Annotated[bool, Field(description="Whether it is expected while the task is paused too.")] = False


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
    expect_success: Annotated[
        ExpectedSuccessChange | None,
        Field(description="Alerts when no run succeeded in time; replaces the alerts of failures and late runs."),
    ] = None
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
    start_at: StartAt = None
    end_at: EndAt = None
    max_runs: MaxRuns = None
    jitter: Jitter = None
    start_within: StartWithin = None
    calendars: Annotated[
        CalendarsChange | None, Field(description="Replaces all; `null` and an empty object remove them.")
    ] = None
    catch_up: Annotated[
        CatchUpRulesChange | None, Field(description="Replaces all; nothing is caught up with when not given.")
    ] = None
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
