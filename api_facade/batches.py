"""One operation on many tasks: switch, delete, import. Each task succeeds or fails alone, and the answer lists it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from falcon_scheduler.api_facade.origins import through
from falcon_scheduler.api_facade.schemas.batches import BulkFailure, BulkResult, Operation
from falcon_scheduler.core.domain.audit import Door
from falcon_scheduler.core.domain.principal import Principal
from falcon_scheduler.core.errors import SchedulerError, Unavailable
from falcon_scheduler.core.services.tasks.task_service import TaskService

AT_ONCE = 4
"""Tasks that are processed at the same time; more would only wait for Prefect."""
DELETED_AT_ONCE = 25
"""Deletions that run at the same time share their requests to Prefect."""


async def apply_to_all(
    tasks: TaskService, task_ids: Sequence[str], operation: Operation, by: Principal
) -> BulkResult:
    """Apply the operation to each task, in any order. Refusals and failures are listed by task."""
    apply = _doing(tasks, operation)
    distinct = list(dict.fromkeys(task_ids))
    with through(Door.BULK):
        at_once = DELETED_AT_ONCE if operation is Operation.DELETE else AT_ONCE
        outcomes = await each_of(distinct, lambda task_id: apply(task_id, by), at_once)
    failed = [
        BulkFailure(task_id=task_id, code=outcome.code, error=str(outcome))
        for task_id, outcome in zip(distinct, outcomes, strict=True)
        if isinstance(outcome, SchedulerError)
    ]
    refused = {failure.task_id for failure in failed}
    success = [task_id for task_id in distinct if task_id not in refused]
    return BulkResult(
        success=success,
        failed=failed,
        total=len(distinct),
        success_count=len(success),
        failure_count=len(failed),
    )


def _doing(tasks: TaskService, operation: Operation) -> Callable[[str, Principal], Awaitable[object]]:
    return {
        Operation.ENABLE: tasks.enable,
        Operation.DISABLE: tasks.disable,
        Operation.PAUSE: tasks.pause,
        Operation.RESUME: tasks.resume,
        Operation.DELETE: tasks.delete,
    }[operation]


async def each_of(items: Sequence[Any], do: Callable[[Any], Awaitable[Any]], at_once: int = AT_ONCE) -> list[Any]:
    """The outcome of each, an error of ours among them. Once a server is away the rest is skipped."""
    turns = asyncio.Semaphore(at_once)
    away: list[Unavailable] = []

    async def one(item: Any) -> Any:
        async with turns:
            if away:
                return away[0]
            await asyncio.sleep(0)  # hundreds of refusals in a row would block the loop for all other requests
            try:
                return await do(item)
            except SchedulerError as error:
                if isinstance(error, Unavailable):
                    away.append(error)
                return error

    return await asyncio.gather(*(one(item) for item in items))
