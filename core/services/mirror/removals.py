"""Lets a task go whose deployment somebody removed in the engine."""

from __future__ import annotations

import logging
from datetime import timedelta

from falcon_scheduler.core.domain.audit import Action, picture_of
from falcon_scheduler.core.domain.task import Source, Task
from falcon_scheduler.core.ports import Deployments, ExecutionStore, TaskStore
from falcon_scheduler.core.services.tasks.auditing import Auditing

logger = logging.getLogger(__name__)

DELETION_PATIENCE = timedelta(seconds=30)
"""For how long a deletion through the API may take before its process counts as dead."""


class Removals:
    """May be used in any number of processes."""

    def __init__(
        self, *, tasks: TaskStore, executions: ExecutionStore, deployments: Deployments, audit: Auditing
    ) -> None:
        self._tasks = tasks
        self._executions = executions
        self._deployments = deployments
        self._audit = audit

    async def was_removed(self, task: Task) -> bool:
        """Whether somebody removed the task's deployment, as against it never having been made."""
        if task.source is Source.IMPORT or task.deployed is None:
            return task.source is Source.IMPORT
        return await self._deployments.was_removed(task.deployed.id)

    async def delete_task(self, task: Task) -> None:
        """A deletion through the API removes the deployment before the task. Then the task is left to that process;
        if it has died, the next reload finds the task again."""
        if await self._audit.is_under_way(Action.DELETE, task.id, DELETION_PATIENCE):
            return
        logger.info("The deployment of task %s was removed in Prefect; the task goes too", task.id)
        async with self._audit.change_in_engine(Action.DELETE, task.id, before=picture_of(task)) as note:
            # Not another task that was made under this id since, as by an import.
            note.was_needed = await self._tasks.delete(task.id, revision=task.revision)
            if note.was_needed:
                await self._executions.delete_of_task(task.id)
