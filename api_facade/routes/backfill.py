"""Backfills: runs for instants of the past."""

from __future__ import annotations

from fastapi import APIRouter, Request

from falcon_scheduler.api_facade.declared import CHANGE, LeanRoute, answers, takes
from falcon_scheduler.api_facade.deps import Parts, Runner
from falcon_scheduler.api_facade.examples import backfill as examples
from falcon_scheduler.api_facade.paths import TASK_PATH
from falcon_scheduler.api_facade.schemas.backfill import BackfillGivenUp, BackfillRequest, BackfillResponse
from falcon_scheduler.api_facade.shape import judged, read_json, read_whole

router = APIRouter(prefix=f"/tasks/{TASK_PATH}/backfill", tags=["control"], route_class=LeanRoute)


@router.post(
    "",
    responses=answers(200, examples.BACKFILLED, *CHANGE, 400, 404, 408, 409, 413, 415),
    openapi_extra=takes("BackfillRequest", dry_run=examples.BACKFILL),
    summary="Run for instants of the past",
)
async def backfill_task(task_id: str, caller: Runner, parts: Parts, request: Request) -> BackfillResponse:
    """Have the task run for each instant that its present schedule names in this time, one run after the other.

    Repeatable: an instant that ran, waits or is owed already gets no other run, unless `again` is true.
    A run counts as one of the schedule, with `metadata.scheduled_for`. A paused task waits with its owed runs.
    Needs `scheduler:tasks:execute`.
    """
    wanted = await judged(request, read_whole, BackfillRequest, await read_json(request))
    outcome = await parts.backfill.request(
        task_id, wanted.begin, wanted.end, caller, again=wanted.again, dry_run=wanted.dry_run
    )
    return BackfillResponse(
        task_id=task_id,
        dry_run=wanted.dry_run,
        runs=len(outcome.instants),
        instants=list(outcome.instants),
        already_served=outcome.already_served,
    )


@router.delete(
    "", responses=answers(200, examples.GIVEN_UP, *CHANGE, 404), summary="Give up the owed runs of backfills"
)
async def give_up_backfill(task_id: str, caller: Runner, parts: Parts) -> BackfillGivenUp:
    """Remove the owed runs of backfills that are not started yet. Repeatable.

    Needs `scheduler:tasks:execute`.
    """
    removed = await parts.backfill.give_up(task_id, caller)
    return BackfillGivenUp(task_id=task_id, removed=removed)
