"""Removes old history, in MongoDB and in the engine, without touching what counts.

Counters live on the tasks, so removing executions does not change them; a task also counts what was removed, so that
its counters can be checked against its history at any time. The last execution of each task stays, however old.
Source: eve-modules, "Task cleanup"; design, "Executions".
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta

from falcon_scheduler.core.errors import TaskNotFound, UnreadableDocument
from falcon_scheduler.core.ports import Clock, ExecutionStore, Runs, TaskStore
from falcon_scheduler.core.ports.takeover import TakeoverRecord

BATCH = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class Removed:
    """How many were removed where."""

    executions: int
    runs: int
    skipped: int = 0
    """Skipped executions, which no counter of a task includes."""


class RetentionService:
    """Deletes in batches, so that it can be cancelled between two and never holds a server for long."""

    def __init__(
        self,
        *,
        tasks: TaskStore,
        executions: ExecutionStore,
        runs: Runs,
        clock: Clock,
        takeovers: TakeoverRecord,
        takeover_grace: timedelta,
    ) -> None:
        """`takeover_grace` is how long after a takeover the other scheduler's executions are spared."""
        self._takeovers = takeovers
        self._takeover_grace = takeover_grace
        self._tasks = tasks
        self._executions = executions
        self._runs = runs
        self._clock = clock

    async def clean(
        self,
        keep_for: timedelta,
        *,
        spare: frozenset[str] = frozenset(),
        on_progress: Callable[[int], Awaitable[None]] | None = None,
    ) -> Removed:
        """Remove ended executions and runs older than `keep_for`, except those in `spare`."""
        before = self._clock.now() - keep_for
        keep, examined, limit = set(spare), set[str](), BATCH
        executions = runs = 0
        spare_foreign = await self._spares_foreign()
        # The engine's runs go first. A sweep that looks far back, such as the one after a long absence, takes a run
        # whose execution is gone for one that nobody has written yet, and would write it again.
        while removed := await self._runs.delete_ended_before(before, limit=200):
            runs += removed
            if on_progress is not None:
                await on_progress(runs)
        while found := await self._executions.ended_before(
            before, keep=keep, limit=limit, spare_foreign=spare_foreign
        ):
            removed = 0
            keep |= {*(await self._executions.latest_of_tasks(found.keys() - examined)).values()}
            examined |= found.keys()
            for task_id, execution_ids in found.items():
                old = [each for each in execution_ids if each not in keep]
                try:
                    await self._remove(task_id, old)
                except UnreadableDocument:  # its history stays until it can be counted as removed
                    keep |= {*old}
                    continue
                removed += len(old)
            executions += removed
            limit = BATCH if removed else 2 * limit  # each batch reads again what is kept of those before
            if on_progress is not None:
                await on_progress(executions + runs)
        skipped = 0
        while removed := await self._executions.delete_skipped_before(before, BATCH):
            skipped += removed
            if on_progress is not None:
                await on_progress(executions + runs + skipped)
        return Removed(executions=executions, runs=runs, skipped=skipped)

    async def _spares_foreign(self) -> bool:
        """Whether the history of the scheduler before this one is still kept at any age."""
        takeover = await self._takeovers.read()
        return takeover is not None and self._clock.now() < takeover.first_cleanup_at(self._takeover_grace)

    async def _remove(self, task_id: str, execution_ids: Sequence[str]) -> None:
        """Count first, then delete. Who is interrupted between the two leaves the ids, and the next one deletes them.

        So what is counted as removed is removed, once, whenever a process dies.
        """
        if not execution_ids:
            return
        try:
            task = await self._tasks.get(task_id)
            if task.record.removing:
                await self._executions.delete(task.record.removing)
                execution_ids = [each for each in execution_ids if each not in task.record.removing]
            await self._tasks.change(task_id, lambda each: each.with_removing(tuple(execution_ids)))
        except TaskNotFound:  # history that outlived its task
            await self._executions.delete(execution_ids)
            return
        await self._executions.delete(execution_ids)
        await self._tasks.change(task_id, lambda each: each.with_all_removed())
