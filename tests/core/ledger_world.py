"""A ledger on stores in memory, and what is compared of its fates."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from falcon_scheduler.core.domain.execution import Execution, ExecutionStatus, Trigger
from falcon_scheduler.core.domain.occurrence import Occurrence
from falcon_scheduler.core.domain.task import Source, Task
from falcon_scheduler.core.domain.task_definition import TaskDefinition
from falcon_scheduler.core.services.ledger.authors import Authors
from falcon_scheduler.core.services.ledger.ledger import Ledger, OccurrenceFilter
from falcon_scheduler.core.services.ledger.outages import Outages
from falcon_scheduler.core.services.ledger.settling import Settling
from tests.fakes.alerts import MemoryAlertStore
from tests.fakes.clock import NOON, SetClock
from tests.fakes.execution_store import MemoryExecutionStore
from tests.fakes.faults import Faults
from tests.fakes.ledger import MemoryLedgerStore
from tests.fakes.records import MemoryAuditStore, MemoryWatermark
from tests.fakes.stores import MemoryTaskStore

MINUTE = timedelta(minutes=1)


def a_task(schedule: str = "0 * * * * *", at: datetime = NOON, id: str = "t") -> Task:
    definition = TaskDefinition(name=id, type="http", schedule=schedule)
    return Task(
        id=id, definition=definition, source=Source.API, created_at=at, updated_at=at, created_by="a", updated_by="a"
    )


def ran(minutes: float, task_id: str = "t", *, late: timedelta = timedelta()) -> Execution:
    at = NOON + minutes * MINUTE
    return Execution(
        id=f"run-{minutes}",
        task_id=task_id,
        status=ExecutionStatus.RUNNING,
        started_at=at + late,
        scheduled_for=at,
        trigger=Trigger.SCHEDULE,
        occurrence=f"{task_id}/{at}",
    )


@dataclass(kw_only=True)
class World:
    """The stores, and the services of any number of processes on them."""

    clock: SetClock = field(default_factory=SetClock)
    faults: Faults = field(default_factory=Faults)

    def __post_init__(self) -> None:
        self.tasks = MemoryTaskStore()
        self.executions = MemoryExecutionStore(self.tasks)
        self.store = MemoryLedgerStore(self.executions)
        self.alerts = MemoryAlertStore()
        self.audit = MemoryAuditStore()
        self.watermark = MemoryWatermark()

    def outages(self) -> Outages:
        through = self.faults.through
        return Outages(
            store=through(self.store), alerts=self.alerts, watermark=through(self.watermark), clock=self.clock
        )

    def settling(self) -> Settling:
        through = self.faults.through
        return Settling(
            store=through(self.store),
            tasks=through(self.tasks),
            watermark=through(self.watermark),
            outages=self.outages(),
            authors=Authors(through(self.audit)),
            clock=self.clock,
            steady_for=timedelta(),
        )

    def ledger(self) -> Ledger:
        return Ledger(
            store=self.store,
            tasks=self.tasks,
            watermark=self.watermark,
            clock=self.clock,
            authors=Authors(self.audit),
        )

    async def put(self, *values: Task | Execution) -> None:
        for each in values:
            if isinstance(each, Task):
                self.tasks.rows[each.id] = each
            else:
                await self.executions.add(each)

    async def begins(self) -> None:
        """The first settling: the ledger begins now, and the mirror and the plan are up to date from here on."""
        await self.settles()

    async def settles(self) -> None:
        for name in ("mirror", "plan"):
            await self.watermark.write(name, self.clock.now())
        await self.settling().settle()

    async def passes(self, minutes: float) -> None:
        self.clock.advance(minutes * MINUTE)

    async def fates(self, task_id: str = "t", begin: datetime = NOON) -> Sequence[Occurrence]:
        wanted = OccurrenceFilter(task=self.tasks.rows[task_id], begin=begin)
        return (await self.ledger().page(wanted, limit=1000)).occurrences


def brief(fates: Sequence[Occurrence]) -> list[tuple[float, float, str, str | None, int]]:
    """First and last minute, fate, reason and count."""
    return [
        ((each.at - NOON) / MINUTE, (each.until - NOON) / MINUTE, str(each.fate), each.reason, each.count)
        for each in fates
    ]
