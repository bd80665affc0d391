"""What the schedules of some days will ask of the workers."""

from __future__ import annotations

from fastapi import APIRouter, Request

from falcon_scheduler.api_facade.declared import READ, LeanRoute, answers, takes
from falcon_scheduler.api_facade.deps import Parts, Reader
from falcon_scheduler.api_facade.examples import simulation as examples
from falcon_scheduler.api_facade.mapping.simulation import changes_of, simulation_answer
from falcon_scheduler.api_facade.schemas.simulation import SimulationAnswer, SimulationQuestion
from falcon_scheduler.api_facade.shape import IMPORT_BYTES, judged, read_json, read_whole
from falcon_scheduler.api_facade.together import unless_gone

router = APIRouter(prefix="/schedules", tags=["definitions"], route_class=LeanRoute)


@router.post(
    "/simulate",
    responses=answers(200, examples.SIMULATION, *READ, 400, 403, 408, 413, 415, 503),
    openapi_extra=takes("SimulationQuestion", spread=examples.SIMULATION_QUESTION),
    summary="What the schedules of some days will ask of the workers",
)
async def simulate_schedules(caller: Reader, parts: Parts, request: Request) -> SimulationAnswer:
    """Runs, slots, queue and lateness of all tasks with changes that are not stored. Stores nothing.

    The work ends when the caller closes the connection.
    """
    body = await read_json(request, most_bytes=IMPORT_BYTES)
    question = await judged(request, read_whole, SimulationQuestion, body)
    work = parts.forecasts.outlook(question.begin, question.end, changes_of(question), question.slots)
    return simulation_answer(await unless_gone(request, work))
