"""Calendars in MongoDB, one document each. Its version is what a write is guarded by.

A deleted calendar leaves its name and last version, so that a version never means two sets of days.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from pymongo.errors import DuplicateKeyError

from falcon_scheduler.adapters.mongo.calendar_fields import days_document, days_of
from falcon_scheduler.adapters.mongo.client import CALENDARS, Database
from falcon_scheduler.adapters.mongo.errors import translated
from falcon_scheduler.adapters.mongo.reading import Reading
from falcon_scheduler.core.domain.calendars import CalendarVersion
from falcon_scheduler.core.ports.calendars import Calendar

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class MongoCalendarStore:
    """See `core.ports.calendars.CalendarStore`."""

    def __init__(self, database: Database) -> None:
        self._collection = database[CALENDARS]

    async def find(self, name: str) -> Calendar | None:
        with translated():
            found = await self._collection.find_one({"_id": name})
        return None if found is None else _calendar(found)

    async def all(self) -> Sequence[Calendar]:
        with translated():
            found = await self._collection.find({}).to_list()
        calendars = map(_calendar, sorted(found, key=lambda each: str(each["_id"])))
        return [each for each in calendars if not each.is_deleted]

    async def versions(self) -> Mapping[str, int]:
        with translated():
            found = await self._collection.find({}, {"version": 1, "deleted": 1}).to_list()
        return {str(each["_id"]): Reading(each).number("version") for each in found if not each.get("deleted")}

    async def add(self, calendar: Calendar) -> bool:
        try:
            with translated():
                await self._collection.insert_one({"_id": calendar.name, **_document(calendar)})
        except DuplicateKeyError:
            return False
        return True

    async def replace(self, calendar: Calendar, *, version: int) -> bool:
        with translated():
            result = await self._collection.update_one(
                {"_id": calendar.name, "version": version}, {"$set": _document(calendar)}
            )
        return result.matched_count == 1


def _document(calendar: Calendar) -> dict[str, Any]:
    return {
        "description": calendar.description,
        "version": calendar.version,
        "deleted": calendar.is_deleted,
        "created_at": calendar.created_at,
        "updated_at": calendar.updated_at,
        "created_by": calendar.created_by,
        "updated_by": calendar.updated_by,
        **days_document(calendar.days),
    }


def _calendar(document: Mapping[str, Any]) -> Calendar:
    fields = Reading(document)
    created_at = fields.instant("created_at") or _EPOCH
    return Calendar(
        latest=CalendarVersion(name=str(document["_id"]), version=fields.number("version"), days=days_of(fields)),
        description=fields.text("description"),
        is_deleted=fields.flag("deleted"),
        created_at=created_at,
        updated_at=fields.instant("updated_at") or created_at,
        created_by=fields.text("created_by"),
        updated_by=fields.text("updated_by"),
    )
