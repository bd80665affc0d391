"""Tasks that are not as their document says: a change that was undone, and a document that can't be read."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from falcon_scheduler.core.domain.task import SYSTEM_ID_PREFIX, Source, Task, TaskDefinition, TaskType


def stand_in(task_id: str, now: datetime) -> Task:
    """What is known of a task whose document can't be read: its id, by which the engine knows its deployment."""
    definition = TaskDefinition(name=task_id, type=TaskType.CUSTOM, schedule="")
    source = Source.SYSTEM if task_id.startswith(SYSTEM_ID_PREFIX) else Source.API
    return Task(
        id=task_id,
        definition=definition,
        source=source,
        created_at=now,
        updated_at=now,
        created_by="",
        updated_by="",
    )


def undone(task: Task, changed: Task, before: Task) -> Task:
    """The task without a change that the engine refused, unless somebody has changed it again."""
    if (task.definition, task.paused) != (changed.definition, changed.paused):
        return task
    return replace(
        task,
        definition=before.definition,
        paused=before.paused,
        version=before.version,
        periods=before.periods,
        unplanned_since=before.unplanned_since,
        updated_at=before.updated_at,
        updated_by=before.updated_by,
    )
