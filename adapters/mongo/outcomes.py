"""Ended executions in MongoDB, in the order in which they ended."""

from __future__ import annotations

from collections.abc import AsyncIterator, Container, Mapping
from datetime import datetime

from pymongo import ASCENDING

from falcon_scheduler.adapters.mongo.client import EXECUTIONS, TASKS, Database
from falcon_scheduler.adapters.mongo.errors import translated
from falcon_scheduler.adapters.mongo.execution_documents import from_document
from falcon_scheduler.adapters.mongo.execution_queries import NOT_SKIPPED
from falcon_scheduler.adapters.mongo.unreadable import Parsing
from falcon_scheduler.core.domain.execution import Execution

_READ_AT_ONCE = 200


class MongoOutcomeLog:
    """See `core.ports.outcomes.OutcomeLog`."""

    def __init__(self, database: Database) -> None:
        self._executions = database[EXECUTIONS]
        self._tasks = database[TASKS]
        self._parsing = Parsing("execution", from_document)

    async def ended_since(self, instant: datetime, known: Container[str] = ()) -> AsyncIterator[Execution]:
        with translated():
            ended = self._executions.find(
                {"completed_at": {"$gte": instant}, **NOT_SKIPPED}, batch_size=_READ_AT_ONCE
            )
            async for document in ended.sort("completed_at", ASCENDING):
                if str(document["_id"]) not in known:
                    for execution in self._parsing.readable([document]):
                        yield execution

    async def skips(self) -> Mapping[str, int]:
        totals = {"$group": {"_id": "$type", "skips": {"$sum": "$metadata.skipped_count"}}}
        with translated():
            found = await (await self._tasks.aggregate([totals])).to_list()
        return {str(each["_id"]): int(each["skips"]) for each in found}
