"""Checks, repairs and returns a database of go-falcon, document by document.

Every write is conditional on the document as it was read, so a document that changes in between is left alone and
reported. Repeatable: a second call skips what is done.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from falcon_scheduler.adapters.mongo.client import EXECUTIONS, TASKS, Database
from falcon_scheduler.adapters.mongo.errors import translated
from falcon_scheduler.adapters.mongo.execution_queries import SKIPPED
from falcon_scheduler.adapters.mongo.go_falcon.database import FOREIGN_EXECUTION, FOREIGN_TASK
from falcon_scheduler.adapters.mongo.go_falcon.findings import (
    Finding,
    Judge,
    execution_findings,
    task_findings,
)
from falcon_scheduler.adapters.mongo.go_falcon.way_back import execution_for_go, notes_on, task_for_go

LEFTOVERS_SHOWN = 1000
ONE_MORE = {"revision": 1}


@dataclass(frozen=True, slots=True, kw_only=True)
class Returned:
    """What the way back wrote. `notes` are pairs of a document and what go-falcon can't express of it."""

    tasks: int
    executions: int
    notes: Sequence[tuple[str, str]]
    missed: Sequence[str]
    """Documents that changed during the rewrite; the next call rewrites them."""


class GoFalconMigration:
    """The operator's three commands on the documents themselves."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._tasks = database[TASKS]
        self._executions = database[EXECUTIONS]

    async def other_databases(self) -> Sequence[str]:
        """Names of other databases of the same server that hold scheduler tasks."""
        with translated():
            names = await self._database.client.list_database_names()
            found = []
            for name in names:
                if name in {self._database.name, "admin", "config", "local"}:
                    continue
                if await self._database.client[name][TASKS].find_one({}, {"_id": 1}) is not None:
                    found.append(name)
        return found

    async def check(
        self, known_system_tasks: Mapping[str, Any], judge: Judge, retention_from: datetime
    ) -> AsyncIterator[Finding]:
        """Every finding, task by task, then the unfinished executions."""
        with translated():
            names: Counter[str] = Counter()
            async for document in self._tasks.find({}, {"name": 1}):
                if isinstance(document.get("name"), str):
                    names[document["name"]] += 1
            async for document in self._tasks.find({}):
                for finding in task_findings(document, known_system_tasks, judge, names):
                    yield finding
            odd = {"status": {"$nin": ["completed", "failed"]}, **FOREIGN_EXECUTION}
            async for document in self._executions.find(odd).limit(LEFTOVERS_SHOWN):
                for finding in execution_findings(document, retention_from):
                    yield finding

    async def repair(self, finding: Finding) -> bool:
        """Set the fields of the finding's repair. False when there is none or the task is gone."""
        if not finding.repair:
            return False
        task_id, fields = finding.document.partition("/")[2], {"$set": dict(finding.repair)}
        with translated():
            # A task that go-falcon wrote last keeps its revision: the takeover and the way back recognise it by that.
            theirs = await self._tasks.update_one({"_id": task_id, **FOREIGN_TASK}, fields)
            ours = {"_id": task_id, "revision": {"$exists": True}}
            result = (
                theirs if theirs.matched_count else await self._tasks.update_one(ours, {**fields, "$inc": ONE_MORE})
            )
        return result.matched_count == 1

    async def back(self) -> Returned:
        """Rewrite every document that this service wrote so that go-falcon's driver reads it."""
        tasks = executions = 0
        notes: list[tuple[str, str]] = []
        missed: list[str] = []
        with translated():
            async for document in self._tasks.find({"revision": {"$exists": True}}):
                where = f"{TASKS}/{document['_id']}"
                notes += [(where, note) for note in notes_on(document)]
                condition = {"_id": document["_id"], "revision": document["revision"]}
                replaced = await self._tasks.replace_one(condition, task_for_go(document))
                tasks += replaced.matched_count
                missed += [] if replaced.matched_count else [where]
            removed = (await self._executions.delete_many({"status": SKIPPED})).deleted_count
            if removed:
                notes.append((EXECUTIONS, f"{removed} skipped executions are removed; go-falcon has no such outcome"))
            async for document in self._executions.find({"duration": {"$not": {"$type": "long"}}}):
                condition = {"_id": document["_id"], "status": document.get("status")}
                replaced = await self._executions.replace_one(condition, execution_for_go(document))
                executions += replaced.matched_count
                missed += [] if replaced.matched_count else [f"{EXECUTIONS}/{document['_id']}"]
        return Returned(tasks=tasks, executions=executions, notes=notes, missed=missed)
