"""Tasks in MongoDB. A change is a compare-and-set on the revision: whole or not at all, and never lost."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Callable, Collection, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from functools import partial
from typing import Any

from pymongo.errors import DuplicateKeyError

from falcon_scheduler.adapters.mongo.client import TASKS, Database
from falcon_scheduler.adapters.mongo.errors import translated
from falcon_scheduler.adapters.mongo.fields import one_of, split, update_of
from falcon_scheduler.adapters.mongo.newest import NewestFirst
from falcon_scheduler.adapters.mongo.reading import Reading
from falcon_scheduler.adapters.mongo.task_documents import stored_fields, to_document
from falcon_scheduler.adapters.mongo.task_order import ordered_page
from falcon_scheduler.adapters.mongo.task_reading import day_counts, from_document
from falcon_scheduler.adapters.mongo.unreadable import Parsing
from falcon_scheduler.core.domain.task import Task, TaskStatus
from falcon_scheduler.core.domain.task_definition import After
from falcon_scheduler.core.errors import ConcurrentChange, NameTaken, TaskNotFound
from falcon_scheduler.core.ports import Page, PageRequest, TaskCounts, TaskFilter, Work
from falcon_scheduler.core.ports.paging import TaskOrder
from falcon_scheduler.core.retrying import retried, spread

CHANGE_ATTEMPTS = 20
PAUSE_AFTER_CHANGE = timedelta(milliseconds=10)
READ_AT_ONCE = 20
"""What a list of ids costs the embedded server grows with the square of its length: one of 500 costs six times as
much as 25 of 20."""
_EARLIEST = datetime.min.replace(tzinfo=UTC)
_LAST_CHARACTER = "\U0010ffff"


class MongoTaskStore:
    """See `core.ports.TaskStore`."""

    def __init__(self, database: Database) -> None:
        self._collection = database[TASKS]
        self._newest = NewestFirst(self._collection, "updated_at")
        self._parsing = Parsing("task", from_document)
        self._unreadable: Collection[str] = ()
        self._impeded: Collection[str] = ()
        self._odd_ids: dict[str, Any] = {}
        """Ids that are no text, by their text form. `all`, which the reload calls each minute, collects them."""

    async def get(self, task_id: str) -> Task:
        with translated():
            document = await self._collection.find_one({"_id": self._odd_ids.get(task_id, task_id)})
        if document is None:
            raise TaskNotFound(task_id)
        return self._parsing.one(document)

    async def of_ids(self, task_ids: Collection[str]) -> Mapping[str, Task]:
        if not task_ids:
            return {}
        wanted = [self._odd_ids.get(each, each) for each in task_ids]
        with translated():
            return self._parsing.by_id(await self._collection.find({"_id": {"$in": wanted}}).to_list())

    async def of_deployments(self, deployment_ids: Collection[str]) -> Mapping[str, Task]:
        if not deployment_ids:
            return {}
        with translated():
            documents = await self._collection.find({"scheduler.deployed.id": {"$in": [*deployment_ids]}}).to_list()
        return {task.deployment_id: task for task in self._parsing.readable(documents) if task.deployment_id}

    async def names(self, task_ids: Collection[str]) -> Mapping[str, str]:
        return await self._texts(task_ids, "name")

    async def work_of(self, task_ids: Collection[str]) -> Mapping[str, Work]:
        if not task_ids:
            return {}
        with translated():
            documents = await self._collection.find({"_id": {"$in": [*task_ids]}}, {"type": 1, "config": 1}).to_list()
        return {
            each["_id"]: Work(each["type"], config if isinstance(config := each.get("config"), dict) else {})
            for each in documents
            if isinstance(each.get("type"), str)
        }

    async def _texts(self, task_ids: Collection[str], field: str) -> Mapping[str, str]:
        if not task_ids:
            return {}
        with translated():
            documents = await self._collection.find({"_id": {"$in": [*task_ids]}}, {field: 1}).to_list()
        return {each["_id"]: value for each in documents if isinstance(value := each.get(field), str)}

    async def named(self, name: str) -> Task | None:
        with translated():
            document = await self._collection.find_one({"name": name})
        return self._parsing.one(document) if document is not None else None

    async def insert(self, task: Task) -> Task:
        document, _ = split(to_document(task))
        try:
            with translated():
                if await self._collection.find_one({"name": task.definition.name}, {"_id": 1}) is not None:
                    raise NameTaken(task.definition.name)  # the unique index may be missing, see `ensure_indexes`
                await self._collection.insert_one({"_id": task.id, "revision": 1, **document})
        except DuplicateKeyError as error:
            raise NameTaken(task.definition.name) from error
        self._newest.forget_totals()
        return replace(task, revision=1)

    async def change(self, task_id: str, change: Callable[[Task], Task], known: Task | None = None) -> Task:
        if known is not None and (stored := await self._change_known(known, change)) is not None:
            return stored
        attempt = partial(self._change_once, task_id, change)
        return await retried(attempt, on=(ConcurrentChange,), pauses=spread(PAUSE_AFTER_CHANGE, CHANGE_ATTEMPTS))

    async def _change_known(self, known: Task, change: Callable[[Task], Task]) -> Task | None:
        """Change the task if it is as it is known. What the change would not write, or refuses, needs the present."""
        try:
            wanted = change(known)
        except Exception:  # noqa: BLE001 - the change itself decides, on the task as it is now
            return None
        if wanted == known or not await self._write(known, wanted):
            return None
        return replace(wanted, revision=(known.revision or 0) + 1)

    async def _change_once(self, task_id: str, change: Callable[[Task], Task]) -> Task:
        """Raises `ConcurrentChange` when somebody else has changed the task since it was read."""
        present = await self.get(task_id)
        wanted = change(present)
        if wanted == present:
            return present
        if not await self._write(present, wanted):
            raise ConcurrentChange(task_id)
        return replace(wanted, revision=(present.revision or 0) + 1)

    async def _write(self, present: Task, wanted: Task) -> bool:
        update = update_of(stored_fields(present, wanted))
        update["$set"]["revision"] = (present.revision or 0) + 1
        condition = {
            "_id": present.unread.get("_id", present.id),
            "revision": present.unread.get("revision", present.revision),
        }
        try:
            with translated():
                result = await self._collection.update_one(condition, update)
        except DuplicateKeyError as error:
            raise NameTaken(wanted.definition.name) from error
        return result.matched_count == 1

    async def delete(self, task_id: str, *, revision: int | None = None) -> bool:
        query = {"_id": self._odd_ids.get(task_id, task_id)} | ({} if revision is None else {"revision": revision})
        with translated():
            deleted = (await self._collection.delete_one(query)).deleted_count
        self._newest.forget_totals()
        return bool(deleted)

    async def active(self) -> Sequence[Task]:
        with translated():
            documents = await self._collection.find({"scheduler.is_active": True}).to_list()
        return [*self._parsing.readable(documents)]

    async def list(self, wanted: TaskFilter, page: PageRequest) -> Page[Task]:
        query = query_of(wanted)
        with translated():
            total = await self._newest.total(query)
            if wanted.order is TaskOrder.UPDATED:
                documents = await self._newest.page(query, page, total)
            else:
                documents = await ordered_page(self._collection, query, page, wanted.order)
        return Page(items=[*self._parsing.readable(documents)], total=total, request=page)

    async def all(self, after: str | None = None) -> AsyncIterator[Task]:
        with translated():  # embedded servers scan the collection for a range of `_id`, but not for a list of ids
            ids = [document["_id"] for document in await self._collection.find({}, {"_id": 1}).to_list()]
        ids.sort(key=str)
        self._odd_ids = {str(each): each for each in ids if not isinstance(each, str)}
        unreadable: set[str] = set()
        if after is not None:
            ids = [each for each in ids if str(each) > after]
        impeded: list[str] = []
        for start in range(0, len(ids), READ_AT_ONCE):
            with translated():
                found = self._collection.find({"_id": {"$in": ids[start : start + READ_AT_ONCE]}})
                documents = await found.to_list()
            tasks = self._parsing.by_id(sorted(documents, key=lambda each: str(each["_id"])))
            unreadable |= {str(document["_id"]) for document in documents} - tasks.keys()
            impeded += [task.id for task in tasks.values() if task.impediments]
            for task in tasks.values():
                yield task
        if after is None:
            self._unreadable, self._impeded = sorted(unreadable), impeded

    async def beginning_with(self, prefix: str) -> Sequence[Task]:
        within = {"_id": {"$gte": prefix, "$lt": f"{prefix}{_LAST_CHARACTER}"}}
        with translated():
            documents = await self._collection.find(within).to_list()
        return [*self._parsing.readable(sorted(documents, key=lambda each: str(each["_id"])))]

    def impeded(self) -> Collection[str]:
        return self._impeded

    def unreadable(self) -> Collection[str]:
        return self._unreadable

    async def due_before(self, instant: datetime) -> AsyncIterator[Task]:
        with translated():
            documents = await self._collection.find({"next_run": _before(instant)}, {"config": 0}).to_list()
        for document in documents:
            for task in self._parsing.readable([document]):
                yield task

    async def unplanned(self, before: datetime) -> Sequence[Task]:
        with translated():
            documents = await self._collection.find({"scheduler.unplanned_since": _before(before)}).to_list()
        return [*self._parsing.readable(documents)]

    async def owing(self) -> Sequence[Task]:
        with translated():
            documents = await self._collection.find({"scheduler.owes": True}).to_list()
        return [*self._parsing.readable(documents)]

    async def calendar_uses(self) -> Mapping[str, Mapping[str, int]]:
        with translated():
            found = self._collection.find({"scheduler.calendars.name": {"$gt": ""}}, {"scheduler.calendars": 1})
            documents = await found.to_list()
        uses = {str(each["_id"]): Reading(each).part("scheduler").raw("calendars") for each in documents}
        return {
            task_id: {each.text("name"): each.number("version") for each in map(Reading, used)}
            for task_id, used in uses.items()
            if isinstance(used, list)
        }

    async def ending(self) -> Sequence[Task]:
        ends = [str(each) for each in After if each is not After.KEEP]
        with translated():
            documents = await self._collection.find({"metadata.after": {"$in": ends}, "enabled": True}).to_list()
        return [*self._parsing.readable(documents)]

    async def counts(self, day: date) -> TaskCounts:
        total = enabled = running = completed = failed = impeded = 0
        runtime = timedelta()
        fields = {"enabled": 1, "status": 1, "scheduler.today": 1, "scheduler.impeded": 1}
        with translated():
            async for document in self._collection.find({}, fields):
                total += 1
                enabled += bool(document.get("enabled"))
                running += document.get("status") == TaskStatus.RUNNING
                bookkeeping = Reading(document.get("scheduler"))
                impeded += bookkeeping.flag("impeded")
                today = day_counts(bookkeeping.part("today"))
                if today.day == day:
                    completed += today.completed
                    failed += today.failed
                    runtime += today.runtime
        return TaskCounts(
            total=total,
            enabled=enabled,
            running=running,
            completed=completed,
            failed=failed,
            runtime_total=runtime,
            impeded=impeded,
        )


def _before(instant: datetime) -> dict[str, datetime]:
    """Without the lower bound the embedded server decodes each document that lacks the field, all tasks at most."""
    return {"$gte": _EARLIEST, "$lt": instant}


def query_of(wanted: TaskFilter) -> dict[str, Any]:
    """The MongoDB query of a filter. The most selective field is first: embedded servers use its index."""
    query: dict[str, Any] = {}
    if wanted.tags:
        one = len(wanted.tags) == 1  # embedded servers answer this form from the index, ten times faster
        query["metadata.tags"] = wanted.tags[0] if one else {"$all": [*wanted.tags]}
    if wanted.statuses:
        query["status"] = one_of([str(each) for each in wanted.statuses])
    if wanted.types:
        query["type"] = one_of(wanted.types)
    if wanted.enabled is not None:
        query["enabled"] = wanted.enabled
    if wanted.priorities:
        query["priority"] = one_of([str(each) for each in wanted.priorities])
    if wanted.query:
        query["name"] = {"$regex": re.escape(wanted.query), "$options": "i"}
    return query
