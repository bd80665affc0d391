"""Puts the system tasks into MongoDB as code defines them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from core.domain.task import Source, Task, TaskDefinition
from core.errors import NameTaken, TaskNotFound
from core.ports import Clock, TaskStore

SYSTEM_USER = "system"


async def seed_system_tasks(definitions: Mapping[str, TaskDefinition], *, tasks: TaskStore, clock: Clock) -> None:
    """Create what is missing and update what code defines otherwise; safe to repeat and to race.

    Whether a task is enabled or paused is its operator's business and is kept, as are its counters and history.
    A system task that code no longer defines is removed; `ReconcileService` then removes its deployment.
    """
    for task_id, definition in definitions.items():
        await _seed(task_id, definition, tasks, clock)
    async for task in tasks.all():
        if task.is_system and task.id not in definitions:
            await tasks.delete(task.id)


async def _seed(task_id: str, definition: TaskDefinition, tasks: TaskStore, clock: Clock) -> None:
    now = clock.now()
    try:
        present = await tasks.get(task_id)
    except TaskNotFound:
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
            await tasks.insert(task)
        except NameTaken:
            await _settle_name(task_id, task, tasks)
        return
    wanted = replace(definition, enabled=present.definition.enabled)
    if present.definition != wanted or present.source is not Source.SYSTEM:
        await tasks.change(
            task_id,
            lambda each: replace(
                each.redefined(replace(definition, enabled=each.definition.enabled), SYSTEM_USER, now),
                source=Source.SYSTEM,
            ),
        )


async def _settle_name(task_id: str, task: Task, tasks: TaskStore) -> None:
    """Another process seeded it first, which is well; or a user's task bears the name, and ours takes another."""
    try:
        await tasks.get(task_id)
    except TaskNotFound:
        named = replace(task.definition, name=f"{task.definition.name} ({task_id})"[:100])
        await tasks.insert(replace(task, definition=named))
