"""Carries an execution's end over to its task: counters, last outcome, and the next time it fires.

The execution is written first and marked uncounted; a process that dies before the task has counted it leaves
that mark, and the sweep calls `count` again. The task remembers whom it counted, so nothing counts twice.
"""

from __future__ import annotations

from contextlib import suppress

from core.domain.execution import Execution
from core.errors import TaskNotFound
from core.ports import ExecutionStore, TaskStore


class OutcomeCounting:
    """Writes ends, each counted once. Used by the run itself and by the mirror."""

    def __init__(self, tasks: TaskStore, executions: ExecutionStore) -> None:
        self._tasks = tasks
        self._executions = executions

    async def finish(self, execution: Execution) -> bool:
        """Store the end of an execution and count it. False when it had ended already."""
        changed = await self._executions.finish(execution)
        if changed:
            await self.count(execution)
        return changed

    async def count(self, execution: Execution) -> None:
        """Let the task count an execution that has ended. May be repeated."""
        with suppress(TaskNotFound):  # deleted meanwhile: its history goes too
            await self._tasks.change(execution.task_id, lambda task: task.finished(execution))
        await self._executions.mark_counted(execution.id)

    async def skip(self, execution: Execution) -> None:
        """Count an execution that was left out because of the overlap rule. May be repeated."""
        await self._executions.discard(execution.id)
        with suppress(TaskNotFound):
            await self._tasks.change(
                execution.task_id,
                lambda task: task.skipped(execution.id, execution.started_at),
            )
