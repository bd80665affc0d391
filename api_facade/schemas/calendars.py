"""Shapes of calendars."""

from __future__ import annotations

from datetime import date
from typing import Annotated, Any

from pydantic import BeforeValidator, ConfigDict, Field, PlainSerializer, WithJsonSchema

from falcon_scheduler.api_facade.schemas.common import RequestShape, ResponseShape, without_defaults
from falcon_scheduler.api_facade.schemas.task_changes import MOST_LISTED
from falcon_scheduler.api_facade.schemas.values import Instant
from falcon_scheduler.core.domain.calendars import MOST_ENTRIES, WEEKDAYS
from falcon_scheduler.core.domain.icalendar import LONGEST_TEXT
from falcon_scheduler.core.services.tasks.calendars import DESCRIPTION_LENGTH

_SCHEMA = {"type": "string", "format": "date", "examples": ["2026-12-25"]}


def _sent_day(value: object) -> object:
    if isinstance(value, str) and len(value) == len("2026-12-25"):
        try:
            return date.fromisoformat(value)
        except ValueError:
            pass
    raise ValueError("must be a date such as 2026-12-25")


def _sent_weekday(value: object) -> object:
    if isinstance(value, str) and value.upper() in WEEKDAYS:
        return value.upper()
    raise ValueError(f"must be one of {', '.join(WEEKDAYS)}")


SentDay = Annotated[date, BeforeValidator(_sent_day), WithJsonSchema(_SCHEMA)]
"""A day in a request."""
Day = Annotated[date, PlainSerializer(date.isoformat, return_type=str), WithJsonSchema(_SCHEMA)]
"""A day in an answer."""
Weekday = Annotated[str, BeforeValidator(_sent_weekday), WithJsonSchema({"type": "string", "enum": list(WEEKDAYS)})]
_MOST: dict[str, Any] = {"maxItems": MOST_ENTRIES}


class SentRange(RequestShape):
    """All days from the one to the other, both included."""

    model_config = ConfigDict(validate_by_alias=True)

    first: Annotated[SentDay, Field(alias="from", title="From")]
    last: Annotated[SentDay, Field(alias="to", title="To")]


class SentWindow(RequestShape):
    """Weekdays, within a span of days if one is given."""

    model_config = ConfigDict(validate_by_alias=True)

    days: Annotated[list[Weekday], Field(min_length=1, max_length=7)]
    first: Annotated[SentDay | None, Field(alias="from", title="From", description="The first day that counts.")] = (
        None
    )
    last: Annotated[SentDay | None, Field(alias="to", title="To", description="The last day that counts.")] = None


class CalendarChange(RequestShape):
    """A change of a calendar: absent fields stay as they are. At most 500 dates, ranges and windows in all."""

    model_config = ConfigDict(json_schema_extra=without_defaults)

    description: Annotated[str, Field(json_schema_extra={"maxLength": DESCRIPTION_LENGTH})] = ""
    dates: Annotated[list[SentDay], Field(max_length=MOST_LISTED, json_schema_extra=_MOST)] = Field(
        default_factory=list
    )
    ranges: Annotated[list[SentRange], Field(max_length=MOST_LISTED, json_schema_extra=_MOST)] = Field(
        default_factory=list
    )
    weekdays: Annotated[list[SentWindow], Field(max_length=MOST_LISTED, json_schema_extra=_MOST)] = Field(
        default_factory=list
    )
    icalendar: Annotated[
        str,
        Field(
            max_length=LONGEST_TEXT,
            description="The text of an iCalendar file, whose days are added to the dates and ranges given with it.",
        ),
    ] = ""


class CalendarCreate(CalendarChange):
    """A new calendar."""

    name: Annotated[
        str,
        Field(
            description="1 to 50 lower-case letters, digits or any of `. _ -`; it stays.",
            json_schema_extra={"minLength": 1, "maxLength": 50},
        ),
    ]


class RangeShape(ResponseShape):
    """All days from the one to the other, both included."""

    first: Annotated[Day, Field(serialization_alias="from")]
    last: Annotated[Day, Field(serialization_alias="to")]


class WindowShape(ResponseShape):
    """Weekdays, within a span of days if one is given."""

    days: list[str]
    first: Annotated[Day | None, Field(serialization_alias="from")] = None
    last: Annotated[Day | None, Field(serialization_alias="to")] = None


class CalendarSummary(ResponseShape):
    """A calendar without its days."""

    name: str
    description: str
    version: Annotated[int, Field(description="Grows by one with every change of the days.")]
    entries: Annotated[int, Field(description="How many dates, ranges and weekday windows it has.")]
    created_at: Instant
    updated_at: Annotated[Instant, Field(description="Since when this version is in force.")]
    created_by: str
    updated_by: str


class CalendarUser(ResponseShape):
    """A task that uses the calendar."""

    id: str
    name: str


class CalendarResponse(CalendarSummary):
    """A calendar."""

    dates: list[Day]
    ranges: list[RangeShape]
    weekdays: list[WindowShape]
    tasks: Annotated[list[CalendarUser], Field(description="The tasks that use it.")]


class CalendarList(ResponseShape):
    """All calendars, by name."""

    calendars: list[CalendarSummary]
    total: int


class CalendarDeleted(ResponseShape):
    """The calendar is gone."""

    message: str
    name: str
