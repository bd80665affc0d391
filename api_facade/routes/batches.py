"""Many tasks at once: bulk operations, export, import."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Query, Request

from falcon_scheduler.api_facade.batches import apply_to_all
from falcon_scheduler.api_facade.declared import CHANGE, READ, LeanRoute, answers, takes
from falcon_scheduler.api_facade.deps import Controller, Creator, Identified, Parts, Reader
from falcon_scheduler.api_facade.examples import batches as examples
from falcon_scheduler.api_facade.imports import import_all
from falcon_scheduler.api_facade.mapping.tasks import exported
from falcon_scheduler.api_facade.schemas.batches import (
    BulkRequest,
    BulkResult,
    Export,
    ExportQuery,
    ImportRequest,
    ImportResult,
    Operation,
)
from falcon_scheduler.api_facade.shape import IMPORT_BYTES, judged, read_json, read_whole
from falcon_scheduler.core.aside import aside
from falcon_scheduler.core.domain.principal import Permission

router = APIRouter(prefix="/tasks", tags=["batches"], route_class=LeanRoute)


@router.post(
    "/bulk",
    responses=answers(200, examples.BULK_RESULT, *CHANGE, 400, 408, 413, 415),
    openapi_extra=takes("BulkRequest", pause=examples.BULK),
    summary="Switch or delete many tasks",
)
async def bulk(caller: Controller, claims: Identified, parts: Parts, request: Request) -> BulkResult:
    """Do one thing with up to 100 tasks; the answer lists each. Needs `scheduler:tasks:control`."""
    wanted = await judged(request, read_whole, BulkRequest, await read_json(request))
    if wanted.operation is Operation.DELETE:
        await parts.authenticator.permit(claims, Permission.DELETE)
    return await apply_to_all(parts.tasks, wanted.task_ids, wanted.operation, caller)


@router.get("/export", responses=answers(200, examples.EXPORT, *READ, 400, 503), summary="All tasks, to be kept")
async def export_tasks(caller: Reader, parts: Parts, query: Annotated[ExportQuery, Query()]) -> Export:
    """Every task with its definition and its switches, in the form for an import; in parts, with `limit` and `after`.

    For system tasks, and for those adopted from Prefect, an import reads the switches only.
    """
    tasks: list[dict[str, Any]] = []
    more = False
    async for task in parts.tasks.all(after=query.after):
        more = query.limit is not None and len(tasks) == query.limit
        if more:
            break
        tasks.append(await aside(task.definition.config, exported, task, caller))
    return Export(exported_at=parts.clock.now(), tasks=tasks, next_after=tasks[-1]["id"] if more and tasks else None)


@router.post(
    "/import",
    responses=answers(200, examples.IMPORT_RESULT, *CHANGE, 400, 408, 413, 415),
    openapi_extra=takes("ImportRequest", one=examples.IMPORT),
    summary="Create many tasks",
)
async def import_tasks(caller: Creator, claims: Identified, parts: Parts, request: Request) -> ImportResult:
    """Create up to 500 tasks, for example from an export; the answer lists each.

    A task whose id or name exists already is skipped, or changed with `overwrite`. A name or an id that appears
    twice is a 400. Needs `scheduler:tasks:create`; `:update` to overwrite; `:control` to overwrite a switch.
    """
    body = await read_json(request, most_bytes=IMPORT_BYTES)
    wanted = await judged(request, read_whole, ImportRequest, body)
    if wanted.overwrite:
        await parts.authenticator.permit(claims, Permission.UPDATE)
    return await import_all(parts, wanted.tasks, caller, overwrite=wanted.overwrite)
