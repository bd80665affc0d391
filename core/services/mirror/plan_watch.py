"""Checks that the engine plans what is due, and plans it instead while the engine does not.

Each instant is checked twice: half a minute before it is due, and some seconds after. If it has no run, it is
planned. So neither an engine whose planner has stopped (PrefectHQ/prefect 22436), nor a facade that died between a
change and the planning of it, nor anything that somebody removed in the engine, loses an instant. One facade at a
time does this; several do no harm, since an instant is planned once.

A task is found by its stored `next_run`. A change of the task moves that on, also past an instant that is due now. So
the instants of the first check are remembered for the second, and a new leader examines every task once.
"""

from __future__ import annotations

import logging
from collections import defaultdict
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from datetime import datetime, timedelta

from falcon_scheduler.core.domain.duration import format_duration
from falcon_scheduler.core.domain.run import Deployed
from falcon_scheduler.core.domain.schedule import ScheduleError
from falcon_scheduler.core.domain.task import Source, Task
from falcon_scheduler.core.errors import SchedulerError, TaskNotFound, Unavailable
from falcon_scheduler.core.ports import Clock, Deployments, Plans, Runs, TaskStore, Watermark
from falcon_scheduler.core.services.duty import Duty, Periodic
from falcon_scheduler.core.services.mirror.due_instants import Holes, Instant, due_of
from falcon_scheduler.core.services.mirror.lost_deployments import LostDeployments
from falcon_scheduler.core.services.mirror.surplus_runs import SurplusRuns, by_deployment
from falcon_scheduler.core.services.tasks.deploying import TaskDeploying
from falcon_scheduler.core.services.tasks.fire_times import due_between, is_too_late
from falcon_scheduler.core.services.tasks.planning import CAUGHT_UP, MOST_AT_ONCE, keep_single_instants_planned

logger = logging.getLogger(__name__)

PLAN_LOOK_INTERVAL = timedelta(seconds=5)
AHEAD = timedelta(seconds=30)
"""How long before it is due an instant is checked first. The engine's own planner is further ahead."""
BEHIND = timedelta(seconds=8)
"""How long after it was due an instant is checked again."""
FIRST_LOOK_BACK = timedelta(seconds=60)
MARK_RESPECTED_FOR = timedelta(seconds=5)
"""For so long another process that changed a task may be about to complete its plan. What this process is still
sending, however slow the engine is, it completes itself."""
FOLLOWED_AT_ONCE = 200
WATERMARK = "plan"


