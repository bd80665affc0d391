"""Alerts in MongoDB. An open alert has an `open_key`. Its unique index prevents a second alert of the same key."""

from __future__ import annotations

import builtins
from collections.abc import AsyncIterator, Callable, Collection, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial
from typing import Any

from pymongo import ASCENDING, DESCENDING
from pymongo.errors import DuplicateKeyError

from falcon_scheduler.adapters.mongo.alert_documents import from_document, to_document
from falcon_scheduler.adapters.mongo.client import ALERTS, EXECUTIONS, TASKS, Database, is_embedded
from falcon_scheduler.adapters.mongo.errors import translated
from falcon_scheduler.adapters.mongo.execution_documents import from_document as execution_of
from falcon_scheduler.adapters.mongo.execution_queries import NOT_SKIPPED
from falcon_scheduler.adapters.mongo.executions import ENDED, NEWEST_FIRST
from falcon_scheduler.adapters.mongo.fields import split, update_of
from falcon_scheduler.adapters.mongo.task_reading import from_document as task_of
from falcon_scheduler.adapters.mongo.unreadable import Parsing
from falcon_scheduler.core.domain.alert import TASK_KINDS, Alert, AlertKind, AlertState, key_of
from falcon_scheduler.core.domain.execution import Execution
from falcon_scheduler.core.domain.task import Task
from falcon_scheduler.core.errors import ConcurrentChange
from falcon_scheduler.core.ports import Page, PageRequest
from falcon_scheduler.core.ports.alerts import AlertFilter
from falcon_scheduler.core.retrying import retried, spread

CHANGE_ATTEMPTS = 20
PAUSE_AFTER_CHANGE = timedelta(milliseconds=10)
_NOT_NEEDED = {"config": 0, "description": 0, "scheduler.counted": 0, "scheduler.removing": 0}


class MongoAlertStore:
    """See `core.ports.alerts.AlertStore`."""

    def __init__(self, database: Database) -> None:
        self._collection = database[ALERTS]

    async def open(self, alert: Alert) -> bool:
        document, _ = split(to_document(alert))
        try:
            with translated():
                await self._collection.insert_one({"_id": alert.id, "revision": 1, **document})
        except DuplicateKeyError:
            return False
        return True

    async def change(self, alert_id: str, change: Callable[[Alert], Alert]) -> Alert | None:
        attempt = partial(self._change_once, alert_id, change)
        try:
            return await retried(attempt, on=(ConcurrentChange,), pauses=spread(PAUSE_AFTER_CHANGE, CHANGE_ATTEMPTS))
        except ConcurrentChange:
            return None

    async def _change_once(self, alert_id: str, change: Callable[[Alert], Alert]) -> Alert | None:
        """Raises `ConcurrentChange` when somebody else has changed the alert since it was read."""
        with translated():
            document = await self._collection.find_one({"_id": alert_id})
        if document is None:
            return None
        present = from_document(document)
        wanted = change(present)
        if wanted == present:
            return None
        wanted = replace(wanted, revision=present.revision + 1)
        update = update_of(to_document(wanted))
        update["$set"]["revision"] = wanted.revision
        with translated():
            result = await self._collection.update_one({"_id": alert_id, "revision": present.revision}, update)
        if result.matched_count != 1:
            raise ConcurrentChange(alert_id)
        return wanted

    async def opened(self, task_ids: Collection[str] | None = None) -> Sequence[Alert]:
        query: dict[str, Any] = {"open_key": {"$gt": ""}}
        if task_ids is not None:
            query["open_key"] = {"$in": [key_of(kind, task_id) for kind in TASK_KINDS for task_id in task_ids]}
        with translated():
            documents = await self._collection.find(query).to_list()
        return [from_document(document) for document in documents]

    async def opened_of(self, kinds: Collection[AlertKind]) -> Sequence[Alert]:
        query = {"open_key": {"$gt": ""}, "kind": {"$in": sorted(map(str, kinds))}}
        with translated():
            documents = await self._collection.find(query).to_list()
        return sorted(map(from_document, documents), key=lambda each: (each.opened_at, each.id))

    async def due(self, channel: str, now: datetime, limit: int) -> Sequence[Alert]:
        query = {"waiting": channel, "next_delivery_at": {"$lte": now}}
        with translated():
            found = self._collection.find(query).sort("next_delivery_at", ASCENDING).limit(limit)
            documents = await found.to_list()
        return [from_document(document) for document in documents]

    async def waiting_channels(self) -> Sequence[str]:
        waiting: dict[str, None] = {}
        with translated():
            async for document in self._collection.find({"waiting": {"$gt": ""}}, {"waiting": 1}):
                waiting |= dict.fromkeys(document["waiting"])
        return list(waiting)

    async def list(self, wanted: AlertFilter, page: PageRequest) -> Page[Alert]:
        query = query_of(wanted)
        order = [("opened_at", DESCENDING), ("_id", ASCENDING)]
        with translated():
            total = await self._collection.count_documents(query)
            found = self._collection.find(query).sort(order).skip(page.offset).limit(page.size)
            documents = await found.to_list() if page.offset < total else []
        return Page(items=[from_document(document) for document in documents], total=total, request=page)

    async def forget(self, recovered_before: datetime) -> int:
        with translated():
            result = await self._collection.delete_many({"recovered_at": {"$lt": recovered_before}})
        return result.deleted_count


class MongoRunHistory:
    """See `core.ports.alerts.RunHistory`."""

    def __init__(self, database: Database) -> None:
        self._collection = database[EXECUTIONS]
        self._tasks = database[TASKS]
        self._parsing = Parsing("execution", execution_of)
        self._task_parsing = Parsing("task", task_of)

    async def tasks(self) -> AsyncIterator[Task]:
        # The embedded server takes longer to leave fields out than to send them.
        left_out = None if await is_embedded(self._tasks.database) else _NOT_NEEDED
        with translated():
            async for document in self._tasks.find({}, left_out, batch_size=500):
                for task in self._task_parsing.readable([document]):
                    yield task

    async def latest_ended(self, task_id: str, limit: int) -> Sequence[Execution]:
        found: builtins.list[dict[str, Any]] = []
        with translated():
            # Sorted by the index alone. Unfinished executions are few, so they are dropped here, not in the query.
            async for document in (
                self._collection.find({"task_id": task_id, **NOT_SKIPPED}, {"output": 0})
                .sort(NEWEST_FIRST[:1])
                .limit(2 * limit)
            ):
                if document.get("status") in ENDED:
                    found.append(document)
        return [*self._parsing.readable(found[:limit])]


def query_of(wanted: AlertFilter) -> dict[str, Any]:
    """The MongoDB query of a filter."""
    query: dict[str, Any] = {}
    if wanted.state is not None:
        query["open_key"] = {"$gt": ""} if wanted.state is AlertState.OPEN else None
    if wanted.kind is not None:
        query["kind"] = str(wanted.kind)
    if wanted.task_id is not None:
        query["task_id"] = wanted.task_id
    return query
