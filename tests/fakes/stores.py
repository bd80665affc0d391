"""Tasks and executions in memory."""

from __future__ import annotations

import builtins
from collections import defaultdict
from collections.abc import AsyncIterator, Callable, Collection, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any, TypeVar

from falcon_scheduler.core.domain.attempt import Attempts
from falcon_scheduler.core.domain.execution import Execution, ExecutionStatus
from falcon_scheduler.core.domain.occurrence import Occurrence
from falcon_scheduler.core.domain.priority import Priority
from falcon_scheduler.core.domain.task import Task, TaskStatus
from falcon_scheduler.core.domain.task_definition import After
from falcon_scheduler.core.errors import ExecutionNotFound, NameTaken, TaskNotFound
from falcon_scheduler.core.ports import (
    Beginning,
    ExecutionFilter,
    Page,
    PageRequest,
    Position,
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


class MemoryExecutionStore:
    """See `core.ports.ExecutionStore`."""

    def __init__(self, tasks: MemoryTaskStore) -> None:
        self.rows: dict[str, Execution] = {}
        self.ledger_rows: dict[tuple[str, datetime], Occurrence] = {}
        """The entries of `MemoryLedgerStore`, which go with their task."""
        self.uncounted_ids: set[str] = set()
        self.holder_sought: set[str] = set()
        self._fenced: set[str] = set()
        self._tasks = tasks

    async def get(self, execution_id: str) -> Execution:
        if execution_id not in self.rows:
            raise ExecutionNotFound(execution_id)
        return self.rows[execution_id]

    async def of_ids(self, execution_ids: Sequence[str]) -> Mapping[str, Execution]:
        return {each: self.rows[each] for each in execution_ids if each in self.rows}

    async def add(self, execution: Execution) -> bool:
        if execution.id in self.rows or self._is_taken(execution):
            return False
        self._store(execution)
        return True

    async def begin(self, execution: Execution) -> Beginning:
        if self._has_ended(execution.id):
            return Beginning.ENDED
        if self._is_taken(execution):
            return Beginning.TAKEN
        self._store(execution)
        return Beginning.BEGUN

    async def fence_off(self, execution_ids: Sequence[str], fencing_token: int) -> None:
        self._fenced |= {each for each in execution_ids if each in self.rows and not self._has_ended(each)}

    async def note(
        self,
        execution_id: str,
        *,
        retry_count: int | None = None,
        attempts: Attempts | None = None,
        heartbeat_at: datetime | None = None,
        detail: Mapping[str, Any] | None = None,
    ) -> bool:
        if execution_id not in self.rows or self._has_ended(execution_id):
            return False
        known = self.rows[execution_id]
        self.rows[execution_id] = replace(
            known,
            retry_count=known.retry_count if retry_count is None else retry_count,
            attempts=known.attempts if attempts is None else attempts,
            heartbeat_at=heartbeat_at or known.heartbeat_at,
            detail={**known.detail, **(detail or {})},
        )
        return True

    async def note_alive(self, execution_ids: Sequence[str], at: datetime) -> Collection[str]:
        return {each for each in execution_ids if not await self.note(each, heartbeat_at=at)}

    async def finish(self, execution: Execution, *, fenced: bool = False) -> bool:
        if self._has_ended(execution.id) or (fenced and execution.id in self._fenced) or self._is_taken(execution):
            return False
        self._store(execution)
        self.uncounted_ids.add(execution.id)
        if execution.skip is not None and execution.skip.lacks_holder:
            self.holder_sought.add(execution.id)
        return True

    async def finish_all(self, executions: Sequence[Execution]) -> Sequence[Execution]:
        return [each for each in executions if await self.finish(each)]

    async def uncounted(self, limit: int) -> Sequence[Execution]:
        return [self.rows[each] for each in sorted(self.uncounted_ids)[:limit]]

    async def still_uncounted(self, execution_ids: Sequence[str]) -> Collection[str]:
        return self.uncounted_ids & {*execution_ids}

    async def mark_counted(self, execution_ids: Sequence[str]) -> None:
        self.uncounted_ids -= {*execution_ids}

    async def without_holder(self, since: datetime, limit: int) -> Sequence[Execution]:
        found = [self.rows[each] for each in sorted(self.holder_sought)]
        return [each for each in found if each.started_at >= since][:limit]

    async def name_holder(self, execution_id: str, held_by: str) -> None:
        if execution_id not in self.holder_sought:
            return
        self.holder_sought.discard(execution_id)
        known = self.rows[execution_id]
        if known.skip is not None:
            self.rows[execution_id] = replace(known, skip=replace(known.skip, held_by=held_by))

    async def unfinished(self, task_id: str | None = None) -> Sequence[Execution]:
        found = [each for each in self.rows.values() if not each.status.is_terminal]
        return sorted((each for each in found if task_id in (None, each.task_id)), key=lambda each: each.started_at)

    async def list(
        self, wanted: ExecutionFilter, page: PageRequest, after: Position | None = None
    ) -> Page[Execution]:
        found = [each for each in self.rows.values() if _is_within(each, wanted)]
        found.sort(key=lambda each: each.id)
        newest = sorted(found, key=lambda each: each.started_at, reverse=True)
        if page.brief:
            newest = [replace(each, output="", parameters={}, attempts=()) for each in newest]
        left = newest[page.offset :] if after is None else [each for each in newest if _is_behind(each, after)]
        shown = left[: page.size]
        following = (shown[-1].started_at, shown[-1].id) if len(left) > len(shown) else None
        return Page(items=shown, total=len(newest), request=page, following=following)

    async def running(self) -> int:
        return sum(each.status is ExecutionStatus.RUNNING for each in self.rows.values())

    async def delete_of_task(self, task_id: str) -> int:
        ids = [each.id for each in self.rows.values() if each.task_id == task_id]
        await self.delete(ids)
        for key in [key for key in self.ledger_rows if key[0] == task_id]:
            del self.ledger_rows[key]
        return len(ids)

    async def ended_before(
        self, instant: datetime, *, keep: Collection[str], limit: int, spare_foreign: bool = False
    ) -> Mapping[str, Sequence[str]]:
        old = [
            each
            for each in sorted(self.rows.values(), key=lambda each: each.started_at)
            if each.status.is_terminal
            and not each.is_skipped
            and each.started_at < instant
            and each.id not in self.uncounted_ids
            and each.id not in keep
        ]
        found: dict[str, builtins.list[str]] = defaultdict(builtins.list)
        for each in old[:limit]:
            found[each.task_id].append(each.id)
        return found

    async def delete(self, execution_ids: Sequence[str]) -> None:
        for execution_id in execution_ids:
            self.rows.pop(execution_id, None)
            self.uncounted_ids.discard(execution_id)
            self.holder_sought.discard(execution_id)

    async def delete_skipped_before(self, instant: datetime, limit: int) -> int:
        skipped = [each for each in self.rows.values() if each.is_skipped and each.id not in self.uncounted_ids]
        old = [each.id for each in skipped if each.started_at < instant][:limit]
        await self.delete(old)
        return len(old)

    async def latest_of_tasks(self, task_ids: Collection[str]) -> Mapping[str, str]:
        ended = [each for each in self.rows.values() if each.status.is_terminal and not each.is_skipped]
        ended = [each for each in ended if each.task_id in self._tasks.rows and each.task_id in task_ids]
        return {each.task_id: each.id for each in sorted(ended, key=lambda each: each.started_at)}

    def _has_ended(self, execution_id: str) -> bool:
        known = self.rows.get(execution_id)
        return known is not None and known.status.is_terminal

    def _is_taken(self, execution: Execution) -> bool:
        """Whether another execution has the occurrence of this one."""
        return bool(execution.occurrence) and any(
            each.occurrence == execution.occurrence for each in self.rows.values() if each.id != execution.id
        )

    def _store(self, execution: Execution) -> None:
        """What a field of the new one leaves open stays, as in an update of a document."""
        known = self.rows.get(execution.id)
        heartbeat_at = execution.heartbeat_at or (known.heartbeat_at if known else None)
        self.rows[execution.id] = replace(execution, may_refer=False, heartbeat_at=heartbeat_at)


def _is_behind(execution: Execution, position: Position) -> bool:
    at, last_id = position
    return execution.started_at < at or (execution.started_at == at and execution.id > last_id)


def _is_within(execution: Execution, wanted: ExecutionFilter) -> bool:
    latest = datetime.max.replace(tzinfo=UTC)
    return (
        wanted.task_id in (None, execution.task_id)
        and execution.status in (wanted.statuses or ExecutionStatus)
        and (execution.outcome in wanted.outcomes if wanted.outcomes else not execution.is_skipped)
        and (wanted.since is None or execution.started_at >= wanted.since)
        and execution.started_at < (wanted.until or latest)
    )
