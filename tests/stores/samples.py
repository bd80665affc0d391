"""Tasks and executions for the contract suites."""

from __future__ import annotations

import itertools
from datetime import UTC, datetime, timedelta
from typing import Any

from falcon_scheduler.core.domain.execution import Execution, ExecutionStatus, Trigger
from falcon_scheduler.core.domain.task import DeployedAs, Source, Task
from falcon_scheduler.core.domain.task_definition import TaskDefinition

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
_numbers = itertools.count(1)


def deployed_as(number: int) -> DeployedAs:
    return DeployedAs(id=f"00000000-0000-4000-8000-{number:012}", active=True, fingerprint="f")


def a_task(name: str = "", minutes: int = 0, *, id: str = "", **definition: Any) -> Task:
    """A task that was updated so many minutes after noon."""
    number, at = next(_numbers), NOON + minutes * MINUTE
    definition = {"type": "http", "schedule": "0 0 * * * *", **definition}
    return Task(
        id=id or f"task-{number:06}",
        definition=TaskDefinition(name=name or f"task {number}", **definition),
        source=Source.API,
        created_at=at,
        updated_at=at,
        created_by="somebody",
        updated_by="somebody",
    )


def an_execution(task_id: str = "task", minutes: int = 0, *, id: str = "", **fields: Any) -> Execution:
    """A pending execution that was asked for so many minutes after noon."""
    given = {"status": ExecutionStatus.PENDING, "trigger": Trigger.MANUAL, **fields}
    return Execution(
        id=id or f"execution-{next(_numbers):06}", task_id=task_id, started_at=NOON + minutes * MINUTE, **given
    )


def running(task_id: str = "task", minutes: int = 0, **fields: Any) -> Execution:
    return an_execution(task_id, minutes, status=ExecutionStatus.RUNNING, **fields)


def ended(task_id: str = "task", minutes: int = 0, *, succeeded: bool = True, **fields: Any) -> Execution:
    """One that began so many minutes after noon and took a minute."""
    status = ExecutionStatus.COMPLETED if succeeded else ExecutionStatus.FAILED
    begun = an_execution(task_id, minutes, **fields)
    return begun.ended(status, begun.started_at + MINUTE, output="out", error="" if succeeded else "it broke")
