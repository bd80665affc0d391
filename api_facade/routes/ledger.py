"""The ledger: what became of every instant that the schedules named."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query

from falcon_scheduler.api_facade.declared import READ, LeanRoute, answers
from falcon_scheduler.api_facade.deps import Caller, Parts
from falcon_scheduler.api_facade.examples import ledger as examples
from falcon_scheduler.api_facade.mapping.ledger import (
    explanation_response,
    occurrence_filter,
    occurrence_list,
)
from falcon_scheduler.api_facade.mapping.positions import position_of
from falcon_scheduler.api_facade.schemas.ledger import (
    ExplainQuery,
    ExplanationResponse,
    OccurrenceList,
    OccurrenceQuery,
)
from falcon_scheduler.core.errors import Invalid

router = APIRouter(tags=["executions"], route_class=LeanRoute)


@router.get(
    "/occurrences",
    responses=answers(200, examples.OCCURRENCES, *READ, 400, 403, 503),
    summary="What became of every scheduled instant",
)
async def list_occurrences(
    caller: Caller, parts: Parts, query: Annotated[OccurrenceQuery, Query()]
) -> OccurrenceList:
    """The instants that the schedules of all tasks named, each with its one fate, in the order of time.

    Instants that follow each other and were missed for the same reason are one entry, from `at` to `until`. An
    instant of such a row that has an entry of its own is not part of the row.
    """
    page = await parts.ledger.page(occurrence_filter(query), limit=query.limit, after=position_of(query.after))
    return occurrence_list(page, await parts.tasks.names({each.task_id for each in page.occurrences}))


@router.get(
    "/tasks/{task_id}/occurrences",
    responses=answers(200, examples.OCCURRENCES_OF_TASK, *READ, 400, 403, 404, 503),
    summary="What became of a task's scheduled instants",
)
async def task_occurrences(
    task_id: str, caller: Caller, parts: Parts, query: Annotated[OccurrenceQuery, Query()]
) -> OccurrenceList:
    """The instants that the task's schedule named while it was in force, each with its one fate, in order."""
    task = await parts.tasks.get(task_id)
    page = await parts.ledger.page(occurrence_filter(query, task), limit=query.limit, after=position_of(query.after))
    return occurrence_list(page)


@router.get(
    "/tasks/{task_id}/explain",
    responses=answers(200, examples.EXPLANATION, *READ, 400, 403, 404, 503),
    summary="Why a task ran, or did not",
)
async def explain_task(
    task_id: str, caller: Caller, parts: Parts, query: Annotated[ExplainQuery, Query()]
) -> ExplanationResponse:
    """The one cause of what happened at an instant of the task, the facts about it, and what to do.

    The instant may be to come: then the cause is why the task will run, or will not.
    """
    task = await parts.tasks.get(task_id)
    if query.execution_id is None:
        explanation = await parts.explaining.explain(task, query.at)
    elif query.at is None:
        execution = await parts.runs.get(query.execution_id, task_id)
        explanation = await parts.explaining.explain_execution(task, execution)
    else:
        raise Invalid.of("query.execution_id", "must not be given together with at")
    return explanation_response(explanation, task.definition.name)