class PlanWatch:
    """Remembers up to where it has checked; the watermark does so for the next leader."""

    def __init__(
        self,
        *,
        tasks: TaskStore,
        deployments: Deployments,
        plans: Plans,
        runs: Runs,
        deploying: TaskDeploying,
        watermark: Watermark,
        clock: Clock,
        keep_for: timedelta,
        follow: Callable[[Deployed], Awaitable[None]],
    ) -> None:
        """Make one.

        Args:
            keep_for: how long runs that have ended are kept: one that is gone may have run.
            follow: takes over into the task what somebody changed at its deployment.
        """
        self._tasks = tasks
        self._deployments = deployments
        self._plans = plans
        self._runs = runs
        self._deploying = deploying
        self._watermark = watermark
        self._clock = clock
        self._follow = follow
        self._looked_back_for = min(CAUGHT_UP, keep_for / 2)
        self._seen_ahead_until: datetime | None = None
        self._seen_ahead: dict[Instant, str] = {}
        self._has_looked_at_all = False
        self._lost = LostDeployments(tasks=tasks, kept_for=self._looked_back_for)
        self._surplus = SurplusRuns(plans=plans, deploying=deploying)

    def duty(self) -> Duty:
        """The check, as a duty."""
        return Periodic("watch the plan", self.look, PLAN_LOOK_INTERVAL, self.forget)

    def forget(self) -> None:
        """Another facade has the duty now."""
        self._seen_ahead_until = None
        self._seen_ahead = {}
        self._has_looked_at_all = False
        self._lost.forget()

    async def look(self) -> None:
        """Plan what has no run. Raises `Unavailable`; the next look begins where this one did."""
        now = self._clock.now()
        for task in await self._tasks.unplanned(now - MARK_RESPECTED_FOR):
            if not self._deploying.is_deploying(task.id):
                await self._apart(task.id, self._complete(task))
        seen_behind_until = await self._watermark.read(WATERMARK) or now - FIRST_LOOK_BACK
        behind = (max(seen_behind_until, now - self._looked_back_for), now - BEHIND)
        tasks = [task async for task in self._tasks.due_before(now + AHEAD)]
        await self._look_ahead(tasks, now)
        await self._look_behind(tasks, *behind)
        await self._watermark.write(WATERMARK, behind[1])

    async def _look_ahead(self, tasks: Sequence[Task], now: datetime) -> None:
        begin, end = max(self._seen_ahead_until or now, now), now + AHEAD
        due, planned = due_of(tasks, begin, end), await self._planned(begin, end)
        self._seen_ahead.update(due)
        await self._follow_unnamed(due, planned, now)
        await self._plan_further(tasks, due, now)
        for task_id, missing in (await self._holes(due, planned, lost=_ignored)).items():
            await self._apart(task_id, self._plan(task_id, missing))
        self._seen_ahead_until = end

    async def _look_behind(self, tasks: Sequence[Task], begin: datetime, end: datetime) -> None:
        seen = {each: task_id for each, task_id in self._seen_ahead.items() if begin <= each[1] < end}
        due = {**due_of(tasks, begin, end), **seen, **await self._due_of_all(begin, end)}
        planned = await self._planned(begin, end) if due else set()
        holes = await self._holes(due, planned, lost=self._lost.keep)
        for task_id, missing in (*holes.items(), *(await self._lost.deployed_again(self._clock.now())).items()):
            await self._apart(task_id, self._make_up_for(task_id, missing))
        self._seen_ahead = {each: task_id for each, task_id in self._seen_ahead.items() if each[1] >= end}
        self._has_looked_at_all = True

    async def _due_of_all(self, begin: datetime, end: datetime) -> Mapping[Instant, str]:
        """Of a new leader, who does not know which instants the former one saw ahead."""
        due: dict[Instant, str] = {}
        if not self._has_looked_at_all:
            async for task in self._tasks.all():
                due.update(due_of([task], begin, end))
        return due

    async def _holes(
        self,
        due: Mapping[Instant, str],
        planned: Collection[Instant],
        *,
        lost: Callable[[Mapping[Instant, str]], None],
    ) -> Holes:
        """Instants that have no run. Their deployments are followed first: somebody may have switched them off.

        `lost` gets those whose deployment is not there.
        """
        missing = {instant: task_id for instant, task_id in due.items() if instant not in planned}
        gone = await self._follow_deployments({deployment_id for deployment_id, _ in missing})
        lost({instant: task_id for instant, task_id in missing.items() if instant[0] in gone})
        holes: dict[str, list[datetime]] = defaultdict(list)
        for (deployment_id, instant), task_id in missing.items():
            if deployment_id not in gone:
                holes[task_id].append(instant)
        return holes

    async def _follow_unnamed(self, due: Mapping[Instant, str], planned: Collection[Instant], now: datetime) -> None:
        """Follow the deployments of which the engine has planned what their tasks do not name.

        Somebody changed or switched on a schedule of them, for which the engine sends no event. Or the last run that
        a task is limited to has begun, and the runs that we had the engine plan beyond it are removed. Or the engine
        stored what it had planned of a schedule after that was paused or changed.
        """
        unnamed = by_deployment({*planned} - due.keys())
        if not unnamed:
            return
        await self._follow_deployments({*await self._tasks.of_deployments([*unnamed])})
        for deployment_id, task in (await self._tasks.of_deployments([*unnamed])).items():
            if task.definition.time_rules.need_single_runs:
                await self._apart(task.id, self._plan_single(task, now))
            await self._apart(task.id, self._surplus.drop(task, unnamed[deployment_id]))

    async def _plan_further(self, tasks: Sequence[Task], due: Mapping[Instant, str], now: datetime) -> None:
        """Plan further ahead for the tasks whose runs we plan one by one, as an instant of theirs comes near."""
        near = {*due.values()}
        for task in tasks:
            if task.id in near and task.definition.time_rules.need_single_runs:
                await self._apart(task.id, self._plan_single(task, now))

    async def _planned(self, begin: datetime, end: datetime) -> set[Instant]:
        return {each async for page in self._plans.planned(begin, end) for each in page if begin <= each[1] < end}

    async def _follow_deployments(self, deployment_ids: Collection[str]) -> Collection[str]:
        """Take over what was changed at them, so that nothing is planned that somebody has just switched off.

        Returns those that are not there.
        """
        ids, found = sorted(deployment_ids), set[str]()
        for start in range(0, len(ids), FOLLOWED_AT_ONCE):
            for deployed in await self._deployments.of_ids(ids[start : start + FOLLOWED_AT_ONCE]):
                found.add(deployed.as_deployed.id)
                await self._apart(deployed.task_id, self._follow(deployed))
        return {each for each in ids if each not in found and not await self._deployments.is_there(each)}

    async def _plan(self, task_id: str, missing: Sequence[datetime]) -> None:
        """Instants that are still to come; the engine itself can plan them."""
        task = await self._tasks.get(task_id)
        if task.fires:
            since = max(min(missing), task.known_periods[-1].since)
            await self._plans.plan(task, since)
            await self._plan_single(task, since)
            logger.info("Planned task %s from %s on, which the engine had not", task_id, min(missing).isoformat())

    async def _plan_single(self, task: Task, since: datetime) -> None:
        await keep_single_instants_planned(task, since, tasks=self._tasks, plans=self._plans, clock=self._clock)

    async def _make_up_for(self, task_id: str, missing: Sequence[datetime]) -> None:
        """Instants that are past. What somebody else's deployment missed is for its owner to make up for."""
        task = await self._tasks.get(task_id)
        if task.source is Source.IMPORT:
            return
        still_due = {*due_between(task, min(missing), max(missing) + timedelta(seconds=1), MOST_AT_ONCE)}
        now = self._clock.now()
        wanted = [each for each in missing if each in still_due and not is_too_late(task, each, now)]
        made = await self._plans.plan_instants(task, wanted[: await self._most_to_make_up_for(task)])
        if made:
            late = format_duration(timedelta(seconds=(now - min(missing)) // timedelta(seconds=1)))
            logger.warning("%d instants of task %s had no run, the first since %s", made, task_id, late)

    async def _most_to_make_up_for(self, task: Task) -> int | None:
        """How many instants may get a run now; None for all. The runs that wait already count towards the limit."""
        if task.runs_left is None or task.deployment_id is None:
            return task.runs_left
        unfinished = await self._runs.unfinished(task.deployment_id)
        waiting = [run for run in unfinished if run.id not in task.record.limited]
        return max(task.runs_left - len(waiting), 0)

    async def _complete(self, task: Task) -> None:
        await self._deploying.deploy(task)

    async def _apart(self, task_id: str, work: Awaitable[None]) -> None:
        """What is wrong with one task does not keep the others from being planned."""
        try:
            await work
        except Unavailable:
            raise
        except TaskNotFound:  # deleted in between
            return
        except (SchedulerError, ScheduleError) as error:
            logger.error("Task %s could not be planned: %s", task_id, error)


def _ignored(instants: Mapping[Instant, str]) -> None:
    """Instants ahead of time are checked once more when they are past."""
