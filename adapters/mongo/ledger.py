"""The ledger in MongoDB: fates are read from the executions; what has no execution has an entry of its own."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from pymongo import ASCENDING
from pymongo.errors import BulkWriteError

from falcon_scheduler.adapters.mongo.client import EXECUTIONS, OCCURRENCES, OUTAGES, Database, Document
from falcon_scheduler.adapters.mongo.errors import translated
from falcon_scheduler.adapters.mongo.execution_documents import EPOCH, from_document
from falcon_scheduler.adapters.mongo.reading import Reading
from falcon_scheduler.adapters.mongo.unreadable import Parsing
from falcon_scheduler.core.domain.execution import Execution, Trigger
from falcon_scheduler.core.domain.explanation import Cause
from falcon_scheduler.core.domain.occurrence import FATE_OF, Fate, Occurrence, Reason, fate_of
from falcon_scheduler.core.ports.ledger import Fates, Outage

SCHEDULED = "metadata.scheduled_for"
BY_SCHEDULE = {"metadata.trigger": str(Trigger.SCHEDULE)}
_WITHOUT_LARGE = {"output": 0, "metadata.parameters": 0}
_DUPLICATE = 11000
"""Source: MongoDB error codes, DuplicateKey."""
_CLOCKS_DIFFER = timedelta(minutes=5)
"""By so much the clock of a worker may be behind Prefect's."""
_NEAREST = timedelta(microseconds=1000)
"""MongoDB stores milliseconds."""


