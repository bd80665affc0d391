"""The system tasks that are installed, as the tests of the scheduler compare with them."""

from __future__ import annotations

from collections.abc import Mapping

from falcon_scheduler.adapters.system_tasks.installed import installed
from falcon_scheduler.core.domain.task_definition import TaskDefinition

SYSTEM_TASKS: Mapping[str, TaskDefinition] = {task_id: task.definition for task_id, task in installed().tasks.items()}
