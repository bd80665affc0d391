"""Makes the engine equal to MongoDB, and takes over what was changed in the engine on purpose.

Three records are compared: our task, what we last sent to the engine (`Task.deployed`), and the deployment as it is.
If the deployment differs from what we sent, while we have no change of our own to send, a user changed it in the
engine, and the task follows as far as a task can hold the value. Every other difference is corrected in the engine.
Deployments of ours without a task are removed; when a user removes a deployment in the engine, its task is removed
too. See docs/decisions/0009-one-truth.md.
"""

from __future__ import annotations

import asyncio
import logging
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from falcon_scheduler.core.domain.run import Deployed
from falcon_scheduler.core.domain.task import Source, Task
from falcon_scheduler.core.errors import (
    Conflict,
    EngineFault,
    SchedulerError,
    TaskNotFound,
    Unavailable,
    UnreadableDocument,
)
from falcon_scheduler.core.pace import Pace
from falcon_scheduler.core.ports import Clock, Deployments, Runs, TaskStore
from falcon_scheduler.core.services.mirror.engine_changes import EngineChanges
from falcon_scheduler.core.services.mirror.fault_isolation import MOST_FAULTS
from falcon_scheduler.core.services.mirror.removals import Removals
from falcon_scheduler.core.services.tasks.deploying import TaskDeploying
from falcon_scheduler.core.services.tasks.planning import LOOK_BACK

logger = logging.getLogger(__name__)

