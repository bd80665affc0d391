"""The audit in MongoDB: one insert when a change is intended, one update when its outcome is known."""

from __future__ import annotations

import builtins
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from pymongo import ASCENDING, DESCENDING

from falcon_scheduler.adapters.mongo.client import AUDIT, Database
from falcon_scheduler.adapters.mongo.errors import translated
from falcon_scheduler.adapters.mongo.fields import instant_of
from falcon_scheduler.adapters.mongo.task_reading import EPOCH
from falcon_scheduler.core.domain.audit import Action, AuditEntry, ChangeOutcome, Door, Origin
from falcon_scheduler.core.ports import AuditFilter, Page, PageRequest

NEWEST_FIRST = [("at", DESCENDING), ("_id", ASCENDING)]


class MongoAuditStore:
    """See `core.ports.AuditStore`."""

    def __init__(self, database: Database) -> None:
        self._collection = database[AUDIT]

    async def add(self, entry: AuditEntry) -> None:
        document = {
            "_id": entry.id,
            "at": entry.at,
            "user_id": entry.user_id,
            "character_id": entry.character_id,
            "action": str(entry.action),
            "door": str(entry.origin.door),
            "request_id": entry.origin.request_id,
            **({} if entry.task_id is None else {"task_id": entry.task_id}),
            **_outcome(entry),
        }
        with translated():
            await self._collection.insert_one(document)

    async def settle(self, entry: AuditEntry) -> None:
        with translated():
            await self._collection.update_one({"_id": entry.id}, {"$set": _outcome(entry)})

    async def withdraw(self, entry_id: str) -> None:
        with translated():
            await self._collection.delete_one({"_id": entry_id})

    async def list(self, wanted: AuditFilter, page: PageRequest) -> Page[AuditEntry]:
        query = query_of(wanted)
        with translated():
            total = await self._collection.count_documents(query)
            found = self._collection.find(query).sort(NEWEST_FIRST).skip(page.offset).limit(page.size)
            documents = await found.to_list() if page.offset < total else []
        return Page(items=[from_document(document) for document in documents], total=total, request=page)

    async def delete_before(self, instant: datetime, *, limit: int) -> int:
        with translated():
            old = self._collection.find({"at": {"$lt": instant}}, {"_id": 1}).sort("at", ASCENDING).limit(limit)
            ids: builtins.list[str] = [document["_id"] async for document in old]
            if not ids:
                return 0
            return (await self._collection.delete_many({"_id": {"$in": ids}})).deleted_count


def _outcome(entry: AuditEntry) -> dict[str, Any]:
    return {
        "outcome": str(entry.outcome),
        "error": entry.error,
        "before": dict(entry.before),
        "after": dict(entry.after),
        **({} if entry.ended_at is None else {"ended_at": entry.ended_at}),
    }


def from_document(document: Mapping[str, Any]) -> AuditEntry:
    """Read a stored entry."""
    return AuditEntry(
        id=document["_id"],
        at=instant_of(document["at"]) or EPOCH,
        user_id=document["user_id"],
        character_id=document["character_id"],
        action=Action(document["action"]),
        task_id=document.get("task_id"),
        origin=Origin(request_id=document["request_id"], door=Door(document["door"])),
        outcome=ChangeOutcome(document["outcome"]),
        error=document["error"],
        before=document["before"],
        after=document["after"],
        ended_at=instant_of(document.get("ended_at")),
    )


def query_of(wanted: AuditFilter) -> dict[str, Any]:
    """The MongoDB query of a filter."""
    given = {
        "task_id": wanted.task_id,
        "user_id": wanted.user_id,
        "action": {"$in": sorted(map(str, wanted.actions))} if wanted.actions else None,
        "outcome": wanted.outcome and str(wanted.outcome),
    }
    query: dict[str, Any] = {name: value for name, value in given.items() if value is not None}
    bounds = {"$gte": wanted.since, "$lt": wanted.until}
    if at := {operator: instant for operator, instant in bounds.items() if instant is not None}:
        query["at"] = at
    return query
