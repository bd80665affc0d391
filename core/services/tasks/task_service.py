"""Creating, changing and switching tasks, in MongoDB and in Prefect.

Each change is written to MongoDB first, which decides, and then sent to the engine. When the process dies between the
two, `ReconcileService` (at start, on reload and in the sweep) makes the engine follow. Before both an entry in the
audit is written.
"""

from __future__ import annotations

import logging
import uuid
from collections.abc import AsyncIterator, Collection, Mapping
from contextlib import suppress
from dataclasses import replace
from datetime import datetime
from typing import Any

from falcon_scheduler.core.aside import aside
from falcon_scheduler.core.domain.audit import Action, picture_of
from falcon_scheduler.core.domain.principal import Permission, Principal
from falcon_scheduler.core.domain.task import Source, Task
from falcon_scheduler.core.domain.task_definition import TaskDefinition, TaskType
from falcon_scheduler.core.errors import (
    Fault,
    ImportedTask,
    Invalid,
    PermissionMissing,
    SystemTaskProtected,
    TaskNotFound,
    Unavailable,
    UnreadableDocument,
)
from falcon_scheduler.core.ports import (
    Clock,
    Deployments,
    ExecutionStore,
    ExecutorCatalog,
    Page,
    PageRequest,
    TaskFilter,
    TaskStore,
)
from falcon_scheduler.core.ports.calendars import CalendarStore
from falcon_scheduler.core.services.tasks.after_edit import with_edit
from falcon_scheduler.core.services.tasks.auditing import Auditing, Note
from falcon_scheduler.core.services.tasks.calendars import resolved
from falcon_scheduler.core.services.tasks.catching_up import with_paused
from falcon_scheduler.core.services.tasks.changes import TaskChanges
from falcon_scheduler.core.services.tasks.deploying import TaskDeploying
from falcon_scheduler.core.services.tasks.fire_times import next_run
from falcon_scheduler.core.services.tasks.placeholder import stand_in
from falcon_scheduler.core.services.tasks.validation import change_faults, definition_faults, past_faults

logger = logging.getLogger(__name__)


