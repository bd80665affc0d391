"""One thing done with many tasks: switched, deleted, imported. Each task is done or not by itself, and said so."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import fields
from typing import Any

from api_facade.container import Container
from api_facade.definitions import read_definition
from api_facade.origins import through
from api_facade.schemas.batches import BulkFailure, BulkResult, Imported, ImportFailure, ImportResult, Operation
from api_facade.schemas.common import ProblemFault
from core.domain.audit import Door
from core.domain.principal import Principal
from core.domain.task import Task, TaskDefinition
from core.errors import Fault, Invalid, NameTaken, SchedulerError, Unavailable
from core.ports import PageRequest, TaskFilter
from core.services.tasks import TaskService

AT_ONCE = 4
"""Tasks that are worked on at the same time; more would only wait for Prefect."""


async def apply_to_all(
    tasks: TaskService, task_ids: Sequence[str], operation: Operation, by: Principal
) -> BulkResult:
    """Do it with each task, in any order. What is refused or away is told per task."""
    apply = _doing(tasks, operation)
    distinct = list(dict.fromkeys(task_ids))
    with through(Door.BULK):
        outcomes = await _each(distinct, lambda task_id: apply(task_id, by))
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


async def import_all(
    parts: Container, bodies: Sequence[Mapping[str, Any]], by: Principal, *, overwrite: bool
) -> ImportResult:
    """Create each task; one whose name is taken is skipped, or changed with `overwrite`."""
    with through(Door.IMPORT):
        outcomes = await _each(bodies, lambda body: _import(parts, body, by, overwrite))
    imported: list[Imported] = []
    skipped: list[str] = []
    failed: list[ImportFailure] = []
    for position, (body, outcome) in enumerate(zip(bodies, outcomes, strict=True)):
        if isinstance(outcome, Task):
            imported.append(Imported(id=outcome.id, name=outcome.definition.name))
        elif isinstance(outcome, NameTaken):
            skipped.append(outcome.name)
        else:
            failed.append(_failure(position, body, outcome))
    return ImportResult(
        imported_tasks=imported,
        skipped_tasks=skipped,
        failed_tasks=failed,
        total=len(bodies),
        imported=len(imported),
        skipped=len(skipped),
        failed=len(failed),
    )


async def _import(parts: Container, body: Mapping[str, Any], by: Principal, overwrite: bool) -> Task:
    definition = read_definition(body, parts.catalog, parts.default_timezone)
    try:
        return await parts.tasks.create(definition, by)
    except NameTaken:
        present = await _named(parts.tasks, definition.name) if overwrite else None
        if present is None:
            raise
    if present.definition.type != definition.type:
        raise Invalid([Fault("type", "a task keeps its type for life, and the one of this name has another")])
    changes = {each.name: getattr(definition, each.name) for each in fields(TaskDefinition)}
    return await parts.tasks.update(present.id, changes, by)


async def _named(tasks: TaskService, name: str) -> Task | None:
    number = 1
    while True:
        page = await tasks.list(TaskFilter(query=name), PageRequest(page=number, size=100))
        for task in page.items:
            if task.definition.name == name:
                return task
        if number >= page.total_pages:
            return None
        number += 1


def _failure(position: int, body: Mapping[str, Any], error: SchedulerError) -> ImportFailure:
    faults = [ProblemFault(location=each.location, message=each.message) for each in getattr(error, "faults", ())]
    return ImportFailure(
        position=position,
        name=str(body.get("name", ""))[:100],
        code=error.code,
        error="it is not valid" if faults else str(error),
        errors=faults or None,
    )


async def _each(items: Sequence[Any], do: Callable[[Any], Awaitable[Any]]) -> list[Any]:
    """The outcome of each, an error of ours among them. Once a server is away the rest is not tried."""
    turns = asyncio.Semaphore(AT_ONCE)
    away: list[Unavailable] = []

    async def one(item: Any) -> Any:
        async with turns:
            if away:
                return away[0]
            try:
                return await do(item)
            except SchedulerError as error:
                if isinstance(error, Unavailable):
                    away.append(error)
                return error

    return await asyncio.gather(*(one(item) for item in items))
