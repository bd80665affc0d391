"""Makes the history follow the engine: what the runs did not write themselves is written here.

`apply` takes runs as the engine reports them. It may be repeated in any order: starts never undo ends, ends never
change. `sweep` reads from the engine all runs that changed since the last sweep, and so makes up for lost events and
for stores that were away. `core.services.mirror.rescuer` ends runs whose process died.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from falcon_scheduler.core.domain.execution import Execution, ExecutionStatus, Trigger
from falcon_scheduler.core.domain.outcome import VANISHED_ERROR, ExecutionOutcome
from falcon_scheduler.core.domain.run import Run, RunPhase
from falcon_scheduler.core.domain.skip import Skip
from falcon_scheduler.core.domain.task import Source, Task
from falcon_scheduler.core.errors import TaskNotFound, Unavailable, UnreadableDocument
from falcon_scheduler.core.ports import Change, Clock, ExecutionStore, LockService, Runs, TaskStore, Watermark
from falcon_scheduler.core.services.duty import Duty, Periodic
from falcon_scheduler.core.services.mirror.fault_isolation import FaultIsolation
from falcon_scheduler.core.services.mirror.run_pictures import agrees, end_of, holds, picture_of, skip_of
from falcon_scheduler.core.services.mirror.skip_holder import SkipHolders
from falcon_scheduler.core.services.runs.counting import OutcomeCounting
from falcon_scheduler.core.services.tasks.fire_times import is_too_late

logger = logging.getLogger(__name__)

WATERMARK = "mirror"
SWEEP_INTERVAL = timedelta(seconds=10)
LOOK_BACK = timedelta(seconds=30)
"""How far behind the watermark a sweep reads again, for changes that the engine returned late."""
SLICE = timedelta(minutes=10)
"""How much of a long absence is caught up with before the watermark moves on. While nothing is found it doubles."""
LONGEST_SLICE = timedelta(days=1)
FIRST_LOOK = timedelta(days=7)
"""How far the very first sweep reads back."""
SETTLED_AFTER = timedelta(seconds=30)
VANISHED_AFTER = timedelta(seconds=10)
"""How young an execution is whose run the engine may not show yet, or the last sign of life of one unclaimed."""
EARLIEST = datetime.min.replace(tzinfo=UTC)


class Mirror:
    """One instance at a time should run it; two do no harm."""

    def __init__(
        self,
        *,
        tasks: TaskStore,
        executions: ExecutionStore,
        runs: Runs,
        locks: LockService,
        counting: OutcomeCounting,
        watermark: Watermark,
        clock: Clock,
    ) -> None:
        self._tasks = tasks
        self._executions = executions
        self._runs = runs
        self._locks = locks
        self._counting = counting
        self._watermark = watermark
        self._clock = clock
        self._holders = SkipHolders(executions, clock)
        self._isolation = FaultIsolation()

    async def to_be_asked_for(self, news: Sequence[Change]) -> Sequence[str]:
        """Ids of the runs whose event is not in the history yet. Most runs write it themselves."""
        known = await self._executions.of_ids(sorted({each.id for each in news}))
        return sorted({each.id for each in news if not holds(known.get(each.id), each.phase)})

    async def apply(self, runs: Sequence[Run]) -> None:
        """Make the history equal to the engine, and the engine equal to the history where that is final."""
        tasks = await self._tasks.of_deployments({run.deployment_id for run in runs if run.deployment_id})
        ours = [run for run in runs if run.deployment_id in tasks and run.phase is not RunPhase.AHEAD]
        known = await self._executions.of_ids([run.id for run in ours])
        ends: list[Execution] = []
        for run in sorted(ours, key=lambda each: each.changed_at or EARLIEST):
            with self._isolation.one("follow run", run.id):
                ends += await self._follow(tasks[run.deployment_id or ""], run, known.get(run.id))
        await self._free_locks(await self._counting.finish_all(ends))

    async def _follow(self, task: Task, run: Run, execution: Execution | None) -> Sequence[Execution]:
        """Follow one run. Returns the end to write, if it has ended."""
        began = execution is not None and execution.status is not ExecutionStatus.PENDING
        if execution is not None and execution.status.is_terminal:
            await self._settle(task, run, execution)
        elif run.phase is RunPhase.SKIPPED and not began:
            await self._skip(task, run, execution)
        elif run.phase.is_terminal:
            return [end_of(run, execution or picture_of(task, run, self._clock.now()), self._clock.now())]
        elif not began:
            await self._note_beginning(task, run, execution)
        return []

    def duty(self) -> Duty:
        """The sweep, as a duty."""
        return Periodic("sweep", self.sweep, SWEEP_INTERVAL)

    async def sweep(self) -> None:
        """Read everything that may have been missed since the last successful sweep.

        Ends up to the watermark are in the history, and their tasks have counted them.
        """
        began_at = self._clock.now()
        seen_until = await self._watermark.read(WATERMARK) or began_at - FIRST_LOOK
        if seen_until > began_at:  # a clock was ahead when it was written
            seen_until = began_at - SLICE
        length = SLICE
        while seen_until < began_at:
            until = min(seen_until + length, began_at)
            length = min(length * 2, LONGEST_SLICE)
            async for runs in self._runs.changed_between(seen_until - LOOK_BACK, until):
                await self.apply(runs)
                length = SLICE
            await self._count_uncounted()
            await self._watermark.write(WATERMARK, until)
            seen_until = until
        await self._look_after_unfinished()
        await self._holders.look()
        await self._correct_active()

    async def _count_uncounted(self) -> None:
        """Until nothing is left but what can't be counted, because the task's document can't be read."""
        before: set[str] = set()
        while uncounted := await self._executions.uncounted(limit=500):
            ids = {execution.id for execution in uncounted}
            if ids == before:
                return
            await self._counting.count(uncounted)
            await self._free_locks(uncounted)  # whoever wrote these ends did not come to it
            before = ids

    async def _free_locks(self, ended: Sequence[Execution]) -> None:
        """One question for each task, not for each of what may be thousands of runs."""
        by_id = {execution.id: execution for execution in ended}
        try:
            for task_id in {execution.task_id for execution in ended}:
                holder = await self._locks.holder(task_id)
                if holder in by_id:
                    await self.free_lock(by_id[holder])
        except Unavailable:
            logger.warning("Redis is away; the locks of %d ended executions expire by themselves", len(ended))

    async def free_lock(self, execution: Execution) -> None:
        """Give back what an execution that has ended may hold still."""
        try:
            if await self._locks.release_of(execution.task_id, execution.id):
                logger.info("Freed the lock that execution %s left behind", execution.id)
        except Unavailable:
            logger.warning("Redis is away; the lock of task %s expires by itself", execution.task_id)

    async def _settle(self, task: Task, run: Run, execution: Execution) -> None:
        """The history is final. If the engine holds another end of the run, it gets this one."""
        if task.source is Source.IMPORT or not run.phase.is_terminal:
            return
        if agrees(run, execution):
            await self._name_skip(task, run)
            return
        logger.warning("Run %s is %s in Prefect and %s here; correcting Prefect", run.id, run.phase, execution.status)
        await self._runs.conclude(execution)

    async def _skip(self, task: Task, run: Run, waiting: Execution | None) -> None:
        """Write the skip of a run whose process could not, or that had none."""
        now = self._clock.now()
        instant = run.ended_at or run.changed_at or now
        skipped = skip_of(run, waiting or picture_of(task, run, now), instant)
        if skipped.skip and skipped.skip.lacks_holder:
            held_by = await self._holders.at(skipped, instant)
            skip = replace(skipped.skip, held_by=held_by)
            if not held_by and (late := _too_late(task, skipped, instant)):
                skip = late  # late runs that are claimed at once refuse each other, and nothing was at work
            skipped = skipped.skipped(skip, instant)
        await self._counting.finish(skipped)
        await self._name_skip(task, run)

    async def _name_skip(self, task: Task, run: Run) -> None:
        """Let a run that Prefect's own limit refused be named as skipped there. May be repeated."""
        if run.is_plain_cancel and task.source is not Source.IMPORT:
            await self._runs.name_skip(run.id, run.message)

    async def _note_beginning(self, task: Task, run: Run, execution: Execution | None) -> None:
        """A run that waits is shown as such. A run of ours writes its own start, others' starts are written here."""
        picture = picture_of(task, run, self._clock.now())
        if run.phase is not RunPhase.RUNNING:
            if execution is None:
                await self._executions.add(picture)
        elif task.source is Source.IMPORT:
            await self._executions.begin(picture)
            await self._tasks.change(task.id, lambda each: each.started(run.id, picture.started_at, 0))

    async def _look_after_unfinished(self) -> None:
        """Executions whose run has ended, however long ago, or is gone."""
        unfinished = await self._executions.unfinished()
        for start in range(0, len(unfinished), 200):
            some = unfinished[start : start + 200]
            runs = await self._runs.of_ids([execution.id for execution in some])
            await self.apply([run for run in runs.values() if run.phase.is_terminal])
            now = self._clock.now()
            for execution in some:
                seen_at = execution.started_at
                if execution.performer and execution.heartbeat_at:  # a pause deletes it where it is scheduled still
                    seen_at = execution.heartbeat_at
                if execution.id not in runs and now - seen_at > VANISHED_AFTER:
                    ended = execution.failed(now, VANISHED_ERROR, ExecutionOutcome.CRASHED)
                    await self._counting.finish(ended)
                    await self.free_lock(execution)

    async def _correct_active(self) -> None:
        """Take executions off their task's active ones when they have ended or never were written."""
        for task in await self._tasks.active():
            known = await self._executions.of_ids(task.record.active)
            ended = [each for each in known.values() if each.status.is_terminal]
            await self._counting.count(ended)
            if self._is_settled(task):
                lost = [each for each in task.record.active if each not in known]
                await self._forget(task.id, lost)

    async def _forget(self, task_id: str, lost: Sequence[str]) -> None:
        for execution_id in lost:
            try:
                await self._tasks.change(task_id, lambda each, lost=execution_id: each.without_active(lost))  # type: ignore[misc]
            except (TaskNotFound, UnreadableDocument):
                return

    def _is_settled(self, task: Task) -> bool:
        last_run = task.record.last_run
        return last_run is None or self._clock.now() - last_run > SETTLED_AFTER


def _too_late(task: Task, skipped: Execution, instant: datetime) -> Skip | None:
    """Why a scheduled run would have been skipped if the engine had not refused it before, if so."""
    within, due_at = task.definition.begins_within, skipped.scheduled_for
    if within is None or due_at is None or skipped.trigger is not Trigger.SCHEDULE:
        return None
    return Skip.too_late(within) if is_too_late(task, due_at, instant) else None
