"""System tasks: `config.task_name` names a task that is defined in code; nothing else can be called."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping

from falcon_scheduler.core.domain.work import TaskResult, WorkContext

SystemTask = Callable[[WorkContext], Awaitable[TaskResult]]


class SystemExecutor:
    """See `core.domain.work.Executor`."""

    def __init__(self, tasks: Mapping[str, SystemTask]) -> None:
        self._tasks = tasks

    async def execute(self, context: WorkContext) -> TaskResult:
        name = str(context.config.get("task_name", ""))
        task = self._tasks.get(name)
        if task is None:
            known = ", ".join(sorted(self._tasks))
            return TaskResult(
                success=False, error=f"Unknown system task {name!r}; this worker knows {known}", retryable=False
            )
        return await task(context)
