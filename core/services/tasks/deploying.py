"""Sends a task to the engine, has the engine plan it, and stores what the engine was sent.

The API, the reload and the watch of the plan use it, and the code that takes over changes from the engine.
"""

from __future__ import annotations

from collections import Counter
from contextlib import suppress
from dataclasses import replace
from datetime import datetime, timedelta

from falcon_scheduler.core.domain.task import DeployedAs, Task
from falcon_scheduler.core.errors import TaskNotFound, Unavailable
from falcon_scheduler.core.ports import Clock, Deployments, Plans, TaskStore
from falcon_scheduler.core.services.tasks.fire_times import next_run
from falcon_scheduler.core.services.tasks.planning import (
    MARGIN,
    complete_plan,
    has_single_instants,
    keep_single_instants_planned,
)


class TaskDeploying:
    """May be used at any time and in any number of processes."""

    def __init__(self, *, tasks: TaskStore, deployments: Deployments, plans: Plans, clock: Clock) -> None:
        self._tasks = tasks
        self._deployments = deployments
        self._plans = plans
        self._clock = clock
        self._at_work: Counter[str] = Counter()

    def is_deploying(self, task_id: str) -> bool:
        """Whether this process is sending the task to the engine at this moment."""
        return self._at_work[task_id] > 0

    async def deploy(self, task: Task, *, since: datetime | None = None) -> Task:
        """Send a task to the engine, have it plan what it dropped by that, and store what it was sent.

        When the task was changed in between, it is sent again, so that the engine never keeps the older of two
        changes. `since` is when the engine may have dropped its plan before; left out, now.

        Raises:
            EngineRefused, TaskNotFound (it was deleted in between; its deployment is removed again).
        """
        self._at_work[task.id] += 1
        try:
            return await self._deploy(task, since)
        finally:
            self._at_work[task.id] -= 1
            self._at_work += Counter()  # drops those that are done

    async def _deploy(self, task: Task, since: datetime | None) -> Task:
        began_at = self._clock.now()
        while True:
            since = min(each for each in (since, task.unplanned_since, began_at) if each is not None)
            sent = await self._deployments.deploy(task)
            planned_since = since if await self._is_planned(replace(task, deployed=sent), since) else None

            def remember(
                each: Task, task: Task = task, sent: DeployedAs = sent, planned_since: datetime | None = planned_since
            ) -> Task:
                following = next_run(each, self._clock.now())
                remembered = replace(each, deployed=sent, next_run=following)
                return _planned(remembered, planned_since) if _is_same(each, task) else remembered

            try:
                stored = await self._tasks.change(task.id, remember)
            except TaskNotFound:
                await self._remove(sent)
                raise
            if _is_same(stored, task):
                return stored
            task = stored

    async def _remove(self, sent: DeployedAs) -> None:
        """Remove the deployment of a task that was deleted while it was sent. While the engine is away, the next
        reload removes it."""
        with suppress(Unavailable):
            await self._deployments.remove_deployment(sent.id)

    async def plan_again(self, task: Task, since: datetime) -> Task:
        """Have the engine plan what it dropped at `since`, by its own clock, when another changed the deployment.

        The engine plans what its deployment says. So a change of the task that was not sent yet keeps its mark: the
        watch of the plan sends it, if the process that made it died.
        """
        since = min(since, task.unplanned_since or since)
        planned = await self._is_planned(task, since, margin=timedelta())
        if planned and has_single_instants(task):  # another change of it may have planned them in between
            await keep_single_instants_planned(task, since, tasks=self._tasks, plans=self._plans, clock=self._clock)
        if not planned or task.unplanned_since is None or not self._is_sent(task):
            return task

        def without_mark(each: Task) -> Task:
            return _planned(each, since) if _is_same(each, task) and self._is_sent(each) else each

        return await self._tasks.change(task.id, without_mark)

    def _is_sent(self, task: Task) -> bool:
        """Whether the engine was sent the task as it is."""
        sent = task.deployed
        return (
            sent is not None and sent.active == task.fires and sent.fingerprint == self._deployments.fingerprint(task)
        )

    async def _is_planned(self, task: Task, since: datetime, margin: timedelta = MARGIN) -> bool:
        """While the engine is away the task keeps its mark, by which the watch of the plan finds it."""
        try:
            await complete_plan(task, since, plans=self._plans, clock=self._clock, margin=margin)
        except Unavailable:
            return False
        return True


def _is_same(task: Task, other: Task) -> bool:
    return task.definition == other.definition and task.paused == other.paused


def _planned(task: Task, since: datetime | None) -> Task:
    """The task without its mark, if the engine has planned it from the mark on; None says that it has not."""
    marked_at = task.unplanned_since
    if since is None or marked_at is None or marked_at < since:
        return task
    return replace(task, unplanned_since=None)
