"""Tasks in memory."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Collection, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import TypeVar

from falcon_scheduler.core.domain.priority import Priority
from falcon_scheduler.core.domain.task import Task, TaskStatus
from falcon_scheduler.core.domain.task_definition import After
from falcon_scheduler.core.errors import NameTaken, TaskNotFound
from falcon_scheduler.core.ports import (
    Page,
    PageRequest,
    TaskCounts,
    TaskFilter,
    Work,
)
from falcon_scheduler.core.ports.paging import TaskOrder

T = TypeVar("T")


def page_of(items: Sequence[T], page: PageRequest) -> Page[T]:
    """One page of all that was found."""
    return Page(items=[*items[page.offset : page.offset + page.size]], total=len(items), request=page)


def _ordered(tasks: Sequence[Task], order: TaskOrder) -> Sequence[Task]:
    earliest, latest = datetime.min.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC)
    if order is TaskOrder.NAME:
        return sorted(tasks, key=lambda task: task.definition.name)
    if order is TaskOrder.NEXT_RUN:
        return sorted(tasks, key=lambda task: task.next_run or latest)
    if order is TaskOrder.LAST_RUN:
        return sorted(tasks, key=lambda task: task.record.last_run or earliest, reverse=True)
    return sorted(tasks, key=lambda task: task.updated_at, reverse=True)


class MemoryTaskStore:
    """See `core.ports.TaskStore`."""

    def __init__(self) -> None:
        self.rows: dict[str, Task] = {}
        self._impeded: Collection[str] = ()

    async def get(self, task_id: str) -> Task:
        if task_id not in self.rows:
            raise TaskNotFound(task_id)
        return self.rows[task_id]

    async def of_ids(self, task_ids: Collection[str]) -> Mapping[str, Task]:
        return {each: self.rows[each] for each in task_ids if each in self.rows}

    async def names(self, task_ids: Collection[str]) -> Mapping[str, str]:
        return {each: self.rows[each].definition.name for each in task_ids if each in self.rows}

    async def work_of(self, task_ids: Collection[str]) -> Mapping[str, Work]:
        found = {each: self.rows[each].definition for each in task_ids if each in self.rows}
        return {key: Work(definition.type, definition.config) for key, definition in found.items()}

    async def named(self, name: str) -> Task | None:
        return next((task for task in self.rows.values() if task.definition.name == name), None)

    async def of_deployments(self, deployment_ids: Collection[str]) -> Mapping[str, Task]:
        deployed = {task.deployment_id: task for task in self.rows.values() if task.deployment_id}
        return {each: deployed[each] for each in deployment_ids if each in deployed}

    async def insert(self, task: Task) -> Task:
        if task.id in self.rows or await self.named(task.definition.name) is not None:
            raise NameTaken(task.definition.name)
        self.rows[task.id] = replace(task, revision=1)
        return self.rows[task.id]

    async def change(self, task_id: str, change: Callable[[Task], Task], known: Task | None = None) -> Task:
        present = await self.get(task_id)
        wanted = change(present)
        if wanted == present:
            return present
        other = await self.named(wanted.definition.name)
        if other is not None and other.id != task_id:
            raise NameTaken(wanted.definition.name)
        self.rows[task_id] = replace(wanted, revision=(present.revision or 0) + 1)
        return self.rows[task_id]

    async def delete(self, task_id: str, *, revision: int | None = None) -> bool:
        task = self.rows.get(task_id)
        if task is None or (revision is not None and task.revision != revision):
            return False
        del self.rows[task_id]
        return True

    async def active(self) -> Sequence[Task]:
        return [task for task in self.rows.values() if task.record.active]

    async def list(self, wanted: TaskFilter, page: PageRequest) -> Page[Task]:
        found = [task for task in self.rows.values() if _is_wanted(task, wanted)]
        found.sort(key=lambda task: task.id)
        return page_of(_ordered(found, wanted.order), page)

    async def all(self, after: str | None = None) -> AsyncIterator[Task]:
        tasks = sorted(self.rows.values(), key=lambda task: task.id)
        for task in tasks:
            if after is None or task.id > after:
                yield task
        if after is None:
            self._impeded = [task.id for task in tasks if task.impediments]

    async def beginning_with(self, prefix: str) -> Sequence[Task]:
        return [self.rows[each] for each in sorted(self.rows) if each.startswith(prefix)]

    def unreadable(self) -> Collection[str]:
        return ()

    def impeded(self) -> Collection[str]:
        return self._impeded

    async def due_before(self, instant: datetime) -> AsyncIterator[Task]:
        for task in [*self.rows.values()]:
            if task.next_run is not None and task.next_run < instant:
                yield replace(task, definition=replace(task.definition, config={}))

    async def owing(self) -> Sequence[Task]:
        return [each for each in self.rows.values() if each.owed]

    async def calendar_uses(self) -> Mapping[str, Mapping[str, int]]:
        uses = {each.id: each.definition.calendars.versions for each in self.rows.values()}
        return {task_id: {each.name: each.version for each in used} for task_id, used in uses.items() if used}

    async def ending(self) -> Sequence[Task]:
        return [
            each for each in self.rows.values() if each.definition.after is not After.KEEP and each.definition.enabled
        ]

    async def unplanned(self, before: datetime) -> Sequence[Task]:
        return [each for each in self.rows.values() if each.unplanned_since and each.unplanned_since < before]

    async def counts(self, day: date) -> TaskCounts:
        tasks = self.rows.values()
        ended = [task.record.today for task in tasks if task.record.today.day == day]
        return TaskCounts(
            total=len(tasks),
            enabled=sum(task.definition.enabled for task in tasks),
            running=sum(task.status is TaskStatus.RUNNING for task in tasks),
            completed=sum(each.completed for each in ended),
            failed=sum(each.failed for each in ended),
            runtime_total=sum((each.runtime for each in ended), timedelta()),
            impeded=sum(bool(task.impediments) for task in tasks),
        )


def _is_wanted(task: Task, wanted: TaskFilter) -> bool:
    definition = task.definition
    return (
        task.status in (wanted.statuses or TaskStatus)
        and (not wanted.types or definition.type in wanted.types)
        and wanted.enabled in (None, definition.enabled)
        and definition.priority in (wanted.priorities or Priority)
        and set(wanted.tags) <= set(definition.tags)
        and wanted.query.lower() in definition.name.lower()
    )
