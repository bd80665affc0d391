"""Types that many shapes use: instants, lengths of time, names, and the texts of queries."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import Annotated

from pydantic import AfterValidator, BeforeValidator, PlainSerializer, WithJsonSchema

from falcon_scheduler.core.domain.duration import format_duration, from_nanoseconds, parse_duration
from falcon_scheduler.core.services.tasks.time_validation import EARLIEST, LATEST

_LONGEST_NANOSECONDS = 2**63 - 1
_DURATION_PATTERN = r"^([0-9]+(\.[0-9]*)?(ns|us|µs|ms|s|m|h))+$"
_RFC3339 = re.compile(r"\d{4}-\d\d-\d\d[Tt]\d\d:\d\d:\d\d(\.\d{1,9})?([Zz]|[+-]\d\d:\d\d)", re.ASCII)
_DAY = re.compile(r"\d{4}-\d\d-\d\d", re.ASCII)
_WITHOUT_ZONE = re.compile(r"\d{4}-\d\d-\d\d[Tt]\d\d:\d\d(:\d\d(\.\d{1,9})?)?", re.ASCII)
_INTEGER = re.compile(r"[0-9]{1,18}")


def format_instant(instant: datetime) -> str:
    """RFC 3339 in UTC with milliseconds: 2025-08-21T20:39:40.473Z."""
    # Not strftime: its %Y is not padded on Linux, and the year 292 is no RFC 3339.
    return instant.replace(tzinfo=None).isoformat(timespec="milliseconds") + "Z"


def _duration(value: object) -> object:
    if isinstance(value, str):
        return parse_duration(value)
    if isinstance(value, int) and not isinstance(value, bool):
        if abs(value) > _LONGEST_NANOSECONDS:
            raise ValueError("must be Go duration text such as 1m30s, or nanoseconds that fit into 64 bits")
        return from_nanoseconds(value)
    raise ValueError("must be Go duration text such as 1m30s, or integer nanoseconds")


def _query_integer(value: object) -> object:
    if isinstance(value, str) and not _INTEGER.fullmatch(value):
        raise ValueError("must be a whole number")
    return int(value) if isinstance(value, str) else value


def _query_boolean(value: object) -> object:
    if isinstance(value, str):
        if value not in {"true", "false"}:
            raise ValueError("must be true or false")
        return value == "true"
    return value


def _query_instant(value: object) -> object:
    if isinstance(value, str):
        if not _RFC3339.fullmatch(value):
            raise ValueError("must be an RFC 3339 instant such as 2026-01-31T12:00:00Z; write a + as %2B")
        try:
            return datetime.fromisoformat(value.upper()).astimezone(UTC)
        except OverflowError:
            raise ValueError("must lie between the years 1 and 9999 in UTC") from None
    return value


def _within_schedules(value: object) -> object:
    if isinstance(value, datetime) and not EARLIEST <= value < LATEST:
        raise ValueError(f"must be from the year {EARLIEST.year} on and before {LATEST.year}")
    return value


def _sent_instant(value: object) -> object:
    if not isinstance(value, str) or not _RFC3339.fullmatch(value):
        raise ValueError("must be an RFC 3339 instant such as 2026-01-31T12:00:00Z")
    try:
        instant = datetime.fromisoformat(value.upper()).astimezone(UTC)
    except OverflowError:
        raise ValueError("must lie between the years 1 and 9999 in UTC") from None
    return instant.replace(microsecond=instant.microsecond // 1000 * 1000)  # as it is stored


def _day(value: object, days: int) -> object:
    """The value of a date field of a web page: a day, an instant without a zone, or one with it."""
    if isinstance(value, str) and _DAY.fullmatch(value):
        try:
            return datetime.fromisoformat(value).replace(tzinfo=UTC) + timedelta(days=days)
        except OverflowError:
            raise ValueError("must lie between the years 1 and 9999 in UTC") from None
    if isinstance(value, str) and _WITHOUT_ZONE.fullmatch(value):
        return datetime.fromisoformat(value.upper()).replace(tzinfo=UTC)
    return _query_instant(value)


Instant = Annotated[
    datetime,
    PlainSerializer(format_instant, return_type=str),
    WithJsonSchema({"type": "string", "format": "date-time", "examples": ["2026-01-31T12:00:00.000Z"]}),
]
"""An instant in an answer."""

DurationText = Annotated[
    timedelta,
    PlainSerializer(format_duration, return_type=str),
    WithJsonSchema({"type": "string", "description": "Go duration text", "examples": ["1m30s"]}),
]
"""A length of time in an answer."""

SentInstant = Annotated[
    datetime,
    BeforeValidator(_sent_instant),
    WithJsonSchema({"type": "string", "format": "date-time"}),
]
"""An instant in a request; kept to the millisecond."""

SentScheduleInstant = Annotated[SentInstant, AfterValidator(_within_schedules)]
"""The same, at which a schedule is read."""

Length = Annotated[
    timedelta,
    BeforeValidator(_duration),
    WithJsonSchema(
        {
            "anyOf": [
                {"type": "string", "pattern": _DURATION_PATTERN, "description": "Go duration text"},
                {"type": "integer", "format": "int64", "description": "Nanoseconds"},
            ],
            "examples": ["1m30s"],
        }
    ),
]
"""A length of time in a request: Go text, or nanoseconds as the Go service takes them."""

IN_DIGITS = BeforeValidator(_query_integer)
"""For an integer in a query. Must follow the bounds, or the schema would contain `ge` instead of `minimum`."""

QueryBoolean = Annotated[bool, BeforeValidator(_query_boolean)]
QueryInstant = Annotated[
    datetime, BeforeValidator(_query_instant), WithJsonSchema({"type": "string", "format": "date-time"})
]
ScheduleInstant = Annotated[QueryInstant, AfterValidator(_within_schedules)]
"""An instant in a query at which a schedule is read: around the ends of the calendar no clock can be computed."""
_ANY_DATE = WithJsonSchema(
    {"anyOf": [{"type": "string", "format": "date-time"}, {"type": "string", "format": "date"}]}
)
QueryDay = Annotated[datetime, BeforeValidator(lambda value: _day(value, days=0)), _ANY_DATE]
"""An instant, or the beginning of a day."""
QueryDayEnd = Annotated[datetime, BeforeValidator(lambda value: _day(value, days=1)), _ANY_DATE]
"""An instant, or the end of a day."""
