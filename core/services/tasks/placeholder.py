"""Replaces a task whose document can't be read."""

from __future__ import annotations

from datetime import datetime

from falcon_scheduler.core.domain.task import SYSTEM_ID_PREFIX, Source, Task
from falcon_scheduler.core.domain.task_definition import TaskDefinition, TaskType


def stand_in(task_id: str, now: datetime) -> Task:
    """What is known of a task whose document can't be read: its id, which is the name of its deployment."""
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
