"""Why a run that is due has not begun yet: what the servers and the workers say now."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime, timedelta

from falcon_scheduler.core.domain.execution import Execution
from falcon_scheduler.core.domain.explanation import Cause, Fact
from falcon_scheduler.core.domain.task import Task
from falcon_scheduler.core.domain.task_definition import Overlap
from falcon_scheduler.core.domain.workforce import Workforce
from falcon_scheduler.core.errors import Unavailable
from falcon_scheduler.core.ports import ExecutionStore, HealthProbe, LockService
from falcon_scheduler.core.services.ledger import facts

PROBE_TIMEOUT = timedelta(seconds=5)
STARTS_WITHIN = timedelta(seconds=15)
"""For so long after its instant a run is about to begin. Source: prefect 3.8, a run is late after 15 s."""
KNOWN_WITHIN = timedelta(seconds=30)
"""After so long a run that Prefect has is known here."""

Finding = tuple[Cause, Sequence[Fact]]


class Present:
    """Asks; nothing is changed."""

    def __init__(
        self,
        *,
        engine: HealthProbe,
        engine_alone: HealthProbe,
        workforce: Callable[[], Awaitable[Workforce]],
        executions: ExecutionStore,
        locks: LockService,
    ) -> None:
        """`engine` includes the engine's database, `engine_alone` does not."""
        self._engine = engine
        self._engine_alone = engine_alone
        self._workforce = workforce
        self._executions = executions
        self._locks = locks

    async def engine_away(self) -> Finding | None:
        """Whether the engine can't do anything at present."""
        health = await self._engine.check(PROBE_TIMEOUT)
        if health.healthy:
            return None
        alone = await self._engine_alone.check(PROBE_TIMEOUT)
        return Cause.DATABASE_AWAY if alone.healthy else Cause.ENGINE_AWAY, facts.text("answer", health.message)

    async def slots(self) -> int:
        """How many executions the online workers take at once; 0 while that is not known."""
        try:
            return (await self._workforce()).slots
        except Unavailable:
            return 0

    async def why_it_waits(self, task: Task, execution: Execution | None, due_at: datetime, now: datetime) -> Finding:
        """The cause. Raises `Unavailable` while MongoDB is away."""
        if (away := await self.engine_away()) is not None:
            return away
        workforce = await self._workforce()
        if not workforce.workers:
            return Cause.NO_WORKER, ()
        if workforce.is_paused:
            return Cause.POOL_PAUSED, ()
        workers = facts.text("workers", ", ".join(each.name for each in workforce.workers))
        unfinished = [each for each in await self._executions.unfinished(task.id) if execution != each]
        if task.definition.overlap is Overlap.QUEUE and unfinished:
            return Cause.BEHIND, facts.text("execution_in_front", unfinished[0].id)
        if (holder := await self._foreign_holder(task.id, [*unfinished, *([execution] if execution else [])])) != "":
            return Cause.LOCK_HELD, facts.text("lock_holder", holder)
        running = await self._executions.running()
        if workforce.slots and running >= workforce.slots:
            return Cause.SLOTS_FULL, [*workers, *facts.text("slots", f"{running} of {workforce.slots} in use")]
        if now - due_at < STARTS_WITHIN:
            return Cause.STARTING, workers
        if execution is None and now - due_at >= KNOWN_WITHIN:
            return Cause.NOT_PLANNED, ()
        return Cause.WAITING, workers

    async def _foreign_holder(self, task_id: str, known: Sequence[Execution]) -> str:
        try:
            holder = await self._locks.holder(task_id)
        except Unavailable:
            return ""
        return "" if holder is None or holder in {each.id for each in known} else holder
