"""The service as a whole: its status and numbers, reload, what can be run."""

from __future__ import annotations

import psutil
from fastapi import APIRouter, Request

from falcon_scheduler.api_facade.declared import CHANGE, READ, LeanRoute, answers
from falcon_scheduler.api_facade.deps import Caller, Manager, Parts, Public
from falcon_scheduler.api_facade.examples import service as examples
from falcon_scheduler.api_facade.mapping.status import scheduler_status, stats_response, status_response
from falcon_scheduler.api_facade.schemas.service import (
    ExecutorList,
    ExecutorResponse,
    Reloaded,
    SchedulerStatus,
    SettingList,
    SettingResponse,
    StatsResponse,
    StatusResponse,
)

router = APIRouter(route_class=LeanRoute)

_process = psutil.Process()


@router.get(
    "/status",
    tags=["service"],
    dependencies=[Public],
    responses=answers(200, examples.STATUS),
    summary="How the service is",
)
async def get_status(parts: Parts) -> StatusResponse:
    """Check every component. Public; always 200, the field `status` holds the result."""
    return status_response(await parts.status.status(), _process.memory_info().rss / 2**20)


@router.get(
    "/scheduler-status",
    tags=["service"],
    dependencies=[Public],
    responses=answers(200, examples.SCHEDULER_STATUS),
    summary="Whether the scheduler runs",
)
async def get_scheduler_status(parts: Parts, request: Request) -> SchedulerStatus:
    """The short status of go-falcon, for its pages; `/status` contains more. Public, always 200."""
    return scheduler_status(await parts.status.away(), request.app.version)


@router.get(
    "/stats", tags=["service"], dependencies=[Public], responses=answers(200, examples.STATS, 503), summary="Numbers"
)
async def get_stats(parts: Parts) -> StatsResponse:
    """Tasks and today's executions in numbers. Public."""
    return stats_response(await parts.status.stats())


@router.get(
    "/settings",
    tags=["service"],
    responses=answers(200, examples.SETTINGS, *READ, 403),
    summary="Settings seen by the service",
)
async def list_settings(caller: Manager, parts: Parts) -> SettingList:
    """Every setting that the answering facade was started with, and where its value comes from. No secret is shown.

    Workers read their own environment, which may differ. Needs `scheduler:system:manage`.
    """
    return SettingList(
        settings=[
            SettingResponse(name=each.name, value=each.value, source=each.source, is_secret=each.is_secret)
            for each in parts.settings
        ]
    )


@router.post("/reload", tags=["service"], responses=answers(200, examples.RELOADED, *CHANGE), summary="Reload tasks")
async def reload_tasks(caller: Manager, parts: Parts) -> Reloaded:
    """Make Prefect's deployments equal to the tasks in MongoDB. Repeatable. Needs `scheduler:system:manage`."""
    outcome = await parts.reconcile.reload_for(caller)
    message = "Prefect equals MongoDB" if not outcome.failed else "Some tasks could not be deployed"
    return Reloaded(
        message=message,
        created=outcome.created,
        updated=outcome.updated,
        removed=outcome.removed,
        unchanged=outcome.unchanged,
        failed=list(outcome.failed),
    )


@router.get(
    "/executors", tags=["definitions"], responses=answers(200, examples.EXECUTORS, *READ), summary="What can run"
)
async def list_executors(caller: Caller, parts: Parts) -> ExecutorList:
    """Everything that a task can run: the task type to give, and the JSON Schema of its config."""
    return ExecutorList(
        executors=[
            ExecutorResponse(
                type=entry.type,
                name=entry.name,
                kind=entry.kind,
                description=entry.description,
                isolation=entry.isolation,
                config_schema=dict(entry.schema),
            )
            for entry in parts.catalog.entries()
        ]
    )
