"""Disables or deletes tasks that have run for the last time, as their definition asks for (`metadata.after`).

A task is over when the last instant of its schedule is past (the last `@at`, or the last one until `end_at`), or as
many runs have begun as `max_runs` allows; the plan has been completed up to there, and no run of it waits or is at
work. So a last run that begins late, because the service, the
engine or the workers were away at its instant, is waited for.
"""

from __future__ import annotations

import logging
from datetime import datetime, timedelta

from falcon_scheduler.core.domain.audit import Action, picture_of
from falcon_scheduler.core.domain.schedule import parse_stored
from falcon_scheduler.core.domain.task import Task
from falcon_scheduler.core.domain.task_definition import After
from falcon_scheduler.core.errors import ConcurrentChange, SchedulerError, Unavailable
from falcon_scheduler.core.ports import Clock, Deployments, ExecutionStore, Runs, TaskStore, Watermark
from falcon_scheduler.core.services.duty import Duty, Periodic
from falcon_scheduler.core.services.mirror.plan_watch import WATERMARK
from falcon_scheduler.core.services.tasks.auditing import Auditing
from falcon_scheduler.core.services.tasks.deploying import TaskDeploying
from falcon_scheduler.core.services.tasks.fire_times import next_in
from falcon_scheduler.core.services.tasks.seeding import SERVICE

logger = logging.getLogger(__name__)

INTERVAL = timedelta(seconds=10)
SETTLED = timedelta(seconds=20)
"""For so long after the last instant its run may not be known yet: the engine calls it late after 15 s."""


class EndedSchedules:
    """May run in any number of facades."""

    def __init__(
        self,
        *,
        tasks: TaskStore,
        executions: ExecutionStore,
        runs: Runs,
        deployments: Deployments,
        deploying: TaskDeploying,
        watermark: Watermark,
        clock: Clock,
        audit: Auditing,
    ) -> None:
        self._tasks = tasks
        self._executions = executions
        self._runs = runs
        self._deployments = deployments
        self._deploying = deploying
        self._watermark = watermark
        self._clock = clock
        self._audit = audit

    def duty(self) -> Duty:
        """The look, again and again."""
        return Periodic("end tasks after their last run", self.look, INTERVAL)

    async def look(self) -> None:
        """End the tasks that are over. Raises `Unavailable`; the next look ends the rest."""
        planned_until = await self._watermark.read(WATERMARK)
        for task in await self._tasks.ending():
            if planned_until is None or not _is_over(task, min(planned_until, self._clock.now() - SETTLED)):
                continue
            try:
                if not await self._is_at_work(task):
                    await self._end(task)
            except Unavailable:
                raise
            except (
                SchedulerError
            ) as error:  # changed or deleted in between, or refused: the next check finds it again
                logger.warning("Task %s could not be ended: %s", task.id, error)

    async def _is_at_work(self, task: Task) -> bool:
        if task.record.active or await self._executions.unfinished(task.id):
            return True
        return task.deployment_id is not None and bool(await self._runs.unfinished(task.deployment_id))

    async def _end(self, task: Task) -> None:
        if task.definition.after is After.DELETE:
            await self._delete(task)
        else:
            await self._disable(task)
        logger.info("Task %s has run for the last time: %s", task.id, task.definition.after)

    async def _disable(self, task: Task) -> None:
        now = self._clock.now()

        def disabled(each: Task) -> Task:
            if each.definition != task.definition:
                raise ConcurrentChange(task.id)
            return each.with_enabled(False, SERVICE.user_id, now).to_be_planned(now)

        async with self._audit.change(Action.DISABLE, SERVICE, task.id, after={"enabled": False}) as note:
            changed = await self._tasks.change(task.id, note.watching(disabled))
        await self._deploying.deploy(changed)

    async def _delete(self, task: Task) -> None:
        """The task first: a deployment without a task is removed by the next reload, should this process die."""
        async with self._audit.change(Action.DELETE, SERVICE, task.id, before=picture_of(task)):
            if not await self._tasks.delete(task.id, revision=task.revision):
                raise ConcurrentChange(task.id)
            await self._deployments.remove(task)
            await self._executions.delete_of_task(task.id)


def _is_over(task: Task, settled_until: datetime) -> bool:
    """Whether the task names no instant any more, and did name its last one while it was on.

    A task that was paused, disabled or changed at its last instant, or switched on later, is left as it is.
    """
    if not task.fires:
        return False
    if task.runs_left == 0:
        return True
    present, end_at = task.known_periods[-1], task.definition.end_at
    schedule = parse_stored(task.definition.schedule, task.definition.timezone, task.id)
    instants = schedule.instants if schedule else None
    last = min((each for each in (end_at, instants[-1] if instants else None) if each is not None), default=None)
    if last is None or present.since > last or not last < settled_until:
        return False
    return next_in(present, task, settled_until) is None
