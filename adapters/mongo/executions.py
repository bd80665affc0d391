"""Executions in MongoDB. Every write names the statuses that it may follow, so that an end never changes."""

from __future__ import annotations

import builtins
from collections import defaultdict
from collections.abc import Awaitable, Collection, Mapping, Sequence
from datetime import datetime
from typing import Any

from pymongo import ASCENDING, DESCENDING, UpdateOne
from pymongo.errors import BulkWriteError, DuplicateKeyError

from falcon_scheduler.adapters.mongo.client import EXECUTIONS, OCCURRENCES, TASKS, Database
from falcon_scheduler.adapters.mongo.errors import translated
from falcon_scheduler.adapters.mongo.execution_documents import (
    attempt_documents,
    detail_document,
    from_document,
    to_document,
)
from falcon_scheduler.adapters.mongo.execution_queries import NOT_SKIPPED, SKIPPED, query_of
from falcon_scheduler.adapters.mongo.fields import split
from falcon_scheduler.adapters.mongo.newest import NewestFirst
from falcon_scheduler.adapters.mongo.unreadable import Parsing
from falcon_scheduler.core.domain.attempt import Attempts
from falcon_scheduler.core.domain.execution import Execution, ExecutionStatus
from falcon_scheduler.core.errors import ExecutionNotFound
from falcon_scheduler.core.ports import Beginning, ExecutionFilter, Page, PageRequest, Position

PENDING, RUNNING = str(ExecutionStatus.PENDING), str(ExecutionStatus.RUNNING)
UNFINISHED = [PENDING, RUNNING]
DUPLICATE = 11000
"""Source: MongoDB error codes, DuplicateKey."""
MANY = 20
"""From this many ends on, most are expected to have no document yet."""
ENDED = [str(status) for status in ExecutionStatus if status.is_terminal]
LARGE = ("output", "metadata.parameters", "attempts")
NEWEST_FIRST = [("started_at", DESCENDING), ("_id", ASCENDING)]


