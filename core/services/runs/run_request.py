"""What an execution is requested with, by an execute or by the repetition of an earlier execution."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from falcon_scheduler.core.domain.execution import Execution, ExecutionStatus, Trigger
from falcon_scheduler.core.domain.priority import Priority
from falcon_scheduler.core.domain.task import Task


@dataclass(frozen=True, slots=True, kw_only=True)
class RunRequest:
    """One request. Without a priority the task's own counts."""

    task_id: str
    parameters: Mapping[str, Any]
    priority: Priority | None
    repeats: str = ""
    """The id of the execution that it repeats, if it does."""

    def body(self) -> Mapping[str, Any]:
        """What must be equal in a request that is sent again under the same idempotency key."""
        if self.repeats:
            return {"repeats": self.repeats}
        return {"parameters": dict(self.parameters), "priority": self.priority and str(self.priority)}

    def priority_for(self, task: Task) -> Priority:
        """Its own priority, or that of the task."""
        return self.priority or task.definition.priority

    def execution(
        self, execution_id: str, requested_at: datetime, priority: Priority | None, trigger: Trigger = Trigger.MANUAL
    ) -> Execution:
        """The execution directly after the request."""
        return Execution(
            id=execution_id,
            task_id=self.task_id,
            status=ExecutionStatus.PENDING,
            started_at=requested_at,
            queued_at=requested_at,
            trigger=trigger,
            priority=str(priority or ""),
            parameters=self.parameters,
        )
