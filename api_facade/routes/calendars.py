"""Calendars: named sets of days on which tasks run, or do not."""

from __future__ import annotations

from fastapi import APIRouter, Request, Response

from falcon_scheduler.api_facade.declared import CHANGE, READ, LeanRoute, answers, takes
from falcon_scheduler.api_facade.deps import Creator, Deleter, Parts, Reader, Updater
from falcon_scheduler.api_facade.examples import calendars as examples
from falcon_scheduler.api_facade.mapping.calendars import calendar_changes, calendar_response, calendar_summary
from falcon_scheduler.api_facade.schemas.calendars import (
    CalendarChange,
    CalendarCreate,
    CalendarDeleted,
    CalendarList,
    CalendarResponse,
)
from falcon_scheduler.api_facade.shape import IMPORT_BYTES, judged, read_json, read_whole
from falcon_scheduler.core.domain.calendars import CalendarDays

router = APIRouter(prefix="/calendars", tags=["definitions"], route_class=LeanRoute)


@router.get("", responses=answers(200, examples.CALENDARS, *READ, 503), summary="List calendars")
async def list_calendars(caller: Reader, parts: Parts) -> CalendarList:
    """All calendars, by name, without their days."""
    found = [calendar_summary(each) for each in await parts.calendars.all()]
    return CalendarList(calendars=found, total=len(found))


@router.post(
    "",
    status_code=201,
    responses=answers(201, examples.CALENDAR, *CHANGE, 400, 408, 409, 413, 415),
    openapi_extra=takes("CalendarCreate", holidays=examples.CALENDAR_CREATE),
    summary="Create a calendar",
)
async def create_calendar(caller: Creator, parts: Parts, request: Request, response: Response) -> CalendarResponse:
    """Store a calendar. Needs `scheduler:tasks:create`."""
    body = await read_json(request, most_bytes=IMPORT_BYTES)
    sent = await judged(request, read_whole, CalendarCreate, body)
    given = await judged(request, calendar_changes, sent, parts.clock.now().year)
    description = given.pop("description", "")
    calendar = await parts.calendars.create(sent.name, CalendarDays(**given), description, caller)
    response.headers["Location"] = request.app.url_path_for("get_calendar", name=calendar.name)
    return calendar_response(calendar, {})


@router.get("/{name}", responses=answers(200, examples.CALENDAR, *READ, 404, 503), summary="Read a calendar")
async def get_calendar(name: str, caller: Reader, parts: Parts) -> CalendarResponse:
    """A calendar with its days, and the tasks that use it."""
    calendar = await parts.calendars.get(name)
    return calendar_response(calendar, await parts.calendars.users(name))


@router.put(
    "/{name}",
    responses=answers(200, examples.CALENDAR, *CHANGE, 400, 404, 408, 409, 413, 415),
    openapi_extra=takes("CalendarChange", change=examples.CALENDAR_CHANGE),
    summary="Change a calendar",
)
async def update_calendar(name: str, caller: Updater, parts: Parts, request: Request) -> CalendarResponse:
    """Replace the given fields and no others. Needs `scheduler:tasks:update`.

    Other days make the next version, which is in force from now on for the tasks that use the calendar.
    """
    body = await read_json(request, most_bytes=IMPORT_BYTES)
    sent = await judged(request, read_whole, CalendarChange, body)
    given = await judged(request, calendar_changes, sent, parts.clock.now().year)
    calendar = await parts.calendars.change(name, given, caller)
    return calendar_response(calendar, await parts.calendars.users(name))


@router.delete("/{name}", responses=answers(200, examples.DELETED, *CHANGE, 404, 409), summary="Delete a calendar")
async def delete_calendar(name: str, caller: Deleter, parts: Parts) -> CalendarDeleted:
    """Remove a calendar that no task uses. Needs `scheduler:tasks:delete`."""
    await parts.calendars.delete(name, caller)
    return CalendarDeleted(message="Calendar deleted", name=name)
