"""Puts the system tasks into the store as code defines them.

No task is ever removed here. A system task that is not on is retired: it stays with its history, disabled and with
the reason, and may be deleted by hand. Such is one of another scheduler or of an older version, one that the settings
leave out, and one whose plug-in is gone or can't be loaded. Once it is on again it is as enabled as it was before.
"""

from __future__ import annotations

import logging
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace

from falcon_scheduler.core.domain.audit import Action, picture_of
from falcon_scheduler.core.domain.principal import Principal
from falcon_scheduler.core.domain.task import SYSTEM_ID_PREFIX, Source, Task
from falcon_scheduler.core.domain.task_definition import TaskDefinition
from falcon_scheduler.core.errors import NameTaken, TaskNotFound, UnreadableDocument
from falcon_scheduler.core.ports import Clock, TaskStore
from falcon_scheduler.core.services.tasks.auditing import Auditing

logger = logging.getLogger(__name__)

SYSTEM_USER = "system"
SERVICE = Principal(user_id=SYSTEM_USER, character_id=0, is_super_admin=True)
"""Who makes the changes that a start makes."""
RETIRED_REASON = (
    "This service has no such system task. It was kept from the scheduler or version that defined it, and disabled; "
    "delete it when it is not needed"
)


LEFT_OUT_REASON = "The setting SCHEDULER_SYSTEM_TASKS leaves this system task out, so it is disabled"


class Seeding:
    """Safe to repeat and to race."""

    def __init__(self, *, tasks: TaskStore, clock: Clock, audit: Auditing) -> None:
        self._tasks = tasks
        self._clock = clock
        self._audit = audit

    async def seed(
        self,
        definitions: Mapping[str, TaskDefinition],
        left_out: Collection[str] = (),
        problems: Sequence[str] = (),
    ) -> None:
        """Create what is missing, update what code defines otherwise, and retire what it does not define.

        Args:
            definitions: the tasks that are on, by id.
            left_out: ids of those that are defined and not on.
            problems: why plug-ins can't be used, a sentence each: any retired task may be one of theirs.

        Whether a task is enabled or paused is its operator's business and is kept, as are its counters and history.
        """
        for task_id, definition in definitions.items():
            try:
                await self._seed(task_id, definition)
            except UnreadableDocument as error:  # the others are seeded all the same
                logger.error("System task %s could not be brought up to date: %s", task_id, error)
        unknown = " ".join([RETIRED_REASON, *(f"{each}." for each in problems)])
        for task in await self._tasks.beginning_with(SYSTEM_ID_PREFIX):
            if task.id not in definitions:
                await self._retire(task, LEFT_OUT_REASON if task.id in left_out else unknown)

    async def _seed(self, task_id: str, definition: TaskDefinition) -> None:
        try:
            present = await self._tasks.get(task_id)
        except TaskNotFound:
            await self._create(task_id, definition)
            return
        now = self._clock.now()

        def brought_up_to_date(task: Task) -> Task:
            enabled = task.definition.enabled if task.was_enabled is None else task.was_enabled
            wanted = replace(definition, enabled=enabled, name=_kept_name(task, definition))
            redefined = task.redefined(wanted, SYSTEM_USER, now)
            record = redefined.record if task.was_enabled is None else replace(redefined.record, last_error="")
            return replace(redefined, source=Source.SYSTEM, was_enabled=None, record=record)

        wanted = brought_up_to_date(present)
        if wanted == present:
            return
        pictures = {"before": picture_of(present), "after": picture_of(wanted)}
        async with self._audit.change(Action.UPDATE, SERVICE, task_id, **pictures) as note:
            await self._tasks.change(task_id, note.watching(brought_up_to_date))
        logger.info("System task %s was brought up to date; the audit shows the difference", task_id)

    async def _create(self, task_id: str, definition: TaskDefinition) -> None:
        now = self._clock.now()
        task = Task(
            id=task_id,
            definition=definition,
            source=Source.SYSTEM,
            created_at=now,
            updated_at=now,
            created_by=SYSTEM_USER,
            updated_by=SYSTEM_USER,
        )
        try:
            await self._tasks.insert(task)
        except NameTaken:
            await self._settle_name(task_id, task)

    async def _settle_name(self, task_id: str, task: Task) -> None:
        """Either another process created the task first, or a user's task has the name and ours gets another."""
        try:
            await self._tasks.get(task_id)
        except TaskNotFound:
            await self._tasks.insert(replace(task, definition=replace(task.definition, name=_second_name(task))))

    async def _retire(self, task: Task, reason: str) -> None:
        if task.source is Source.RETIRED:
            await self._give_reason(task, reason)
        if not task.is_system:
            return
        now = self._clock.now()

        def retired(each: Task) -> Task:
            return replace(
                each.with_enabled(False, SYSTEM_USER, now),
                source=Source.RETIRED,
                periods=(),  # as if it had never been enabled: no instant of its past is made up for
                was_enabled=each.definition.enabled,
                record=replace(each.record, last_error=reason),
            )

        async with self._audit.change(Action.RETIRE, SERVICE, task.id, before=picture_of(task)) as note:
            await self._tasks.change(task.id, note.watching(retired))
        logger.warning("Task %s is disabled: %s", task.id, reason)

    async def _give_reason(self, task: Task, reason: str) -> None:
        """A retired task is off for another reason than before."""
        if task.record.last_error != reason and not task.definition.enabled:
            await self._tasks.change(
                task.id, lambda each: replace(each, record=replace(each.record, last_error=reason))
            )


def _second_name(task: Task) -> str:
    return f"{task.definition.name} ({task.id})"[:100]


def _kept_name(task: Task, definition: TaskDefinition) -> str:
    """A system task whose name a user's task had taken keeps its second name."""
    second = f"{definition.name} ({task.id})"[:100]
    return second if task.definition.name == second else definition.name
