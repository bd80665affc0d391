"""The audit, keyed requests and marks in memory."""

from __future__ import annotations

from collections.abc import AsyncIterator, Container, Mapping, Sequence
from dataclasses import replace
from datetime import datetime

from falcon_scheduler.core.domain.audit import AuditEntry
from falcon_scheduler.core.domain.execution import Execution
from falcon_scheduler.core.ports import AuditFilter, Page, PageRequest
from falcon_scheduler.core.ports.keyed import KeyedRequest
from tests.fakes.execution_store import MemoryExecutionStore
from tests.fakes.stores import MemoryTaskStore, page_of


class MemoryAuditStore:
    """See `core.ports.AuditStore`."""

    def __init__(self) -> None:
        self.rows: dict[str, AuditEntry] = {}

    async def add(self, entry: AuditEntry) -> None:
        self.rows[entry.id] = entry

    async def settle(self, entry: AuditEntry) -> None:
        if entry.id in self.rows:
            self.rows[entry.id] = replace(
                self.rows[entry.id],
                outcome=entry.outcome,
                error=entry.error,
                before=entry.before,
                after=entry.after,
                ended_at=entry.ended_at,
            )

    async def withdraw(self, entry_id: str) -> None:
        self.rows.pop(entry_id, None)

    async def list(self, wanted: AuditFilter, page: PageRequest) -> Page[AuditEntry]:
        found = [each for each in self.rows.values() if _is_wanted(each, wanted)]
        found.sort(key=lambda each: each.id)
        return page_of(sorted(found, key=lambda each: each.at, reverse=True), page)

    async def delete_before(self, instant: datetime, *, limit: int) -> int:
        old = sorted((each for each in self.rows.values() if each.at < instant), key=lambda each: each.at)[:limit]
        for each in old:
            del self.rows[each.id]
        return len(old)


def _is_wanted(entry: AuditEntry, wanted: AuditFilter) -> bool:
    return (
        wanted.task_id in (None, entry.task_id)
        and wanted.user_id in (None, entry.user_id)
        and (not wanted.actions or entry.action in wanted.actions)
        and wanted.outcome in (None, entry.outcome)
        and (wanted.since is None or entry.at >= wanted.since)
        and (wanted.until is None or entry.at < wanted.until)
    )


class MemoryKeyedRequestStore:
    """See `core.ports.keyed.KeyedRequestStore`."""

    def __init__(self) -> None:
        self.rows: dict[str, KeyedRequest] = {}

    async def find(self, request_id: str, oldest: datetime) -> KeyedRequest | None:
        known = self.rows.get(request_id)
        return known if known is not None and known.asked_at >= oldest else None

    async def claim(self, request: KeyedRequest, oldest: datetime) -> KeyedRequest:
        known = await self.find(request.id, oldest)
        if known is None:
            self.rows[request.id] = known = request
        return known

    async def answer(self, request: KeyedRequest) -> None:
        known = self.rows.get(request.id)
        if known is not None and known.run_key == request.run_key:
            self.rows[request.id] = replace(known, execution_id=request.execution_id, started_at=request.started_at)


class MemoryWatermark:
    """See `core.ports.Watermark`."""

    def __init__(self) -> None:
        self.rows: dict[str, datetime] = {}

    async def read(self, name: str) -> datetime | None:
        return self.rows.get(name)

    async def write(self, name: str, instant: datetime) -> None:
        self.rows[name] = max(instant, self.rows.get(name, instant))


class MemoryOutcomeLog:
    """See `core.ports.outcomes.OutcomeLog`."""

    def __init__(self, tasks: MemoryTaskStore, executions: MemoryExecutionStore) -> None:
        self._tasks = tasks
        self._executions = executions

    async def ended_since(self, instant: datetime, known: Container[str] = ()) -> AsyncIterator[Execution]:
        ended = [
            (each.completed_at, each.id, each)
            for each in self._executions.rows.values()
            if each.completed_at and not each.is_skipped
        ]
        for completed_at, _, execution in sorted(ended, key=lambda each: each[:2]):
            if completed_at >= instant and execution.id not in known:
                yield execution

    async def skips(self) -> Mapping[str, int]:
        skips: dict[str, int] = {}
        for task in self._tasks.rows.values():
            skips[task.definition.type] = skips.get(task.definition.type, 0) + task.record.skipped_count
        return skips


def entries_of(store: MemoryAuditStore, task_id: str) -> Sequence[AuditEntry]:
    """What the audit holds of one task, in the order in which it was intended."""
    return [each for each in store.rows.values() if each.task_id == task_id]
