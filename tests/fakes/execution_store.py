"""Executions in memory."""

from __future__ import annotations

import builtins
from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from falcon_scheduler.core.domain.attempt import Attempts
from falcon_scheduler.core.domain.execution import Execution, ExecutionStatus
from falcon_scheduler.core.domain.occurrence import Occurrence
from falcon_scheduler.core.errors import ExecutionNotFound
from falcon_scheduler.core.ports import (
    Beginning,
    ExecutionFilter,
    Page,
    PageRequest,
    Position,
)
from tests.fakes.stores import MemoryTaskStore


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
        known = self.rows.get(execution.id)
        if known and known.status is ExecutionStatus.RUNNING and known.performer != execution.performer:
            return Beginning.ELSEWHERE
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

    async def unclaimed(self) -> Collection[str]:
        return {each.id for each in self.rows.values() if each.status is ExecutionStatus.RUNNING and each.performer}

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
