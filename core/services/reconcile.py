"""Makes the engine equal to MongoDB, and takes over what was changed in the engine on purpose.

Three pictures are compared: our task, what we last told the engine (`Task.deployed`), and the deployment as it is.
A switch that differs from what we told was thrown in the engine, and the task follows. Anything else that differs
is told again; deployments of ours without a task are removed.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass

from core.domain.run import Deployed
from core.domain.task import Task
from core.errors import SchedulerError, TaskNotFound, Unavailable
from core.ports import Clock, RunEngine, TaskStore
from core.services.tasks import deploy

logger = logging.getLogger(__name__)

ENGINE_USER = "prefect"
"""Who changed a task when the change was made in the engine."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ReloadOutcome:
    """What a reload did, in numbers of tasks. `failed` lists the ids that could not be deployed."""

    created: int = 0
    updated: int = 0
    removed: int = 0
    unchanged: int = 0
    failed: tuple[str, ...] = ()


class ReconcileService:
    """May run at any time and in any number of processes."""

    def __init__(self, *, tasks: TaskStore, engine: RunEngine, clock: Clock) -> None:
        self._tasks = tasks
        self._engine = engine
        self._clock = clock

    async def reload(self) -> ReloadOutcome:
        """Make the engine equal to MongoDB and say what was done. One bad task does not stop the others."""
        there = {deployed.task_id: deployed async for deployed in self._engine.deployed()}
        created = updated = unchanged = 0
        failed: list[str] = []
        async for task in self._tasks.all():
            present = there.pop(task.id, None)
            try:
                changed = await self._agree(task, present)
            except Unavailable:
                raise
            except SchedulerError as error:
                logger.error("Task %s could not be deployed: %s", task.id, error)
                failed.append(task.id)
                continue
            created += changed and present is None
            updated += changed and present is not None
            unchanged += not changed
        removed = await self._remove_strays(list(there.values()))
        return ReloadOutcome(
            created=created, updated=updated, removed=removed, unchanged=unchanged, failed=tuple(failed)
        )

    async def follow(self, deployed: Deployed) -> None:
        """A deployment changed in the engine: take over a switch that was thrown there."""
        try:
            task = await self._tasks.get(deployed.task_id)
        except TaskNotFound:
            return
        await self._take_over_switch(task, deployed)

    async def _agree(self, task: Task, present: Deployed | None) -> bool:
        if present is not None:
            task = await self._take_over_switch(task, present)
            as_told = present.as_told
            if (
                task.deployed == as_told
                and as_told.active == task.fires
                and as_told.fingerprint == self._engine.fingerprint(task)
            ):
                return False
        await deploy(task, tasks=self._tasks, engine=self._engine, clock=self._clock)
        return True

    async def _take_over_switch(self, task: Task, present: Deployed) -> Task:
        told, there = task.deployed, present.as_told
        if told is None or told.id != there.id or told.active == there.active or task.fires == there.active:
            return task
        if task.fires != told.active:  # changed here as well, and that change is on its way
            return task
        logger.info("Task %s was %s in Prefect", task.id, "resumed" if there.active else "paused")
        now = self._clock.now()

        def follow(each: Task) -> Task:
            each = each.with_paused(not there.active, ENGINE_USER, now)
            return each.with_enabled(True, ENGINE_USER, now) if there.active else each

        changed = await self._tasks.change(task.id, follow)
        return await deploy(changed, tasks=self._tasks, engine=self._engine, clock=self._clock)

    async def _remove_strays(self, strays: Sequence[Deployed]) -> int:
        removed = 0
        for stray in strays:
            try:
                await self._tasks.get(stray.task_id)  # created since we looked
            except TaskNotFound:
                await self._engine.remove_deployment(stray.as_told.id)
                removed += 1
        return removed