class TaskService:
    """What the API may do with tasks. `by` is the caller; permissions are checked before."""

    def __init__(
        self,
        *,
        tasks: TaskStore,
        executions: ExecutionStore,
        deployments: Deployments,
        deploying: TaskDeploying,
        catalog: ExecutorCatalog,
        clock: Clock,
        audit: Auditing,
        calendars: CalendarStore,
    ) -> None:
        self._tasks = tasks
        self._executions = executions
        self._deployments = deployments
        self._catalog = catalog
        self._clock = clock
        self._audit = audit
        self._calendars = calendars
        self._changes = TaskChanges(tasks=tasks, deployments=deployments, deploying=deploying)

    async def create(
        self, definition: TaskDefinition, by: Principal, *, task_id: str | None = None, paused: bool = False
    ) -> Task:
        """Store a new task, under this id if one is given, and deploy it. Raises `Invalid`, `NameTaken`,
        `EngineRefused`.

        When the engine refuses or is away the task is taken back, so that a create is whole or not at all; if even
        that fails the sweep completes it.
        """
        now = self._clock.now()
        definition = await self._checked(definition, now)
        new = Task(
            id=task_id or str(uuid.uuid4()),
            definition=definition,
            source=Source.API,
            paused=paused,
            created_at=now,
            updated_at=now,
            created_by=by.user_id,
            updated_by=by.user_id,
            unplanned_since=now,
        )
        async with self._audit.change(Action.CREATE, by, new.id, after=picture_of(new)):
            is_ours = task_id is None  # nobody else has an id that was just drawn
            try:
                task = await self._tasks.insert(new)  # may take effect although its answer gets lost
                is_ours = True
                return await self._changes.deploy(task)
            except Exception:
                if is_ours:
                    await self._take_back(new)
                raise

    async def _take_back(self, task: Task) -> None:
        """Remove a task that could not be stored or deployed. Its caller gets the reason."""
        try:
            await self._tasks.delete(task.id)
        except Unavailable:
            logger.warning("Task %s could be neither deployed nor taken back; the reload completes it", task.id)

    async def update(
        self, task_id: str, changes: Mapping[str, Any], by: Principal, *, paused: bool | None = None
    ) -> Task:
        """Replace the given fields of the definition, and no others; hold or release the schedule if that is given.

        Raises:
            PermissionMissing: a switch (`enabled`, `paused`) would change, and the caller may not switch tasks.
        """
        present = await self._tasks.get(task_id)
        if present.is_system:
            raise SystemTaskProtected(task_id)
        if present.source is Source.IMPORT:
            raise ImportedTask(task_id)
        configs = (present.definition.config, changes.get("config"))
        now = self._clock.now()
        faults: list[Fault] = []
        if "calendars" in changes:
            calendars, faults = await resolved(changes["calendars"], self._calendars)
            changes = {**changes, "calendars": calendars}
        faults += await aside(configs, change_faults, present.definition, changes, self._catalog)
        faults += past_faults(replace(present.definition, **changes), now, present.definition)
        if faults:
            raise Invalid(faults)

        def redefine(task: Task) -> Task:
            if changes.get("enabled", task.definition.enabled) != task.definition.enabled:
                demand(by, Permission.CONTROL)
            if paused is not None and paused != task.paused:
                demand(by, Permission.CONTROL)
                task = with_paused(task, paused, by.user_id, now)
            definition = replace(task.definition, **changes)
            return with_edit(task, task.redefined(definition, by.user_id, now, given=changes.keys()), now)

        pictures = {"before": picture_of(present), "after": picture_of(redefine(present))}
        async with self._audit.change(Action.UPDATE, by, task_id, **pictures) as note:
            return await self._changes.redefine(task_id, redefine, note, at=now)

    async def delete(self, task_id: str, by: Principal) -> None:
        """Remove the task, its deployment, its runs and its history. What is at work is cancelled.

        A task whose document can't be read is removed too.
        """
        try:
            task = await self._tasks.get(task_id)
        except UnreadableDocument:
            task = stand_in(task_id, self._clock.now())
        if task.is_system:
            raise SystemTaskProtected(task_id)
        if task.source is Source.IMPORT:
            raise ImportedTask(task_id)
        async with self._audit.change(Action.DELETE, by, task_id, before=picture_of(task)):
            await self._deployments.remove(task)
            await self._tasks.delete(task_id)
            removed = await self._executions.delete_of_task(task_id)
        logger.info("Task %s deleted by %s with %d executions", task_id, by.user_id, removed)

    async def get(self, task_id: str) -> Task:
        """Raises `TaskNotFound`."""
        return await self._tasks.get(task_id)

    async def names(self, task_ids: Collection[str]) -> Mapping[str, str]:
        """See `TaskStore.names`."""
        return await self._tasks.names(task_ids)

    async def found(self, task_id: str | None, name: str) -> Task | None:
        """The task of this id, else the task of this name, if there is one."""
        if task_id is not None:
            with suppress(TaskNotFound):
                return await self._tasks.get(task_id)
        return await self._tasks.named(name)

    async def list(self, wanted: TaskFilter, page: PageRequest) -> Page[Task]:
        """See `TaskStore.list`."""
        return await self._tasks.list(wanted, page)

    def all(self, after: str | None = None) -> AsyncIterator[Task]:
        """Every task (whose id is greater than `after`), by id, without holding them all in memory."""
        return self._tasks.all(after)

    async def pause(self, task_id: str, by: Principal) -> Task:
        """Hold the schedule; what is at work goes on."""
        async with self._audit.change(Action.PAUSE, by, task_id, after={"paused": True}) as note:
            return await self.hold(task_id, by, note)

    async def hold(self, task_id: str, by: Principal, note: Note) -> Task:
        """Pause as a part of a change that has its entry in the audit already."""
        now = self._clock.now()
        return await self._changes.apply(task_id, lambda task: task.with_paused(True, by.user_id, now), note, at=now)

    async def resume(self, task_id: str, by: Principal) -> Task:
        """Resume the schedule from now on. The task's `catch_up` decides which instants of the pause get a run."""
        now = self._clock.now()
        async with self._audit.change(Action.RESUME, by, task_id, after={"paused": False}) as note:
            return await self._changes.apply(
                task_id, lambda task: with_paused(task, False, by.user_id, now), note, at=now
            )

    async def enable(self, task_id: str, by: Principal) -> Task:
        """Switch the task on."""
        now = self._clock.now()
        async with self._audit.change(Action.ENABLE, by, task_id, after={"enabled": True}) as note:
            return await self._changes.apply(
                task_id, lambda task: task.with_enabled(True, by.user_id, now), note, at=now
            )

    async def disable(self, task_id: str, by: Principal) -> Task:
        """Switch the task off: neither its schedule nor anybody by hand can run it."""
        now = self._clock.now()
        async with self._audit.change(Action.DISABLE, by, task_id, after={"enabled": False}) as note:
            return await self._changes.apply(
                task_id, lambda task: task.with_enabled(False, by.user_id, now), note, at=now
            )

    def next_run(self, task: Task) -> datetime | None:
        """When the schedule fires next; None when it doesn't."""
        return next_run(task, self._clock.now())

    async def _checked(self, definition: TaskDefinition, now: datetime) -> TaskDefinition:
        """The definition with the latest versions of its calendars. Raises `Invalid`."""
        calendars, faults = await resolved(definition.calendars, self._calendars)
        definition = replace(definition, calendars=calendars)
        faults += await aside(definition.config, definition_faults, definition, self._catalog)
        faults += past_faults(definition, now)
        if definition.type == TaskType.SYSTEM:
            faults.append(Fault("type", "system tasks are defined in code and can't be created"))
        if faults:
            raise Invalid(faults)
        return definition


def demand(by: Principal, permission: Permission) -> None:
    """Raises `PermissionMissing` unless the caller has the permission."""
    if not by.may(permission):
        raise PermissionMissing(permission)
