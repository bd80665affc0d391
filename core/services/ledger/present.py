"""Why a run that is due has not begun yet: what the servers and the workers say now."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime, timedelta

from falcon_scheduler.core.domain.execution import Execution, ExecutionStatus
from falcon_scheduler.core.domain.explanation import Cause, Fact
from falcon_scheduler.core.domain.task import Task
from falcon_scheduler.core.domain.task_definition import Overlap
from falcon_scheduler.core.domain.workforce import Workforce
from falcon_scheduler.core.errors import Unavailable
from falcon_scheduler.core.ports import ExecutionStore, HealthProbe, LockService, SharesProcess, TaskStore
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
        tasks: TaskStore,
        executions: ExecutionStore,
        locks: LockService,
        shares_process: SharesProcess,
    ) -> None:
        """`engine` includes the engine's database, `engine_alone` does not."""
        self._engine = engine
        self._engine_alone = engine_alone
        self._workforce = workforce
        self._tasks = tasks
        self._executions = executions
        self._locks = locks
        self._shares_process = shares_process

    async def engine_away(self) -> Finding | None:
        """Whether the engine can't do anything at present."""
        health = await self._engine.check(PROBE_TIMEOUT)
        if health.healthy:
            return None
        alone = await self._engine_alone.check(PROBE_TIMEOUT)
        return Cause.DATABASE_AWAY if alone.healthy else Cause.ENGINE_AWAY, facts.text("answer", health.message)

    async def full_slots(self, task: Task, at_work: Sequence[Execution]) -> Sequence[Fact]:
        """How many slots there are for runs of this task, if executions at work use all of them; else nothing."""
        try:
            workforce = await self._workforce()
        except Unavailable:
            return ()
        slots, used = workforce.slots, len(at_work)
        if workforce.http_slots:  # runs that share a process have slots of their own
            work = await self._tasks.work_of({each.task_id for each in at_work})
            sharing = {key for key, each in work.items() if self._shares_process(each.type, each.config)}
            in_lane = sum(each.task_id in sharing for each in at_work)
            if self._shares_process(task.definition.type, task.definition.config):
                slots, used = workforce.http_slots, in_lane
            else:
                used -= in_lane
        return facts.text("slots", f"{used} of {slots} in use") if slots and used >= slots else ()

    async def why_it_waits(self, task: Task, execution: Execution | None, due_at: datetime, now: datetime) -> Finding:
        """The cause. Raises `Unavailable` while MongoDB is away.

        `due_at` is later than the instant by the task's jitter; until then nothing holds the run back.
        """
        if now < due_at:
            return Cause.STARTING, facts.at("begins_at", due_at)
        if (away := await self.engine_away()) is not None:
            return away
        workforce = await self._workforce()
        if workforce.problem:
            return Cause.POOL_PAUSED if workforce.workers else Cause.NO_WORKER, ()
        workers = facts.text("workers", ", ".join(each.name for each in workforce.workers))
        everywhere = await self._executions.unfinished()
        unfinished = [each for each in everywhere if each.task_id == task.id and execution != each]
        front = _in_front(unfinished, execution, due_at) if task.definition.overlap is Overlap.QUEUE else None
        if front is not None:
            return Cause.BEHIND, facts.text("execution_in_front", front.id)
        queue = (execution.priority if execution else "") or str(task.definition.priority)
        if queue in workforce.paused_queues:
            return Cause.QUEUE_PAUSED, facts.text("work_queue", queue)
        if (holder := await self._foreign_holder(task.id, [*unfinished, *([execution] if execution else [])])) != "":
            return Cause.LOCK_HELD, facts.text("lock_holder", holder)
        at_work = [each for each in everywhere if each.status is ExecutionStatus.RUNNING]
        if full := await self.full_slots(task, at_work):
            return Cause.SLOTS_FULL, [*workers, *full]
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


def _in_front(others: Sequence[Execution], execution: Execution | None, due_at: datetime) -> Execution | None:
    """Which execution of a task goes before this one: the one at work, or the first that was requested before."""
    at_work = (each for each in others if each.status is ExecutionStatus.RUNNING)
    requested_at = due_at if execution is None else execution.requested_at
    before = [each for each in others if each.requested_at <= requested_at]
    return next(at_work, min(before, key=lambda each: each.requested_at, default=None))
