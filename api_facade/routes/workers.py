"""The workers that can run executions."""

from __future__ import annotations

from fastapi import APIRouter

from falcon_scheduler.api_facade.declared import READ, LeanRoute, answers
from falcon_scheduler.api_facade.deps import Caller, Parts
from falcon_scheduler.api_facade.examples import service as examples
from falcon_scheduler.api_facade.schemas.workers import WorkerResponse, WorkforceResponse
from falcon_scheduler.core.domain.workforce import OnlineWorker

router = APIRouter(prefix="/workers", tags=["service"], route_class=LeanRoute)


@router.get("", responses=answers(200, examples.WORKERS, *READ, 403, 503), summary="Who runs executions")
async def list_workers(caller: Caller, parts: Parts) -> WorkforceResponse:
    """The workers of the pool `falcon` that are online, by name, and the reason when nothing can run."""
    workforce = await parts.workforce()
    return WorkforceResponse(
        workers=[WorkerResponse(name=each.name, slots=each.slots) for each in sorted(workforce.workers, key=_name)],
        slots=workforce.slots,
        is_paused=workforce.is_paused,
        problem=workforce.problem or None,
    )


def _name(worker: OnlineWorker) -> str:
    return worker.name
