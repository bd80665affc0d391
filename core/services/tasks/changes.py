"""Carries out a change of a task: MongoDB decides, the engine gets it next, and its refusal undoes it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime

from falcon_scheduler.core.domain.task import Task
from falcon_scheduler.core.errors import EngineRefused
from falcon_scheduler.core.ports import Deployments, TaskStore
from falcon_scheduler.core.services.tasks.auditing import Note
from falcon_scheduler.core.services.tasks.deploying import TaskDeploying


class TaskChanges:
    """When the process dies between the two, the reload and the watch of the plan complete the change."""

    def __init__(self, *, tasks: TaskStore, deployments: Deployments, deploying: TaskDeploying) -> None:
        self._tasks = tasks
        self._deployments = deployments
        self._deploying = deploying

    async def apply(self, task_id: str, change: Callable[[Task], Task], note: Note, *, at: datetime) -> Task:
        """Store the change and send it to the engine. Raises `EngineRefused`; nothing is changed then."""
        return await self._carry_out(task_id, change, note, lambda task: task.to_be_planned(at), always=True)

    async def redefine(self, task_id: str, change: Callable[[Task], Task], note: Note, *, at: datetime) -> Task:
        """A change that is sent to the engine only if it matters there: every update makes it drop its plan."""

        def marked(task: Task) -> Task:
            return task.to_be_planned(at) if self._concerns_engine(task) else task

        return await self._carry_out(task_id, change, note, marked, always=False)

    async def _carry_out(
        self,
        task_id: str,
        change: Callable[[Task], Task],
        note: Note,
        marked: Callable[[Task], Task],
        *,
        always: bool,
    ) -> Task:
        """Store a change, with its mark, and send it to the engine. A refused change is undone."""
        before: list[Task] = []
        watched = note.watching(change)

        def changing(task: Task) -> Task:
            before[:] = [task]
            return marked(watched(task))

        changed = await self._tasks.change(task_id, changing)
        if not always and not self._concerns_engine(changed):
            return changed
        try:
            return await self.deploy(changed)
        except EngineRefused:
            await self._tasks.change(task_id, lambda task: undone(task, changed, before[0]))
            raise

    def _concerns_engine(self, task: Task) -> bool:
        sent = task.deployed
        return (
            sent is None
            or task.unplanned_since is not None
            or sent.active != task.fires
            or sent.fingerprint != self._deployments.fingerprint(task)
        )

    async def deploy(self, task: Task) -> Task:
        """See `TaskDeploying.deploy`."""
        return await self._deploying.deploy(task)


def undone(task: Task, changed: Task, before: Task) -> Task:
    """The task without a change that the engine refused, unless somebody has changed it again."""
    if (task.definition, task.paused) != (changed.definition, changed.paused):
        return task
    return replace(
        task,
        definition=before.definition,
        paused=before.paused,
        version=before.version,
        periods=before.periods,
        owed=tuple(each for each in task.owed if each in before.owed),
        unplanned_since=before.unplanned_since,
        updated_at=before.updated_at,
        updated_by=before.updated_by,
    )
