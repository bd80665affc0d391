"""Watches that the engine plans what is due, and plans it in its place while it does not.

Each instant is looked at twice: half a minute before it is due, and some seconds after. One that has no run is
planned. So neither an engine whose planner stands still, nor a facade that died between a change and the planning of
it, nor anything that somebody removed in the engine, loses an instant. One facade at a time does this; several do no
harm, since an instant is planned once.
"""

from __future__ import annotations

import logging
from collections import defaultdict
from collections.abc import Awaitable, Mapping, Sequence
from datetime import datetime, timedelta

from core.domain.alert import AlertKind
from core.domain.duration import format_duration
from core.domain.schedule import ScheduleError
from core.domain.task import Source, Task
from core.errors import SchedulerError, TaskNotFound, Unavailable
from core.ports import Clock, PlannerProbe, RunEngine, TaskStore, Watermark
from core.services.instants import due_between
from core.services.planning import CAUGHT_UP, MOST_AT_ONCE
from core.services.service_alerts import ServiceAlerts
from core.services.tasks import deploy

logger = logging.getLogger(__name__)

PLAN_LOOK_INTERVAL = timedelta(seconds=5)
PROBE_INTERVAL = timedelta(seconds=5)
AHEAD = timedelta(seconds=30)
"""How long before it is due an instant is looked at first. The engine's own planner is further ahead."""
BEHIND = timedelta(seconds=8)
"""How long after it was due an instant is looked at again."""
FIRST_LOOK_BACK = timedelta(seconds=60)
MARK_RESPECTED_FOR = timedelta(seconds=5)
"""For so long whoever changed a task may be about to complete its plan."""
PATIENCE = timedelta(seconds=25)
"""How long the planner may owe a run, two rounds of it apart, before it counts as standing still."""
WATERMARK = "plan"

Holes = Mapping[str, Sequence[datetime]]
"""Instants without a run, by the id of their task."""


class PlanWatch:
    """Remembers up to where it has looked; the watermark does for the facade that follows."""

    def __init__(
        self,
        *,
        tasks: TaskStore,
        engine: RunEngine,
        probe: PlannerProbe,
        alerts: ServiceAlerts,
        watermark: Watermark,
        clock: Clock,
        keep_for: timedelta,
    ) -> None:
        """`keep_for` is how long runs that have ended are kept: one that is gone may have run."""
        self._tasks = tasks
        self._engine = engine
        self._probe = probe
        self._alerts = alerts
        self._watermark = watermark
        self._clock = clock
        self._looked_back_for = min(CAUGHT_UP, keep_for / 2)
        self._seen_ahead_until: datetime | None = None

    def forget(self) -> None:
        """Another facade has the duty now."""
        self._seen_ahead_until = None
        self._probe.forget()

    async def look(self) -> None:
        """Plan what has no run. Raises `Unavailable`; the next look begins where this one did."""
        now = self._clock.now()
        for task in await self._tasks.unplanned(now - MARK_RESPECTED_FOR):
            await self._apart(task.id, self._complete(task))
        seen_behind_until = await self._watermark.read(WATERMARK) or now - FIRST_LOOK_BACK
        behind = (max(seen_behind_until, now - self._looked_back_for), now - BEHIND)
        ahead = (max(self._seen_ahead_until or now, now), now + AHEAD)
        tasks = [task async for task in self._tasks.due_before(ahead[1])]
        for task_id, missing in (await self._holes(tasks, *ahead)).items():
            await self._apart(task_id, self._plan(task_id, missing))
        self._seen_ahead_until = ahead[1]
        for task_id, missing in (await self._holes(tasks, *behind)).items():
            await self._apart(task_id, self._make_up_for(task_id, missing))
        await self._watermark.write(WATERMARK, behind[1])

    async def look_at_planner(self) -> None:
        """Open an alert when the engine's planner stands still, and resolve it when it is at work again."""
        owed_for = await self._probe.owed_for()
        if owed_for is None:
            return
        patience = max(PATIENCE, 2 * await self._probe.round())
        if owed_for > patience:
            text = "Prefect's scheduler service plans no runs; the facade plans them until it does again"
            await self._alerts.open(AlertKind.ENGINE_NOT_PLANNING, text)
        elif not owed_for:
            await self._alerts.resolve(AlertKind.ENGINE_NOT_PLANNING, "Prefect's scheduler service plans runs again")

    async def _holes(self, tasks: Sequence[Task], begin: datetime, end: datetime) -> Holes:
        due = {
            (task.deployment_id, instant): task.id
            for task in tasks
            if task.deployment_id is not None
            for instant in _due(task, begin, end)
        }
        if not due:
            return {}
        instants = [instant for _, instant in due]
        async for page in self._engine.planned(min(instants), max(instants)):
            for each in page:
                due.pop(each, None)
        holes: dict[str, list[datetime]] = defaultdict(list)
        for (_, instant), task_id in due.items():
            holes[task_id].append(instant)
        return holes

    async def _plan(self, task_id: str, missing: Sequence[datetime]) -> None:
        """Instants that are still to come; the engine itself can plan them."""
        task = await self._tasks.get(task_id)
        if task.fires:
            await self._engine.plan(task, max(min(missing), task.known_periods[-1].since))
            logger.info("Planned task %s from %s on, which the engine had not", task_id, min(missing).isoformat())

    async def _make_up_for(self, task_id: str, missing: Sequence[datetime]) -> None:
        """Instants that are past. What somebody else's deployment missed is for its owner to make up for."""
        task = await self._tasks.get(task_id)
        if task.source is Source.IMPORT:
            return
        still_due = {*due_between(task, min(missing), max(missing) + timedelta(seconds=1), MOST_AT_ONCE)}
        made = await self._engine.plan_instants(task, [each for each in missing if each in still_due])
        if made:
            late = format_duration(timedelta(seconds=(self._clock.now() - min(missing)) // timedelta(seconds=1)))
            logger.warning("%d instants of task %s had no run, the first since %s", made, task_id, late)

    async def _complete(self, task: Task) -> None:
        await deploy(task, tasks=self._tasks, engine=self._engine, clock=self._clock)

    async def _apart(self, task_id: str, work: Awaitable[None]) -> None:
        """What is wrong with one task does not keep the others from being planned."""
        try:
            await work
        except Unavailable:
            raise
        except TaskNotFound:  # deleted meanwhile
            return
        except (SchedulerError, ScheduleError) as error:
            logger.error("Task %s could not be planned: %s", task_id, error)


def _due(task: Task, begin: datetime, end: datetime) -> Sequence[datetime]:
    try:
        return due_between(task, begin, end, MOST_AT_ONCE)
    except ScheduleError as error:  # stored by another version, or by hand
        logger.error("The schedule of task %s can not be read: %s", task.id, error)
        return ()
