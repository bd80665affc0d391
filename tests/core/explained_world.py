"""A task, its runs and the servers around it, in memory: what explanations are made from."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

from falcon_scheduler.core.domain.alert import Alert, AlertKind, Subject
from falcon_scheduler.core.domain.attempt import with_begun
from falcon_scheduler.core.domain.audit import Action, AuditEntry, ChangeOutcome, Origin
from falcon_scheduler.core.domain.execution import Execution, ExecutionStatus, Trigger
from falcon_scheduler.core.domain.explanation import Cause, Explanation
from falcon_scheduler.core.domain.outcome import (
    ExecutionOutcome,
)
from falcon_scheduler.core.domain.task import Source, Task
from falcon_scheduler.core.domain.task_definition import Overlap, TaskDefinition
from falcon_scheduler.core.domain.workforce import OnlineWorker, Workforce
from falcon_scheduler.core.ports import Health
from falcon_scheduler.core.ports.run_times import RunTimes
from falcon_scheduler.core.services.ledger.authors import Authors
from falcon_scheduler.core.services.ledger.explaining import Explaining
from falcon_scheduler.core.services.ledger.ledger import Ledger
from falcon_scheduler.core.services.ledger.outages import Outages
from falcon_scheduler.core.services.ledger.present import Present
from tests.fakes.alerts import MemoryAlertStore
from tests.fakes.clock import NOON, SetClock
from tests.fakes.execution_store import MemoryExecutionStore
from tests.fakes.ledger import MemoryLedgerStore
from tests.fakes.locks import MemoryLockService
from tests.fakes.records import MemoryAuditStore, MemoryWatermark
from tests.fakes.stores import MemoryTaskStore

SECOND = timedelta(seconds=1)
DUE = NOON + timedelta(minutes=30)
"""The instant that is explained; the present is a minute later."""


class Server:
    """See `core.ports.HealthProbe`."""

    name = "prefect"

    def __init__(self) -> None:
        self.message = ""

    async def check(self, timeout: timedelta) -> Health:
        return Health(name=self.name, healthy=not self.message, latency=timedelta(), message=self.message)


class Stages:
    """See `core.ports.run_times.RunStages`."""

    times = RunTimes()

    async def of(self, run_id: str) -> RunTimes:
        return self.times


@dataclass(kw_only=True)
class World:
    """The stores, the servers and the workers, as they are at the time of the question."""

    clock: SetClock = field(default_factory=lambda: SetClock(DUE + timedelta(minutes=1)))

    def __post_init__(self) -> None:
        self.tasks = MemoryTaskStore()
        self.executions = MemoryExecutionStore(self.tasks)
        self.store = MemoryLedgerStore(self.executions)
        self.audit, self.alerts, self.watermark = MemoryAuditStore(), MemoryAlertStore(), MemoryWatermark()
        self.locks = MemoryLockService(self.clock)
        self.engine, self.engine_alone, self.stages = Server(), Server(), Stages()
        self.workforce = Workforce(workers=[OnlineWorker(name="w", slots=4)])
        definition = TaskDefinition(name="t", type="http", schedule="0 */30 * * * *")
        self.task = Task(
            id="t",
            definition=definition,
            source=Source.API,
            created_at=NOON,
            updated_at=NOON,
            created_by="a",
            updated_by="a",
        )

    async def explain(self, at: datetime | None = DUE) -> Explanation:
        await self.watermark.write("ledger", NOON)
        return await self.explaining().explain(self.task, at)

    def explaining(self, through: Callable[[Any], Any] = lambda port: port) -> Explaining:
        """The service on these stores; `through` is applied to each."""
        store, executions, audit = through(self.store), through(self.executions), through(self.audit)
        watermark = through(self.watermark)
        outages = Outages(store=store, alerts=through(self.alerts), watermark=watermark, clock=self.clock)
        ledger = Ledger(
            store=store,
            tasks=through(self.tasks),
            watermark=watermark,
            clock=self.clock,
            authors=Authors(audit),
        )
        present = Present(
            engine=self.engine,
            engine_alone=self.engine_alone,
            workforce=self.workers,
            tasks=through(self.tasks),
            executions=executions,
            locks=through(self.locks),
            shares_process=lambda type, config: type == "http" or config.get("function_name") == "shared",
        )
        return Explaining(
            ledger=ledger,
            store=store,
            executions=executions,
            audit=audit,
            outages=outages,
            present=present,
            stages=self.stages,
            clock=self.clock,
        )

    async def workers(self) -> Workforce:
        return self.workforce

    def runs(self, task_type: str, config: dict[str, Any]) -> None:
        """What the task runs."""
        self.task = replace(self.task, definition=replace(self.task.definition, type=task_type, config=config))
        self.tasks.rows[self.task.id] = self.task

    def overlapping(self, overlap: Overlap) -> None:
        self.task = replace(self.task, definition=replace(self.task.definition, overlap=overlap))

    async def audited(self, action: Action, at: datetime, outcome: ChangeOutcome = ChangeOutcome.APPLIED) -> None:
        entry = AuditEntry(
            id=str(action),
            at=at,
            user_id="u",
            character_id=0,
            action=action,
            task_id="t",
            origin=Origin(),
            outcome=outcome,
            error="queue_full" if outcome is ChangeOutcome.REFUSED else "",
            after={"paused": True, "enabled": False} if action in {Action.PAUSE, Action.DISABLE} else {},
        )
        await self.audit.add(entry)

    async def away(self, kind: AlertKind, part: str, *, until: datetime | None = None) -> None:
        alert = Alert(id="a", kind=kind, subject=Subject(part=part), text="away", opened_at=DUE)
        await self.alerts.open(alert)
        if until is not None:
            await self.alerts.change("a", lambda each: each.recovered(until, "back"))


def a_run(late: timedelta = SECOND, *, id: str = "run", task_id: str = "t", at: datetime = DUE) -> Execution:
    began_at = at + late
    return Execution(
        id=id,
        task_id=task_id,
        status=ExecutionStatus.RUNNING,
        started_at=began_at,
        scheduled_for=at,
        trigger=Trigger.SCHEDULE,
        occurrence=f"{task_id}/{at}",
        attempts=with_begun((), 1, began_at),
    )


def a_waiting_run() -> Execution:
    return replace(a_run(timedelta()), status=ExecutionStatus.PENDING, occurrence="", attempts=(), started_at=DUE)


def completed(execution: Execution) -> Execution:
    return execution.ended(ExecutionStatus.COMPLETED, execution.started_at + SECOND)


def crashed(error: str) -> Execution:
    return a_run().failed(DUE + 5 * SECOND, error, ExecutionOutcome.CRASHED)


def never_began(error: str) -> Execution:
    return a_waiting_run().failed(DUE + 5 * SECOND, error, ExecutionOutcome.CRASHED)


async def add_run(world: World, execution: Execution) -> None:
    await world.executions.add(execution)


Arrange = Callable[[World], Awaitable[None]]


class Cases(dict[str, tuple[Cause, Arrange]]):
    """Situations by name, each with the one cause that is right."""

    def __call__(self, cause: Cause) -> Callable[[Arrange], Arrange]:
        """Add a situation, as a decorator."""

        def named(arrange: Arrange) -> Arrange:
            self[arrange.__name__.replace("_", " ")] = (cause, arrange)
            return arrange

        return named

    async def check(self, name: str) -> None:
        """The right cause is named, with a sentence, something to do, and facts that each have one value."""
        cause, arrange = self[name]
        world = World()
        await arrange(world)
        explained = await world.explain()
        assert (explained.cause, explained.at) == (cause, DUE)
        assert explained.sentence
        assert explained.what_to_do
        assert len({fact.name for fact in explained.facts}) == len(explained.facts)
        assert all(fact.value for fact in explained.facts)

    async def facts(self, name: str) -> dict[str, str]:
        """The facts of the explanation, by name."""
        world = World()
        await self[name][1](world)
        return {each.name: each.value for each in (await world.explain()).facts}
