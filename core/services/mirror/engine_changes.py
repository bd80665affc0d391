"""Takes over into our tasks what somebody changed on purpose in the engine: switches, definitions, new deployments.

A task follows only while we have no change of our own to send. The three records that are compared are described in
`core.services.mirror.reloading`.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any

from falcon_scheduler.core.domain.audit import Action, picture_of
from falcon_scheduler.core.domain.run import Deployed
from falcon_scheduler.core.domain.task import Source, Task
from falcon_scheduler.core.errors import NameTaken, TaskNotFound
from falcon_scheduler.core.ports import Clock, Deployments, TaskStore
from falcon_scheduler.core.services.tasks.after_edit import with_edit
from falcon_scheduler.core.services.tasks.auditing import ENGINE_USER, Auditing
from falcon_scheduler.core.services.tasks.catching_up import with_paused
from falcon_scheduler.core.services.tasks.deploying import TaskDeploying
from falcon_scheduler.core.services.tasks.fire_times import next_run
from falcon_scheduler.core.services.tasks.planning import LOOK_BACK

TAKEN_BACK_REASON = (
    "The task decides this, and a task can't hold what was set in Prefect, "
    "such as a second schedule. "
    "Change the task, or create another task for another schedule."
)

logger = logging.getLogger(__name__)


class EngineChanges:
    """May be used at any time and in any number of processes: every step is conditional on what was seen."""

    def __init__(
        self, *, tasks: TaskStore, deployments: Deployments, deploying: TaskDeploying, clock: Clock, audit: Auditing
    ) -> None:
        self._tasks = tasks
        self._deployments = deployments
        self._deploying = deploying
        self._clock = clock
        self._audit = audit
        self._taking_back = asyncio.Lock()

    async def follow(self, deployed: Deployed) -> None:
        """A deployment is new or was changed in the engine: take over what was changed on purpose."""
        try:
            task = await self._tasks.get(deployed.task_id)
        except TaskNotFound:
            if deployed.adopted is not None:
                await self.adopt(deployed)
            return
        await self.take_over(task, deployed)

    async def take_over(self, task: Task, present: Deployed) -> Task:
        """The task as it is after following.

        A deployment that differs is read again, after the task: during the first read our own change may have been
        under way, and its effect would be taken for a change by a user.
        """
        if task.deployed is None or task.deployed.id != present.as_deployed.id:
            return task
        if task.deployed != present.as_deployed:
            fresh = await self._deployments.of_ids([present.as_deployed.id])
            if not fresh:
                return task
            present = fresh[0]
        if not present.serves(task):  # the task's change of type is on its way, and has paused this deployment
            return task
        if present.adopted is not None:
            return await self._complete_plan(await self._take_over_foreign(task, present), present)
        task = await self._take_over_switch(task, present)
        task = await self._take_over_definition(task, present)
        return await self._complete_plan(task, present)

    async def _take_over_switch(self, task: Task, present: Deployed) -> Task:
        sent, there = task.deployed, present.as_deployed
        if sent is None or sent.active == there.active or task.fires == there.active:
            return task
        if task.fires != sent.active:  # changed here as well, and that change is on its way
            return task
        if task.impediments:  # it can't fire, whatever its switch there; an earlier version left that on
            return task
        now = self._clock.now()
        since = min(present.changed_at or now, now)

        def follow(each: Task) -> Task:
            if each.deployed != sent:  # a later change was sent in between and has precedence
                return each
            if each.fires == there.active:  # it was our own change, which is about to be recorded as sent
                return each
            each = with_paused(each, not there.active, ENGINE_USER, now, since=since)
            each = each.with_enabled(True, ENGINE_USER, now, since=since) if there.active else each
            each = replace(each, deployed=replace(sent, active=there.active), next_run=next_run(each, now))
            return each.to_be_planned(since)

        async with self._audit.change_in_engine(_switch_to(there.active), task.id) as note:
            changed = await self._tasks.change(task.id, note.watching(follow))
        if note.was_needed:
            logger.info("Task %s was %s in Prefect", task.id, "resumed" if there.active else "paused")
        return changed

    async def _take_over_definition(self, task: Task, present: Deployed) -> Task:
        """Take over schedule, queue and tags. A value that a task can't hold is set back by the next reload."""
        sent, there = task.deployed, present.as_deployed
        if sent is None or sent.fingerprint == there.fingerprint:
            return task
        if self._deployments.fingerprint(task) != sent.fingerprint:  # our own unsent change has precedence
            return task
        changes, now = present.changes(task), self._clock.now()
        since = min(present.changed_at or now, now)
        if not changes:
            return await self._take_back(task, present, since)
        if unsaid := present.taken_back(task):
            await self._explain(task, unsaid)
        logger.info("Task %s was changed in Prefect: %s", task.id, ", ".join(sorted(changes)))

        def follow(each: Task) -> Task:
            if each.deployed != sent or each.definition != task.definition:
                return each
            definition = replace(each.definition, **changes)
            changed = each.redefined(definition, ENGINE_USER, now, since=since)
            return with_edit(each, changed, since).to_be_planned(since)

        async with self._audit.change_in_engine(Action.UPDATE, task.id) as note:
            changed = await self._tasks.change(task.id, note.watching(follow))
        return await self._deploying.deploy(changed)

    async def _complete_plan(self, task: Task, present: Deployed) -> Task:
        """Any change in the engine makes it drop its plan, even if no task has to follow."""
        changed_at, now = present.changed_at, self._clock.now()
        if changed_at is None or now - changed_at > LOOK_BACK or task.deployed is None:
            return task
        return await self._deploying.plan_again(task, min(changed_at, now))

    async def _take_back(self, task: Task, present: Deployed, since: datetime) -> Task:
        """Set back values that a task can't hold. Several duties may find them; the audit lets one act."""
        if not present.taken_back(task):
            return task
        async with self._taking_back:
            fresh = await self._deployments.of_ids([present.as_deployed.id])
            unsaid = fresh[0].taken_back(task) if fresh else {}
            if not unsaid:
                return task
            await self._explain(task, unsaid)
            return await self._deploying.deploy(task, since=since)

    async def _explain(self, task: Task, unsaid: Mapping[str, Any]) -> None:
        """Record in the audit which values of a user were set back in the engine, and why."""
        logger.warning("Task %s: %s as set in Prefect is taken back", task.id, ", ".join(sorted(unsaid)))
        async with self._audit.change_in_engine(Action.TAKE_BACK, task.id, before=unsaid) as note:
            note.after = {"reason": TAKEN_BACK_REASON}

    async def adopt(self, deployed: Deployed) -> None:
        """Create a task for a deployment of a user of Prefect. A deployment of ours is left alone."""
        definition = deployed.adopted
        if definition is None:
            return
        now = self._clock.now()
        task = Task(
            id=deployed.task_id,
            definition=definition,
            source=Source.IMPORT,
            created_at=now,
            updated_at=now,
            created_by=ENGINE_USER,
            updated_by=ENGINE_USER,
            paused=not deployed.as_deployed.active,
            deployed=deployed.as_deployed,
        )
        try:
            await self._insert(task)
        except NameTaken:
            name = f"{definition.name[:60]} ({task.id})"
            await self._insert(replace(task, definition=replace(definition, name=name)))
        logger.info("Took deployment %r in as task %s", definition.name, task.id)

    async def _insert(self, task: Task) -> None:
        async with self._audit.change_in_engine(Action.CREATE, task.id) as note:
            note.after = picture_of(await self._tasks.insert(task))

    async def _take_over_foreign(self, task: Task, present: Deployed) -> Task:
        """A user's deployment defines its task; only its switch can be changed here too."""
        definition, there, sent = present.adopted, present.as_deployed, task.deployed
        if definition is None or sent is None or (there == sent and task.fires == there.active):
            return task
        now = self._clock.now()
        thrown_here = task.fires != sent.active

        def follow(each: Task) -> Task:
            kept = replace(definition, name=each.definition.name, enabled=each.definition.enabled)
            each = replace(each.redefined(kept, ENGINE_USER, now), deployed=there)
            if thrown_here or each.fires == there.active:
                return each
            each = with_paused(each, not there.active, ENGINE_USER, now)
            return each.with_enabled(True, ENGINE_USER, now) if there.active else each

        async with self._audit.change_in_engine(Action.UPDATE, task.id) as note:
            return await self._tasks.change(task.id, note.watching(follow))


def _switch_to(active: bool) -> Action:
    return Action.RESUME if active else Action.PAUSE
