"""Starts the owed runs of tasks (backfills, catching up), one at a time for each task.

The next run of a task is made when no other run of it waits or is at work. So a backfill of a thousand instants
neither fills the queue nor makes the runs skip each other. What is owed is stored with the task: it outlives a
restart.

An owed run of an outage may still be replaced: the skip of a late run, which the engine has ended already and
the mirror has not counted yet, can choose another instant. So the first of these runs starts once the mirror has read
everything up to a time at which no run of the task waited any more.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from datetime import datetime, timedelta

from falcon_scheduler.core.domain.owed import OwedRun
from falcon_scheduler.core.domain.task import Task
from falcon_scheduler.core.errors import SchedulerError, TaskNotFound, Unavailable
from falcon_scheduler.core.ports import Clock, Plans, Runs, TaskStore, Watermark
from falcon_scheduler.core.services.duty import Duty, Periodic
from falcon_scheduler.core.services.ledger.settling import WATERMARK as SETTLED
from falcon_scheduler.core.services.mirror.mirror import WATERMARK as MIRRORED

logger = logging.getLogger(__name__)

INTERVAL = timedelta(seconds=2)
MARGIN = timedelta(seconds=2)
"""The clock of the engine, by which its runs end, may be ahead of ours."""


class OwedRuns:
    """May run in any number of facades: a run has one idempotency key."""

    def __init__(self, *, tasks: TaskStore, plans: Plans, runs: Runs, watermark: Watermark, clock: Clock) -> None:
        self._tasks = tasks
        self._plans = plans
        self._runs = runs
        self._watermark = watermark
        self._clock = clock
        self._idle_since: dict[tuple[str, datetime], datetime] = {}
        """When a task was first found without a run that waits, since the last finding about its outage."""

    def duty(self) -> Duty:
        """The look, again and again."""
        return Periodic("start owed runs", self.look, INTERVAL)

    async def look(self) -> None:
        """Start the next owed run of each task that is idle. Raises `Unavailable`; the next look goes on."""
        tasks = await self._tasks.owing()
        held = any(owed.held_until for task in tasks for owed in task.owed)
        settled = mirrored = None
        if held:
            settled, mirrored = await self._watermark.read(SETTLED), await self._watermark.read(MIRRORED)
            tasks = await self._tasks.owing()  # once more: what is found is stored before the marks move on
        self._forget_all_but(tasks)
        for task in tasks:
            owed = next((each for each in task.owed if _may_start(each, settled)), None)
            if owed is None:
                continue
            try:
                await self._start(task, owed, mirrored)
            except Unavailable:
                raise
            except TaskNotFound:  # deleted in between
                continue
            except SchedulerError as error:
                logger.error("The next owed run of task %s could not be started: %s", task.id, error)

    async def _start(self, task: Task, owed: OwedRun, mirrored: datetime | None) -> None:
        """If the process dies between the two steps, the run is asked for again under the same key."""
        asked_at = self._clock.now()
        if not task.fires or task.deployment_id is None or await self._runs.unfinished(task.deployment_id):
            return
        if owed.is_catching_up and task.runs_left == 0:  # no other run waits or is at work, so none is left for it
            await self._tasks.change(task.id, _without_catching_up)
            return
        if owed.held_until is not None:
            idle_since = self._idle_since.setdefault((task.id, owed.held_until), asked_at)
            if mirrored is None or mirrored < idle_since + MARGIN:
                return
        await self._plans.plan_owed(task, owed)
        await self._tasks.change(task.id, lambda each: each.no_longer_owing(_of(each, owed)))

    def _forget_all_but(self, tasks: Sequence[Task]) -> None:
        kept = {(task.id, owed.held_until) for task in tasks for owed in task.owed}
        self._idle_since = {key: since for key, since in self._idle_since.items() if key in kept}


def _may_start(owed: OwedRun, settled: datetime | None) -> bool:
    return owed.held_until is None or (settled is not None and settled >= owed.held_until)


def _without_catching_up(task: Task) -> Task:
    """The task that has had all runs that `max_runs` allows. A backfill, which somebody requested, goes on."""
    if task.runs_left != 0:
        return task
    return task.no_longer_owing([each for each in task.owed if each.is_catching_up])


def _of(task: Task, owed: OwedRun) -> Sequence[OwedRun]:
    return [each for each in task.owed if each.key == owed.key]