class MongoLedgerStore:
    """See `core.ports.ledger.LedgerStore`."""

    def __init__(self, database: Database) -> None:
        self._executions = database[EXECUTIONS]
        self._entries = database[OCCURRENCES]
        self._outages = database[OUTAGES]
        self._parsing = Parsing("execution", from_document)

    async def fates(
        self, begin: datetime, end: datetime, *, task_id: str | None = None, limit: int | None = None
    ) -> Fates:
        documents = await self._scheduled(begin, end, task_id, limit)
        until = end
        if limit is not None and len(documents) >= limit:
            until = _instant(documents[-1])
            if _instant(documents[0]) == until:  # more tasks than the limit are due in the same second
                until += _NEAREST
                documents = await self._scheduled(begin, until, task_id, None)
        before = (each for each in documents if _instant(each) < until)
        fates = (fate_of(execution) for execution in self._parsing.readable(before))
        return Fates(found=sorted((each for each in fates if each is not None), key=_order), until=until)

    async def served(self, begin: datetime, end: datetime) -> Mapping[str, Collection[datetime]]:
        found: dict[str, set[datetime]] = defaultdict(set)
        for document in await self._scheduled(begin, end, None, None, {"task_id": 1, SCHEDULED: 1}):
            found[str(document.get("task_id"))].add(_instant(document))
        return found

    async def _scheduled(
        self,
        begin: datetime,
        end: datetime,
        task_id: str | None,
        limit: int | None,
        fields: Mapping[str, int] = _WITHOUT_LARGE,
    ) -> list[Document]:
        of_task = {} if task_id is None else {"task_id": task_id}
        # No work begins before its instant. The embedded server has an index of this bound, and none of the instant.
        started = {**of_task, "started_at": {"$gte": begin - _CLOCKS_DIFFER}}
        query = {**started, SCHEDULED: {"$gte": begin, "$lt": end}, **BY_SCHEDULE}
        with translated():
            found = self._executions.find(query, fields).sort([(SCHEDULED, ASCENDING)]).limit(limit or 0)
            return await found.to_list()

    async def executions(self, task_id: str, at: datetime) -> Sequence[Execution]:
        query = {"task_id": task_id, "started_at": {"$gte": at - _CLOCKS_DIFFER}, SCHEDULED: at, **BY_SCHEDULE}
        with translated():
            documents = await self._executions.find(query, _WITHOUT_LARGE).to_list()
        return sorted(self._parsing.readable(documents), key=lambda each: each.id)

    async def entries(
        self, begin: datetime, end: datetime, *, task_id: str | None = None, limit: int | None = None
    ) -> Sequence[Occurrence]:
        of_task = {} if task_id is None else {"task_id": task_id}
        query = {**of_task, "until": {"$gte": begin}, "at": {"$lt": end}}
        with translated():
            found = self._entries.find(query).sort([("until", ASCENDING)]).limit(limit or 0)
            documents = await found.to_list()
        return sorted((_entry(Reading(each)) for each in documents), key=_order)

    async def add(self, entries: Sequence[Occurrence]) -> None:
        if not entries:
            return
        with translated():
            try:
                await self._entries.insert_many([_document(each) for each in entries], ordered=False)
            except BulkWriteError as error:
                if any(fault["code"] != _DUPLICATE for fault in error.details["writeErrors"]):
                    raise
        for each in entries:
            if each.fate is Fate.CAUGHT_UP:
                decided = {"_id": _id(each), "fate": {"$ne": str(Fate.CAUGHT_UP)}}
                with translated():
                    await self._entries.update_one(decided, {"$set": _document(each)})

    async def extend(self, entry: Occurrence, until: datetime, count: int) -> bool:
        known = {"_id": _id(entry), "until": entry.until, "reason": str(entry.reason)}
        with translated():
            written = await self._entries.update_one(known, {"$set": {"until": until, "count": entry.count + count}})
        return written.matched_count == 1

    async def add_outage(self, outage: Outage) -> None:
        document = {"reason": str(outage.cause), "since": outage.since, "until": outage.until, "text": outage.text}
        document |= {"queue": outage.queue} if outage.queue else {}
        subject = f"{outage.cause}/{outage.queue}" if outage.queue else str(outage.cause)
        with translated():
            await self._outages.update_one(
                {"_id": f"{subject}/{outage.since.astimezone(UTC).isoformat()}"},
                {"$set": document},
                upsert=True,
            )

    async def outages(self, begin: datetime, end: datetime) -> Sequence[Outage]:
        with translated():
            found = self._outages.find({"until": {"$gte": begin}, "since": {"$lt": end}})
            documents = [Reading(each) for each in await found.to_list()]
        outages = [
            Outage(
                cause=each.choice("reason", Cause, Cause.SERVICE_DOWN),
                since=each.instant("since") or EPOCH,
                until=each.instant("until") or EPOCH,
                text=each.text("text"),
                queue=each.text("queue"),
            )
            for each in documents
        ]
        return sorted(outages, key=lambda each: each.since)

    async def delete_before(self, instant: datetime, limit: int) -> int:
        with translated():
            await self._outages.delete_many({"until": {"$lt": instant}})
            old = await self._entries.find({"until": {"$lt": instant}}, {"_id": 1}).limit(limit).to_list()
            if not old:
                return 0
            return (await self._entries.delete_many({"_id": {"$in": [each["_id"] for each in old]}})).deleted_count


def _instant(document: Mapping[str, Any]) -> datetime:
    return Reading(document).part("metadata").instant("scheduled_for") or EPOCH


def _order(each: Occurrence) -> tuple[datetime, str, str]:
    return each.at, each.task_id, each.execution_id


def _id(entry: Occurrence) -> str:
    return f"{entry.task_id}/{entry.at.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"


def _document(entry: Occurrence) -> Document:
    document = {
        "_id": _id(entry),
        "task_id": entry.task_id,
        "at": entry.at,
        "until": entry.until,
        "fate": str(entry.fate),
        "reason": str(entry.reason) if entry.reason else None,
        "count": entry.count,
        "execution_id": entry.execution_id or None,
        "by": entry.by or None,
        "since": entry.since,
        "text": entry.text or None,
    }
    return {name: value for name, value in document.items() if value is not None}


def _entry(stored: Reading) -> Occurrence:
    at, reason = stored.instant("at") or EPOCH, stored.choice("reason", Reason, Reason.NOT_PLANNED)
    return Occurrence(
        task_id=stored.text("task_id"),
        at=at,
        until=stored.instant("until") or at,
        fate=stored.choice("fate", Fate, FATE_OF[reason]),
        reason=reason,
        count=stored.number("count", 1),
        execution_id=stored.text("execution_id"),
        by=stored.text("by"),
        since=stored.instant("since"),
        text=stored.text("text"),
    )
