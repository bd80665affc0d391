"""Sends a task to the engine, and has it plan what it dropped by that.

The API, the reload and the watch of the plan use it, and whoever takes over a change that was made in the engine.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

from falcon_scheduler.core.domain.task import DeployedAs, Task
from falcon_scheduler.core.errors import Unavailable
from falcon_scheduler.core.ports import Clock, RunEngine, TaskStore
from falcon_scheduler.core.services.tasks.fire_times import next_run
from falcon_scheduler.core.services.tasks.planning import MARGIN, complete_plan


async def deploy(
    task: Task, *, tasks: TaskStore, engine: RunEngine, clock: Clock, since: datetime | None = None
) -> Task:
    """Tell the engine of a task, have it plan what it dropped by that, and remember what it was told.

    When the task was changed while we were telling, it is told again, so that the engine never keeps the older of
    two changes. `since` is when the engine may have dropped its plan before; left out, now.
    """
    began_at = clock.now()
    while True:
        since = min(each for each in (since, task.unplanned_since, began_at) if each is not None)
        told = await engine.deploy(task)
        planned = await _is_planned(replace(task, deployed=told), since, engine, clock)

        def remember(each: Task, task: Task = task, told: DeployedAs = told, planned: bool = planned) -> Task:
            done = planned and _is_same(each, task)
            unplanned_since = None if done else each.unplanned_since
            following = next_run(each, clock.now())
            return replace(each, deployed=told, next_run=following, unplanned_since=unplanned_since)

        stored = await tasks.change(task.id, remember)
        if _is_same(stored, task):
            return stored
        task = stored


async def plan_again(task: Task, since: datetime, *, tasks: TaskStore, engine: RunEngine, clock: Clock) -> Task:
    """Have the engine plan what it dropped at `since`, by its own clock, when it was told of a change by another."""
    planned = await _is_planned(task, since, engine, clock, margin=timedelta())
    if not planned or task.unplanned_since is None:
        return task
    return await tasks.change(
        task.id, lambda each: replace(each, unplanned_since=None) if _is_same(each, task) else each
    )


def _is_same(task: Task, other: Task) -> bool:
    return task.definition == other.definition and task.paused == other.paused


async def _is_planned(
    task: Task, since: datetime, engine: RunEngine, clock: Clock, margin: timedelta = MARGIN
) -> bool:
    """While the engine is away the task keeps its mark, by which the watch of the plan finds it."""
    try:
        await complete_plan(task, since, engine=engine, clock=clock, margin=margin)
    except Unavailable:
        return False
    return True
