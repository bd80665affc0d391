"""The ledger in memory."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from falcon_scheduler.core.domain.execution import Execution, Trigger
from falcon_scheduler.core.domain.occurrence import Fate, Occurrence, fate_of
from falcon_scheduler.core.ports.ledger import Fates, Outage
from tests.fakes.execution_store import MemoryExecutionStore


class MemoryLedgerStore:
    """See `core.ports.ledger.LedgerStore`."""

    def __init__(self, executions: MemoryExecutionStore) -> None:
        self._executions = executions
        self.rows = executions.ledger_rows
        self.away: dict[tuple[str, str, datetime], Outage] = {}

    async def fates(
        self, begin: datetime, end: datetime, *, task_id: str | None = None, limit: int | None = None
    ) -> Fates:
        found = sorted(
            (at, each.task_id, each.id, each)
            for each in self._executions.rows.values()
            if (at := each.scheduled_for) is not None
            and each.trigger is Trigger.SCHEDULE
            and task_id in (None, each.task_id)
            and begin <= at < end
        )
        until = end
        if limit is not None and len(found) >= limit:
            until = found[limit - 1][0]
            if found[0][0] == until:
                until += timedelta(milliseconds=1)
        fates = (fate_of(each[3]) for each in found if each[0] < until)
        return Fates(found=[each for each in fates if each is not None], until=until)

    async def served(self, begin: datetime, end: datetime) -> Mapping[str, Collection[datetime]]:
        found: dict[str, set[datetime]] = defaultdict(set)
        for each in self._executions.rows.values():
            at = each.scheduled_for
            if at is not None and each.trigger is Trigger.SCHEDULE and begin <= at < end:
                found[each.task_id].add(at)
        return found

    async def executions(self, task_id: str, at: datetime) -> Sequence[Execution]:
        found = [
            replace(each, output="", parameters={})
            for each in self._executions.rows.values()
            if each.task_id == task_id and each.scheduled_for == at and each.trigger is Trigger.SCHEDULE
        ]
        return sorted(found, key=lambda each: each.id)

    async def entries(
        self, begin: datetime, end: datetime, *, task_id: str | None = None, limit: int | None = None
    ) -> Sequence[Occurrence]:
        found = [
            each
            for each in self.rows.values()
            if task_id in (None, each.task_id) and each.until >= begin and each.at < end
        ]
        first = sorted(found, key=lambda each: each.until)[:limit]
        return sorted(first, key=lambda each: (each.at, each.task_id))

    async def add(self, entries: Sequence[Occurrence]) -> None:
        for each in entries:
            known = self.rows.get((each.task_id, each.at))
            if known is None or (each.fate is Fate.CAUGHT_UP and known.fate is not Fate.CAUGHT_UP):
                self.rows[each.task_id, each.at] = each

    async def extend(self, entry: Occurrence, until: datetime, count: int) -> bool:
        known = self.rows.get((entry.task_id, entry.at))
        if known is None or (known.until, known.reason) != (entry.until, entry.reason):
            return False
        self.rows[entry.task_id, entry.at] = replace(known, until=until, count=entry.count + count)
        return True

    async def add_outage(self, outage: Outage) -> None:
        self.away[str(outage.cause), outage.queue, outage.since] = outage

    async def outages(self, begin: datetime, end: datetime) -> Sequence[Outage]:
        found = [each for each in self.away.values() if each.until >= begin and each.since < end]
        return sorted(found, key=lambda each: each.since)

    async def delete_before(self, instant: datetime, limit: int) -> int:
        self.away = {key: each for key, each in self.away.items() if each.until >= instant}
        old = [key for key, each in self.rows.items() if each.until < instant][:limit]
        for key in old:
            del self.rows[key]
        return len(old)
