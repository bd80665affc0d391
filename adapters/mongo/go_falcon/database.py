"""The documents of go-falcon in our collections, and the record of the takeover.

A task that this service has written has a `revision`, and an execution a `metadata.trigger`. go-falcon writes
neither, and drops both when it replaces a whole document.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

from falcon_scheduler.adapters.mongo.client import EXECUTIONS, MARKS, TASKS, Database
from falcon_scheduler.adapters.mongo.errors import translated
from falcon_scheduler.adapters.mongo.fields import duration_of, instant_of
from falcon_scheduler.core.domain.execution import ExecutionStatus
from falcon_scheduler.core.domain.record import DayCounts
from falcon_scheduler.core.domain.takeover import ForeignCounts, Takeover

RECORD = "go-falcon takeover"
FOREIGN_TASK: Mapping[str, Any] = {"revision": {"$exists": False}}
FOREIGN_EXECUTION: Mapping[str, Any] = {"metadata.trigger": {"$exists": False}}
UNFINISHED = {"$in": [str(ExecutionStatus.PENDING), str(ExecutionStatus.RUNNING)]}
LONGEST_RUN = timedelta(days=2)
"""No execution is longer: a timeout is at most 24 hours; source: scheduler API, bounds."""


class MongoTakeoverRecord:
    """See `core.ports.takeover.TakeoverRecord`."""

    def __init__(self, database: Database) -> None:
        self._marks = database[MARKS]

    async def read(self) -> Takeover | None:
        with translated():
            document = await self._marks.find_one({"_id": RECORD})
        taken_over_at = instant_of((document or {}).get("taken_over_at"))
        if document is None or taken_over_at is None:
            return None
        return Takeover(
            taken_over_at=taken_over_at,
            tasks=int(document.get("tasks") or 0),
            executions=int(document.get("executions") or 0),
            leftovers=int(document.get("leftovers") or 0),
            is_complete=not document.get("is_begun"),
            returned_at=instant_of(document.get("returned_at")),
        )

    async def write(self, takeover: Takeover) -> None:
        document = {
            "taken_over_at": takeover.taken_over_at,
            "tasks": takeover.tasks,
            "executions": takeover.executions,
            "leftovers": takeover.leftovers,
            "is_begun": not takeover.is_complete,
            "returned_at": takeover.returned_at,
        }
        with translated():
            await self._marks.replace_one({"_id": RECORD}, document, upsert=True)


class GoFalconDatabase:
    """See `core.ports.takeover.ForeignDatabase`."""

    def __init__(self, database: Database) -> None:
        self._tasks = database[TASKS]
        self._executions = database[EXECUTIONS]

    async def counts(self) -> ForeignCounts:
        """Executions are counted only if there are tasks of go-falcon, to avoid a full scan of our own databases."""
        with translated():
            tasks = await self._tasks.count_documents(dict(FOREIGN_TASK))
            if not tasks:
                return ForeignCounts(tasks=0, executions=0, unfinished=0)
            executions = await self._executions.count_documents(dict(FOREIGN_EXECUTION))
            unfinished = await self._executions.count_documents({"status": UNFINISHED, **FOREIGN_EXECUTION})
        return ForeignCounts(tasks=tasks, executions=executions, unfinished=unfinished)

    async def end_leftovers(self, error: str) -> int:
        """Each ends at the instant at which it began, since its real duration is unknown."""
        ended = 0
        with translated():
            leftovers = self._executions.find({"status": UNFINISHED, **FOREIGN_EXECUTION}, {"started_at": 1})
            async for document in leftovers:
                end = {
                    "status": str(ExecutionStatus.FAILED),
                    "completed_at": document.get("started_at"),
                    "duration": "0s",
                    "error": error,
                }
                condition = {"_id": document["_id"], "status": UNFINISHED}
                ended += (await self._executions.update_one(condition, {"$set": end})).modified_count
        return ended

    async def ends_on(self, day: date) -> Mapping[str, DayCounts]:
        begin = datetime.combine(day, time(), UTC)
        query = {
            "started_at": {"$gte": begin - LONGEST_RUN},
            "completed_at": {"$gte": begin, "$lt": begin + timedelta(days=1)},
            **FOREIGN_EXECUTION,
        }
        fields = {"task_id": 1, "status": 1, "duration": 1, "error": 1}
        found: dict[str, DayCounts] = {}
        with translated():
            async for document in self._executions.find(query, fields):
                task_id = str(document.get("task_id") or "")
                found[task_id] = _with_end(found.get(task_id, DayCounts(day=day)), document)
        return found

    async def begun_since(self, instant: datetime, limit: int) -> Sequence[str]:
        query = {"started_at": {"$gt": instant}, **FOREIGN_EXECUTION}
        with translated():
            documents = await self._executions.find(query, {"_id": 1}).limit(limit).to_list()
        return [str(document["_id"]) for document in documents]


def _with_end(counts: DayCounts, document: Mapping[str, Any]) -> DayCounts:
    """The day's numbers with one more end. An unknown status counts as neither."""
    status = document.get("status")
    try:
        runtime = duration_of(document.get("duration"))
    except (ValueError, OverflowError):
        runtime = timedelta()
    return DayCounts(
        day=counts.day,
        completed=counts.completed + (status == ExecutionStatus.COMPLETED),
        failed=counts.failed + (status == ExecutionStatus.FAILED),
        runtime=counts.runtime + runtime,
    )