class MongoExecutionStore:
    """See `core.ports.ExecutionStore`."""

    def __init__(self, database: Database) -> None:
        self._collection = database[EXECUTIONS]
        self._tasks = database[TASKS]
        self._occurrences = database[OCCURRENCES]
        self._newest = NewestFirst(
            self._collection, "started_at", large=("output", "metadata.parameters", "attempts"), ordered=True
        )
        self._parsing = Parsing("execution", from_document)

    async def get(self, execution_id: str) -> Execution:
        with translated():
            document = await self._collection.find_one({"_id": execution_id})
        if document is None:
            raise ExecutionNotFound(execution_id)
        return self._parsing.one(document)

    async def of_ids(self, execution_ids: Sequence[str]) -> Mapping[str, Execution]:
        with translated():
            documents = await self._collection.find({"_id": {"$in": [*execution_ids]}}).to_list()
        return self._parsing.by_id(documents)

    async def add(self, execution: Execution) -> bool:
        document, _ = split(to_document(execution))
        try:
            with translated():
                await self._collection.insert_one({"_id": execution.id, **document})
        except DuplicateKeyError:
            return False
        return True

    async def begin(self, execution: Execution) -> Beginning:
        performer = execution.performer or None
        mine = {"$or": [{"status": PENDING}, {"status": RUNNING, "performer": performer}]}
        if await self._write(execution, mine, {}):
            return Beginning.BEGUN
        known = (await self.of_ids([execution.id])).get(execution.id)
        if known is None or known.status is ExecutionStatus.PENDING:
            return Beginning.TAKEN
        return Beginning.ENDED if known.status.is_terminal else Beginning.ELSEWHERE

    async def fence_off(self, execution_ids: Sequence[str], fencing_token: int) -> None:
        with translated():
            await self._collection.update_many(
                {"_id": {"$in": [*execution_ids]}, "status": {"$in": UNFINISHED}},
                {"$max": {"fenced_by": fencing_token}},
            )

    async def finish(self, execution: Execution, *, fenced: bool = False) -> bool:
        condition: dict[str, Any] = {"status": {"$in": UNFINISHED}}
        if fenced:
            condition["fenced_by"] = None
        return await self._write(execution, condition, _marks(execution))

    async def finish_all(self, executions: Sequence[Execution]) -> Sequence[Execution]:
        documents = {each.id: {**split(to_document(each))[0], **_marks(each)} for each in executions}
        if len(documents) < MANY:
            refused = await self._end(documents)
        else:  # after a downtime nearly all are new, and an insert costs a quarter of a conditional upsert
            known = await self._create(documents)
            refused = await self._end({each: documents[each] for each in known})
        return [execution for execution in executions if execution.id not in refused]

    async def _create(self, documents: Mapping[str, Mapping[str, Any]]) -> builtins.list[str]:
        """Insert the documents. Returns the ids that exist already."""
        ids = [*documents]
        rows = [{"_id": each, **documents[each]} for each in ids]
        return [ids[index] for index in await self._refused(self._collection.insert_many(rows, ordered=False))]

    async def _end(self, documents: Mapping[str, Mapping[str, Any]]) -> builtins.list[str]:
        """Write ends, each only if none is stored. Returns the ids that have ended already."""
        if not documents:
            return []
        ids = [*documents]
        writes = [
            UpdateOne({"_id": each, "status": {"$in": UNFINISHED}}, {"$set": documents[each]}, upsert=True)
            for each in ids
        ]
        return [ids[index] for index in await self._refused(self._collection.bulk_write(writes, ordered=False))]

    @staticmethod
    async def _refused(write: Awaitable[object]) -> builtins.list[int]:
        """The positions of the documents in a bulk write that were refused as duplicates."""
        with translated():
            try:
                await write
            except BulkWriteError as error:
                if any(fault["code"] != DUPLICATE for fault in error.details["writeErrors"]):
                    raise
                return [fault["index"] for fault in error.details["writeErrors"]]
        return []

    async def _write(self, execution: Execution, condition: Mapping[str, Any], marks: Mapping[str, Any]) -> bool:
        """Upsert with a condition. The status only moves forward, whoever writes and in whichever order.

        If the document exists but does not meet the condition, the upsert tries to insert a second one with the same
        `_id`, and the unique index refuses it. So one operation both creates and guards: a read before the write
        would leave a gap in which the mirror and the run could overwrite each other's end.
        """
        document, _ = split(to_document(execution))
        try:
            with translated():
                await self._collection.update_one(
                    {"_id": execution.id, **condition}, {"$set": {**document, **marks}}, upsert=True
                )
        except DuplicateKeyError:
            return False
        return True

    async def note(
        self,
        execution_id: str,
        *,
        retry_count: int | None = None,
        attempts: Attempts | None = None,
        heartbeat_at: datetime | None = None,
        detail: Mapping[str, Any] | None = None,
    ) -> bool:
        fields: dict[str, Any] = {
            f"metadata.{name}": value for name, value in detail_document(detail or {}).items() if "." not in name
        }
        if retry_count is not None:
            fields |= {"retry_count": retry_count, "metadata.retry_count": retry_count}
        if attempts is not None:
            fields["attempts"] = attempt_documents(attempts)
        if heartbeat_at is not None:
            fields["heartbeat_at"] = heartbeat_at
        if not fields:
            return True
        with translated():
            unfinished = {"_id": execution_id, "status": {"$in": UNFINISHED}}
            return (await self._collection.update_one(unfinished, {"$set": fields})).matched_count == 1

    async def note_alive(self, execution_ids: Sequence[str], at: datetime) -> Collection[str]:
        unfinished = {"_id": {"$in": [*execution_ids]}, "status": {"$in": UNFINISHED}}
        with translated():
            written = await self._collection.update_many(unfinished, {"$set": {"heartbeat_at": at}})
            if written.matched_count == len(set(execution_ids)):
                return set()
            found = await self._collection.find(unfinished, {"_id": 1}).to_list()
        return {*execution_ids} - {document["_id"] for document in found}

    async def uncounted(self, limit: int) -> Sequence[Execution]:
        with translated():
            documents = await self._collection.find({"uncounted": True}).limit(limit).to_list()
        return [*self._parsing.readable(documents)]

    async def still_uncounted(self, execution_ids: Sequence[str]) -> Collection[str]:
        query = {"_id": {"$in": [*execution_ids]}, "uncounted": True}
        with translated():
            return {document["_id"] for document in await self._collection.find(query, {"_id": 1}).to_list()}

    async def mark_counted(self, execution_ids: Sequence[str]) -> None:
        with translated():
            await self._collection.update_many({"_id": {"$in": [*execution_ids]}}, {"$unset": {"uncounted": ""}})

    async def without_holder(self, since: datetime, limit: int) -> Sequence[Execution]:
        query = {"holder_sought": True, "status": SKIPPED, "started_at": {"$gte": since}}
        with translated():
            documents = await self._collection.find(query).limit(limit).to_list()
        return [*self._parsing.readable(documents)]

    async def name_holder(self, execution_id: str, held_by: str) -> None:
        changes = {"$set": {"skip.held_by": held_by}, "$unset": {"holder_sought": ""}}
        with translated():
            await self._collection.update_one({"_id": execution_id, "holder_sought": True}, changes)

    async def unfinished(self, task_id: str | None = None) -> Sequence[Execution]:
        query: dict[str, Any] = {"status": {"$in": UNFINISHED}}
        if task_id is not None:
            query["task_id"] = task_id
        with translated():
            documents = await self._collection.find(query).to_list()
        return sorted(self._parsing.readable(documents), key=lambda execution: execution.started_at)

    async def unclaimed(self) -> Collection[str]:
        query = {"status": RUNNING, "performer": {"$gt": ""}}
        with translated():
            return {document["_id"] for document in await self._collection.find(query, {"_id": 1}).to_list()}

    async def running(self) -> int:
        with translated():
            return len(await self._collection.find({"status": RUNNING}, {"_id": 1}).to_list())

    async def list(
        self, wanted: ExecutionFilter, page: PageRequest, after: Position | None = None
    ) -> Page[Execution]:
        query = query_of(wanted)
        with translated():
            total = await self._newest.total(query)
            if not wanted.statuses and not wanted.outcomes:
                # Both counts come from an index; a count of what is not skipped would read the documents.
                total = max(total - await self._newest.total({**query, "status": SKIPPED}), 0)
                query |= NOT_SKIPPED
            if after is None:
                documents = await self._newest.page(query, page, total)
                is_last = page.offset + page.size >= total
            else:
                documents = await self._newest.behind(after, query, page, total)
                is_last = len(documents) <= page.size
        shown = documents[: page.size]
        following = self._newest.position_of(shown[-1]) if shown and not is_last else None
        return Page(items=[*self._parsing.readable(shown)], total=total, request=page, following=following)

    async def delete_of_task(self, task_id: str) -> int:
        with translated():
            await self._occurrences.delete_many({"task_id": task_id})
            return (await self._collection.delete_many({"task_id": task_id})).deleted_count

    async def ended_before(
        self, instant: datetime, *, keep: Collection[str], limit: int, spare_foreign: bool = False
    ) -> Mapping[str, Sequence[str]]:
        query: dict[str, Any] = {"status": {"$in": ENDED}, "started_at": {"$lt": instant}, "uncounted": None}
        if spare_foreign:
            query |= {"metadata.trigger": {"$exists": True}}
        found: dict[str, builtins.list[str]] = defaultdict(builtins.list)
        left = limit
        with translated():
            ended = self._collection.find(query, {"task_id": 1}).sort("started_at", ASCENDING)
            async for document in ended:
                if document["_id"] not in keep:
                    found[document.get("task_id") or ""].append(document["_id"])
                    left -= 1
                if left <= 0:
                    break
        return found

    async def delete(self, execution_ids: Sequence[str]) -> None:
        with translated():
            await self._collection.delete_many({"_id": {"$in": [*execution_ids]}})

    async def delete_skipped_before(self, instant: datetime, limit: int) -> int:
        query = {"status": SKIPPED, "started_at": {"$lt": instant}, "uncounted": None}
        with translated():
            old = await self._collection.find(query, {"_id": 1}).limit(limit).to_list()
            if not old:
                return 0
            return (await self._collection.delete_many({"_id": {"$in": [each["_id"] for each in old]}})).deleted_count

    async def latest_of_tasks(self, task_ids: Collection[str]) -> Mapping[str, str]:
        latest: dict[str, str] = {}
        for task_id in task_ids:
            with translated():
                if await self._tasks.find_one({"_id": task_id}, {"_id": 1}) is None:
                    continue
                query = {"task_id": task_id, "status": {"$in": ENDED}}
                newest = await self._collection.find(query, {"_id": 1}).sort(NEWEST_FIRST[:1]).limit(1).to_list()
            if newest:
                latest[task_id] = newest[0]["_id"]
        return latest


def _marks(end: Execution) -> dict[str, bool]:
    """What is still to be done about an end that is written now."""
    marks = {"uncounted": True}
    if end.skip is not None and end.skip.lacks_holder:
        marks["holder_sought"] = True
    return marks
