"""Makes the history follow the engine: what the runs did not write themselves is written here.

`apply` takes one run as the engine tells it and is repeatable in any order: starts never undo ends, ends never
change. `sweep` asks the engine about all that changed lately and about every execution that has not ended, and so
mends whatever the news missed: lost events, dead processes, stores that were away.
"""

from __future__ import annotations

import logging
from datetime import datetime, timedelta

from core.domain.execution import Execution, ExecutionStatus
from core.domain.run import Run, RunPhase
from core.domain.task import Source, Task
from core.errors import TaskNotFound, Unavailable
from core.ports import Clock, ExecutionStore, LockService, RunEngine, TaskStore, Watermark
from core.services.counting import OutcomeCounting

logger = logging.getLogger(__name__)

WATERMARK = "mirror"
LOOK_BACK = timedelta(minutes=2)
"""How far behind the watermark a sweep looks again, for changes that the engine showed late."""
SILENT_AFTER = timedelta(seconds=30)
"""A run that has not said for this long that it lives is dead. Six beats of the pulse."""
SETTLING = timedelta(seconds=5)
"""How long an ended run is left to write its own end before the mirror does."""
VANISHED_ERROR = "The run was removed from Prefect before it ended"
DIED_ERROR = "The process of the run died without a word"


class Mirror:
    """One instance at a time should run it; two do no harm."""

    def __init__(
        self,
        *,
        tasks: TaskStore,
        executions: ExecutionStore,
        engine: RunEngine,
        locks: LockService,
        counting: OutcomeCounting,
        watermark: Watermark,
        clock: Clock,
        stale_timeout: timedelta,
    ) -> None:
        self._tasks = tasks
        self._executions = executions
        self._engine = engine
        self._locks = locks
        self._counting = counting
        self._watermark = watermark
        self._clock = clock
        self._stale_timeout = stale_timeout

    async def apply(self, run: Run) -> None:
        """Bring the history up to what the engine says of one run."""
        task = await self._tasks.of_deployment(run.deployment_id) if run.deployment_id else None
        if task is None or run.phase is RunPhase.AHEAD:
            return
        execution = self._execution(task, run)
        if run.phase is RunPhase.WAITING:
            await self._executions.add(execution)
        elif run.phase is RunPhase.RUNNING:
            await self._begin(task, execution)
        elif run.phase is RunPhase.SKIPPED:
            await self._counting.skip(execution)
        else:
            await self._finish(run, execution)

    async def sweep(self) -> None:
        """Look at everything that may have been missed since the last sweep that got through."""
        began_at = self._clock.now()
        seen_until = await self._watermark.read(WATERMARK) or began_at - timedelta(days=7)
        async for run in self._engine.changed_since(seen_until - LOOK_BACK):
            await self.apply(run)
        await self._look_after_unfinished()
        for execution in await self._executions.uncounted(limit=500):
            await self._counting.count(execution)
        await self._correct_active()
        await self._watermark.write(WATERMARK, began_at)

    def _execution(self, task: Task, run: Run) -> Execution:
        began_at = run.started_at or run.due_at or run.changed_at or self._clock.now()
        return Execution(
            id=run.id,
            task_id=task.id,
            status=ExecutionStatus.PENDING if run.phase is RunPhase.WAITING else ExecutionStatus.RUNNING,
            started_at=began_at,
            queued_at=run.due_at,
            scheduled_for=run.due_at,
            trigger=run.trigger,
            worker_id=run.worker,
            retry_count=max(run.attempts - 1, 0),
        )

    async def _begin(self, task: Task, execution: Execution) -> None:
        """Runs of ours write their own start; only where one could not for long is it written here."""
        if task.source is not Source.IMPORT and self._clock.now() - execution.started_at < SILENT_AFTER:
            return
        begun = await self._executions.begin(execution, only_pending=True)
        if begun and task.source is Source.IMPORT:  # nobody else writes for a deployment that was taken in
            await self._tasks.change(task.id, lambda each: each.started(execution.id, execution.started_at, 0))

    async def _finish(self, run: Run, execution: Execution) -> None:
        """Write an end that the run did not write itself. What the run wrote of its start is kept."""
        known = (await self._executions.of_ids([run.id])).get(run.id)
        if known is not None and known.status.is_terminal:
            return
        now = self._clock.now()
        ended_at = run.ended_at or run.changed_at or now
        if known is not None and known.status is ExecutionStatus.RUNNING and now - ended_at < SETTLING:
            return  # the run is about to write its own end, which says more; the next sweep looks again
        execution = known or execution
        if run.phase is RunPhase.CANCELLED:
            ended = execution.cancelled(ended_at)
        elif run.phase is RunPhase.SUCCEEDED:
            ended = execution.ended(ExecutionStatus.COMPLETED, ended_at, output=run.message)
        else:
            ended = execution.ended(ExecutionStatus.FAILED, ended_at, error=run.message or DIED_ERROR)
        if await self._counting.finish(ended):
            logger.info("Execution %s of task %s ended as %s", ended.id, ended.task_id, ended.status)
        await self._free_lock(ended)

    async def _look_after_unfinished(self) -> None:
        unfinished = await self._executions.unfinished()
        runs = await self._engine.runs([execution.id for execution in unfinished])
        now = self._clock.now()
        for execution in unfinished:
            run = runs.get(execution.id)
            if run is None:
                await self._vanished(execution, now)
            elif run.phase.is_terminal:
                await self.apply(run)
            elif run.phase is RunPhase.RUNNING and await self._is_dead(execution, now):
                await self._bury(execution, run, now)

    async def _vanished(self, execution: Execution, now: datetime) -> None:
        if now - execution.started_at < SETTLING:
            return
        await self._counting.finish(execution.ended(ExecutionStatus.FAILED, now, error=VANISHED_ERROR))
        await self._free_lock(execution)

    async def _is_dead(self, execution: Execution, now: datetime) -> bool:
        """Silent for long; or, where there is no pulse to listen to, at work beyond any allowance."""
        if execution.status is ExecutionStatus.RUNNING and execution.heartbeat_at is not None:
            return now - execution.heartbeat_at > SILENT_AFTER
        try:
            definition = (await self._tasks.get(execution.task_id)).definition
        except TaskNotFound:
            return False
        allowance = definition.timeout * (definition.max_retries + 1)
        return now - execution.started_at > max(allowance, self._stale_timeout)

    async def _bury(self, execution: Execution, run: Run, now: datetime) -> None:
        logger.warning("Execution %s of task %s died; ending it", execution.id, execution.task_id)
        await self._engine.crash(run.id, DIED_ERROR)
        if run.cancelling:
            ended = execution.cancelled(now)
        else:
            ended = execution.ended(ExecutionStatus.FAILED, now, error=DIED_ERROR)
        await self._counting.finish(ended)
        await self._free_lock(execution)

    async def _free_lock(self, execution: Execution) -> None:
        try:
            if await self._locks.release_of(execution.task_id, execution.id):
                logger.info("Freed the lock that execution %s left behind", execution.id)
        except Unavailable:
            logger.warning("Redis is away; the lock of task %s expires by itself", execution.task_id)

    async def _correct_active(self) -> None:
        """Take executions off their task's active ones when they have ended or never were written."""
        for task in await self._tasks.active():
            known = await self._executions.of_ids(task.record.active)
            for execution_id in task.record.active:
                execution = known.get(execution_id)
                if execution is not None and execution.status.is_terminal:
                    await self._counting.count(execution)
                elif execution is None and self._settled(task):
                    await self._tasks.change(task.id, lambda each, lost=execution_id: each.without_active(lost))  # type: ignore[misc]

    def _settled(self, task: Task) -> bool:
        last_run = task.record.last_run
        return last_run is None or self._clock.now() - last_run > SILENT_AFTER