REMOVAL_KNOWN_AFTER = timedelta(seconds=7)
"""How late the engine may know of a removal. Source: prefect 3.8, its events are stored in batches every 5 s."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ReloadOutcome:
    """What a reload did, in numbers of tasks. `failed` lists the ids that could not be deployed."""

    created: int = 0
    updated: int = 0
    removed: int = 0
    unchanged: int = 0
    failed: tuple[str, ...] = ()


class Reloading:
    """One comparison of all tasks with all deployments. May run at any time and in any number of processes."""

    def __init__(
        self,
        *,
        tasks: TaskStore,
        deployments: Deployments,
        runs: Runs,
        deploying: TaskDeploying,
        clock: Clock,
        removals: Removals,
        changes: EngineChanges,
    ) -> None:
        self._tasks = tasks
        self._deployments = deployments
        self._runs = runs
        self._deploying = deploying
        self._clock = clock
        self._removals = removals
        self._changes = changes

    async def reload(self, pace: Pace | None = None) -> ReloadOutcome:
        """Make the engine equal to MongoDB; returns the changes. One bad task does not stop the others.

        With a `pace` it rests after each slice. The list of deployments may be old by the time that a task is
        compared with it, so nothing is done about a difference before its deployment has been read again.
        """
        there: dict[str, list[Deployed]] = defaultdict(list)
        async for deployed in self._deployments.all():
            there[deployed.task_id].append(deployed.outline())
            await _rest(pace)
        created = updated = unchanged = removed = 0
        failed: list[str] = []
        missing: list[Task] = []
        async for task in self._tasks.all():
            await _rest(pace)
            same, others = own_first(task, there.pop(task.id, []))
            try:
                removed += await self._remove_strays(others)
                if same is not None and self._is_equal(task, same):
                    await self._changes.take_over(task, same)
                    unchanged += 1
                    continue
                if self._deploying.is_deploying(task.id):  # a create or a change that the engine takes long for
                    unchanged += 1
                    continue
                task = await self._tasks.get(task.id)
                same = await self._look_again(task, same)
                if same is None and task.deployed is not None and not await self._is_unreadable(task):
                    missing.append(task)
                    continue
                changed = await self._agree(task, same)
            except TaskNotFound:  # deleted in between
                continue
            except Exception as error:  # noqa: BLE001 - no error of one task may stop the others
                self._note_failure(task, error, failed)
                continue
            created += changed and same is None
            updated += changed and same is not None
            unchanged += not changed
        removed += await self._remove_strays([each for strays in there.values() for each in strays])
        back = await self._replace_missing(missing, failed)
        created += back
        removed += len(missing) - back - sum(task.id in failed for task in missing)
        return ReloadOutcome(
            created=created, updated=updated, removed=removed, unchanged=unchanged, failed=tuple(failed)
        )

    @staticmethod
    def _note_failure(task: Task, error: Exception, failed: list[str]) -> None:
        """Note that a task could not be deployed. Raises the error when it will keep the others as well."""
        engine_is_to_blame = not isinstance(error, EngineFault) or len(failed) > MOST_FAULTS
        if isinstance(error, Unavailable) and engine_is_to_blame:
            raise error
        if isinstance(error, SchedulerError):
            logger.error("Task %s could not be deployed: %s", task.id, error)
        else:
            logger.error("Task %s could not be deployed", task.id, exc_info=error)
        failed.append(task.id)

    async def _look_again(self, task: Task, listed: Deployed | None) -> Deployed | None:
        """The task's deployment as it is now: it may have been made or changed since the list was read."""
        deployment_id = task.deployment_id or (listed.as_deployed.id if listed else None)
        if deployment_id is None:
            return None
        return next(iter(await self._deployments.of_ids([deployment_id])), None)

    def _is_equal(self, task: Task, present: Deployed) -> bool:
        """Whether the deployment is what we sent last and what the task is now."""
        there = present.as_deployed
        return (
            task.deployed == there
            and there.active == task.fires
            and there.fingerprint == self._deployments.fingerprint(task)
        )

    async def _is_settled(self, task: Task) -> bool:
        """Whether the engine was sent the task as it is, and has the deployment that the task names.

        Until then another deployment of the task may be a new one that the task does not name yet: it replaces one
        that was lost, or one of another type.
        """
        sent = task.deployed
        is_sent = sent is not None and sent.fingerprint == self._deployments.fingerprint(task)
        return sent is not None and is_sent and await self._deployments.is_there(sent.id)

    async def _is_unreadable(self, task: Task) -> bool:
        """Whether the task's deployment is there although it was not listed. One of ours is replaced then.

        Raises:
            Conflict: it is somebody else's.
        """
        if task.deployed is None or not await self._deployments.is_there(task.deployed.id):
            return False
        if task.source is Source.IMPORT:
            raise Conflict(
                f"The deployment of task {task.id!r} can't be read in Prefect; its owner has to replace it"
            )
        logger.warning("The deployment of task %s can't be read; it is replaced", task.id)
        return True

    async def _agree(self, task: Task, present: Deployed | None) -> bool:
        """Whether anything had to be done."""
        since = None
        if present is not None:
            task = await self._changes.take_over(task, present)
            since = present.changed_at
            if self._is_equal(task, present):
                return False
        await self._deploying.deploy(task, since=self._recent(since))
        return True

    def _recent(self, instant: datetime | None) -> datetime | None:
        """An instant, unless so long ago that the engine has planned again since."""
        return instant if instant is not None and self._clock.now() - instant <= LOOK_BACK else None

    async def _replace_missing(self, missing: Sequence[Task], failed: list[str]) -> int:
        """Deploy tasks that have lost their deployment, unless somebody removed it. How many were deployed.

        Ids of those that could not be are added to `failed`.

        The engine may report a removal a few seconds late. So it is asked twice before the task is deployed again:
        otherwise a deployment that a user has just removed would come back.
        """
        doubtful = [task for task in missing if not task.is_system and not await self._removals.was_removed(task)]
        if doubtful:
            await asyncio.sleep(REMOVAL_KNOWN_AFTER.total_seconds())
        deployed = 0
        for task in missing:
            if not task.is_system and (task not in doubtful or await self._removals.was_removed(task)):
                await self._removals.delete_task(task)
                continue
            try:
                await self._deploying.deploy(task)
                deployed += 1
            except TaskNotFound:  # deleted in between
                continue
            except Exception as error:  # noqa: BLE001 - as in `reload`
                self._note_failure(task, error, failed)
        return deployed

    async def _remove_strays(self, strays: Sequence[Deployed]) -> int:
        removed = 0
        for stray in strays:
            if stray.adopted is not None:
                await self._changes.follow(stray)
                continue
            try:
                task = await self._tasks.get(stray.task_id)  # created or deployed since the list was read
                if task.deployment_id in {None, stray.as_deployed.id} or not await self._is_settled(task):
                    continue
                if await self._runs.unfinished(stray.as_deployed.id):  # due or at work from before a change of type
                    continue
            except TaskNotFound:
                pass
            except UnreadableDocument:  # there is a task, although it can't be read
                continue
            await self._deployments.remove_deployment(stray.as_deployed.id)
            removed += 1
        return removed


async def _rest(pace: Pace | None) -> None:
    if pace is not None:
        await pace.rest_after_slice()


def own_first(task: Task, present: Sequence[Deployed]) -> tuple[Deployed | None, Sequence[Deployed]]:
    """The task's own deployment among those with its id, and the others, which remain from a change of type."""
    own = next((each for each in present if each.as_deployed.id == task.deployment_id), None)
    if own is None and task.deployment_id is None and present:
        own = present[0]
    return own, [each for each in present if each is not own]
