"""Calendars as answers, and what clients send of them as changes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from falcon_scheduler.api_facade.schemas.calendars import (
    CalendarChange,
    CalendarResponse,
    CalendarSummary,
    CalendarUser,
    RangeShape,
    WindowShape,
)
from falcon_scheduler.core.domain.calendars import WEEKDAYS, DayRange, WeekdayWindow
from falcon_scheduler.core.domain.icalendar import ICalendarError, days_of_icalendar
from falcon_scheduler.core.errors import Fault, Invalid
from falcon_scheduler.core.ports.calendars import Calendar


def calendar_summary(calendar: Calendar) -> CalendarSummary:
    """A calendar without its days."""
    return CalendarSummary(**_of(calendar))


def calendar_response(calendar: Calendar, users: Mapping[str, str]) -> CalendarResponse:
    """A calendar, with the tasks that use it, by id."""
    days = calendar.days
    return CalendarResponse(
        **_of(calendar),
        dates=list(days.dates),
        ranges=[RangeShape(first=each.first, last=each.last) for each in days.ranges],
        weekdays=[
            WindowShape(days=[WEEKDAYS[day] for day in each.weekdays], first=each.first, last=each.last)
            for each in days.weekdays
        ],
        tasks=[CalendarUser(id=task_id, name=users[task_id]) for task_id in sorted(users)],
    )


def _of(calendar: Calendar) -> dict[str, Any]:
    return {
        "name": calendar.name,
        "description": calendar.description,
        "version": calendar.version,
        "entries": calendar.days.entries,
        "created_at": calendar.created_at,
        "updated_at": calendar.updated_at,
        "created_by": calendar.created_by,
        "updated_by": calendar.updated_by,
    }


def calendar_changes(sent: CalendarChange, this_year: int) -> dict[str, Any]:
    """The given fields, the days in order and each once. Raises `Invalid` for a bad iCalendar text."""
    given: dict[str, Any] = {}
    if "description" in sent.model_fields_set:
        given["description"] = sent.description
    if "weekdays" in sent.model_fields_set:
        windows = (
            WeekdayWindow(tuple(sorted({WEEKDAYS.index(day) for day in each.days})), each.first, each.last)
            for each in sent.weekdays
        )
        given["weekdays"] = tuple(dict.fromkeys(windows))
    if not {"dates", "ranges", "icalendar"} & sent.model_fields_set:
        return given
    dates, ranges = {*sent.dates}, {DayRange(each.first, each.last) for each in sent.ranges}
    if "icalendar" in sent.model_fields_set:
        try:
            read = days_of_icalendar(sent.icalendar, this_year)
        except ICalendarError as error:
            raise Invalid([Fault("icalendar", each) for each in error.faults]) from error
        dates |= {*read.dates}
        ranges |= {*read.ranges}
    if {"dates", "icalendar"} & sent.model_fields_set:
        given["dates"] = tuple(sorted(dates))
    if {"ranges", "icalendar"} & sent.model_fields_set:
        given["ranges"] = tuple(sorted(ranges, key=lambda each: (each.first, each.last)))
    return given
