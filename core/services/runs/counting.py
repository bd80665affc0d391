"""Carries an execution's end over to its task: counters, last outcome, and the next time it fires.

The execution is written first and marked uncounted; a process that dies before the task has counted it leaves
that mark, and the sweep calls `count` again. The task remembers which executions it counted, so nothing counts twice.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Sequence
from contextlib import suppress

from falcon_scheduler.core.domain.execution import Execution
from falcon_scheduler.core.domain.record import COUNTED_WINDOW
from falcon_scheduler.core.domain.task import Task
from falcon_scheduler.core.errors import ConcurrentChange, TaskNotFound, UnreadableDocument
from falcon_scheduler.core.ports import ExecutionStore, TaskStore
from falcon_scheduler.core.services.tasks.after_outage import with_late_run

COUNTED_AT_ONCE = COUNTED_WINDOW // 2
"""Ends that a task counts in one step: all are among those it remembers, should the step have to be repeated."""


class _MovedOnError(Exception):
    """The task has counted something else since it was read."""


class OutcomeCounting:
    """Writes ends and skips, each counted once. Used by the run itself and by the mirror.

    `on_counted` gets every end that was written here and counted; not the skips.
    """

    def __init__(
        self,
        tasks: TaskStore,
        executions: ExecutionStore,
        on_counted: Callable[[Sequence[Execution]], None] = lambda ended: None,
    ) -> None:
        self._tasks = tasks
        self._executions = executions
        self._on_counted = on_counted

    async def finish(self, execution: Execution, *, fenced: bool = False, known: Task | None = None) -> bool:
        """Store an end or a skip, and count it. False when it was refused; see `ExecutionStore.finish`.

        `known` is its task as the caller knows it; see `TaskStore.change`.
        """
        changed = await self._executions.finish(execution, fenced=fenced)
        if changed:
            with suppress(ConcurrentChange):  # it is marked as uncounted, and the sweep counts it
                await self._count_now(execution.task_id, [execution], [execution.id], known=known)
            self._report([execution])
        return changed

    async def finish_all(self, executions: Sequence[Execution]) -> Sequence[Execution]:
        """Store and count the ends of many. Returns those that had not ended before."""
        changed = await self._executions.finish_all(executions)
        await self.count(changed)
        self._report(changed)
        return changed

    def _report(self, ended: Sequence[Execution]) -> None:
        """Skips are nobody's ends: neither the alerts nor the metrics count them."""
        if begun := [each for each in ended if not each.is_skipped]:
            self._on_counted(begun)

    async def count(self, executions: Sequence[Execution]) -> None:
        """Let their tasks count executions that have ended. May be repeated."""
        of_tasks: dict[str, list[Execution]] = defaultdict(list)
        for execution in executions:
            of_tasks[execution.task_id].append(execution)
        for task_id, ended in of_tasks.items():
            for start in range(0, len(ended), COUNTED_AT_ONCE):
                await self._count_together(task_id, ended[start : start + COUNTED_AT_ONCE])

    async def _count_together(self, task_id: str, ended: Sequence[Execution]) -> None:
        """Count what nobody else has counted. Others may be counting the same at this moment, some batches ahead, so
        that the task remembers these no longer: hence the marks are read after the task and before it changes."""
        ids = [execution.id for execution in ended]
        while True:
            try:
                remembered = (await self._tasks.get(task_id)).record.counted
            except TaskNotFound:  # deleted in between: its history goes too
                await self._executions.mark_counted(ids)
                return
            except UnreadableDocument:  # they stay uncounted until the task is repaired
                return
            uncounted = await self._executions.still_uncounted(ids)
            try:
                await self._count_now(task_id, ended, uncounted, remembered)
            except _MovedOnError:
                continue
            return

    async def _count_now(
        self,
        task_id: str,
        ended: Sequence[Execution],
        uncounted: Collection[str],
        remembered: Sequence[str] | None = None,
        known: Task | None = None,
    ) -> None:
        """Let the task count the uncounted ones and forget that the others were active.

        Raises:
            _MovedOnError: it does not remember any more, or not only, what the caller says.
        """

        def counted(task: Task) -> Task:
            if remembered is not None and task.record.counted != remembered:
                raise _MovedOnError
            for execution in ended:
                if execution.id in uncounted:
                    task = with_late_run(task, task.finished(execution), execution)
                else:
                    task = task.without_active(execution.id)
            return task

        try:
            await self._tasks.change(task_id, counted, known)
        except TaskNotFound:
            pass
        except UnreadableDocument:
            return
        if uncounted:
            await self._executions.mark_counted([*uncounted])
