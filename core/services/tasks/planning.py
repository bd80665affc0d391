"""Keeps the engine's plan complete when a task changes, so that no instant is lost until the engine plans again.

Every update of a deployment makes the engine delete its planned runs (PrefectHQ/prefect 17764); it plans again some
seconds later, from then on. Instants in between would be lost. So each change is followed by a request to plan at
once, from before the change on. No instant is planned twice: the engine identifies a run by schedule and date.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from falcon_scheduler.core.domain.cron.timings import AT
from falcon_scheduler.core.domain.task import Source, Task
from falcon_scheduler.core.ports import Clock, Plans, TaskStore
from falcon_scheduler.core.services.tasks.fire_times import due_between, is_too_late, next_run, single_instants

MARGIN = timedelta(seconds=2)
"""How far before a change the plan is completed: the engine's clock may be behind ours."""
SOON = timedelta(seconds=45)
"""The engine itself plans later instants in time: its loop runs each 5 s, by default each 60 s."""
LOOK_BACK = timedelta(seconds=60)
"""How far before a change instants of the former schedule are searched: due, waiting for a worker, and dropped."""
CAUGHT_UP = timedelta(minutes=15)
"""Instants that were due longer ago, and could not be planned then, stay missed."""
MOST_AT_ONCE = 100


async def complete_plan(
    task: Task, since: datetime, *, plans: Plans, clock: Clock, margin: timedelta = MARGIN
) -> None:
    """Have the engine plan what it may have dropped of a task from `since` on. Repeatable.

    `margin` is zero where `since` was read from the engine's own clock.
    """
    now, began_at = clock.now(), task.known_periods[-1].since
    since = max(since, now - CAUGHT_UP)
    if task.source is not Source.IMPORT and began_at > since - LOOK_BACK:
        former = due_between(task, since - LOOK_BACK, min(began_at, now), MOST_AT_ONCE)
        if in_time := [each for each in former if not is_too_late(task, each, now)]:
            await plans.plan_instants(task, in_time)
    start = max(began_at, since - margin)
    following = next_run(task, start - timedelta(microseconds=1))
    only_engine_knows = task.fires and not task.definition.schedule
    if only_engine_knows or (following is not None and following <= now + SOON):
        await plans.plan(task, start)
    await plan_single_instants(task, start, now, plans=plans)


async def keep_single_instants_planned(
    task: Task, since: datetime, *, tasks: TaskStore, plans: Plans, clock: Clock
) -> None:
    """`plan_single_instants` by the present state of the task, even if it is changed at the same time.

    Raises `TaskNotFound`.
    """
    while has_single_instants(task):
        await plan_single_instants(task, since, clock.now(), plans=plans)
        planned, task = task, await tasks.get(task.id)
        if _planning_state(planned) == _planning_state(task):
            return


def _planning_state(task: Task) -> tuple[object, ...]:
    return task.fires, task.known_periods[-1], task.runs_left, task.deployment_id


def has_single_instants(task: Task) -> bool:
    """Whether the task has `single_instants`, or had some, as far as is remembered."""
    return any(period.rules.need_single_runs or AT in period.schedule for period in task.known_periods)


async def plan_single_instants(task: Task, since: datetime, now: datetime, *, plans: Plans) -> None:
    """Have a run for each of the task's `single_instants` from `since` on, and for none that it named before.

    Nothing is asked of the engine for a task that never had one, as far as is remembered. An instant for which it is
    too late gets no run: the ledger says that it was missed, and why.
    """
    if has_single_instants(task):
        instants = [each for each in single_instants(task, since, now) if not is_too_late(task, each, now)]
        await plans.plan_single_instants(task, instants)
