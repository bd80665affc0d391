"""Executions of all tasks."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query, Request

from falcon_scheduler.api_facade.declared import CHANGE, READ, LeanRoute, answers
from falcon_scheduler.api_facade.deps import Controller, IdempotencyKey, Parts, Reader, Runner
from falcon_scheduler.api_facade.examples import executions as examples
from falcon_scheduler.api_facade.ignored import ignore
from falcon_scheduler.api_facade.mapping.executions import (
    accepted,
    broadened,
    cancelled,
    execution_filter,
    execution_response,
    execution_responses,
)
from falcon_scheduler.api_facade.mapping.pages import following_text, page_numbers, page_request, position_in
from falcon_scheduler.api_facade.schemas.executions import (
    ExecutionAccepted,
    ExecutionCancelled,
    ExecutionList,
    ExecutionQuery,
    ExecutionResponse,
)

router = APIRouter(prefix="/executions", tags=["executions"], route_class=LeanRoute)


@router.get("", responses=answers(200, examples.EXECUTIONS, *READ, 400, 503), summary="List executions")
async def list_executions(
    caller: Reader, parts: Parts, request: Request, query: Annotated[ExecutionQuery, Query()]
) -> ExecutionList:
    """The executions that meet all conditions, the newest first. `total` is exact."""
    ignore(request, broadened(request.query_params))
    page = await parts.runs.list(execution_filter(query, query.task_id), page_request(query), position_in(query))
    names = await parts.tasks.names({each.task_id for each in page.items})
    shown = await execution_responses(page.items, caller, names)
    return ExecutionList(executions=shown, next=following_text(page), **page_numbers(page))


@router.get(
    "/{execution_id}", responses=answers(200, examples.EXECUTION, *READ, 404, 503), summary="Read an execution"
)
async def get_execution(execution_id: str, caller: Reader, parts: Parts) -> ExecutionResponse:
    """The execution, of any task."""
    execution = await parts.runs.get(execution_id)
    return execution_response(execution, caller, await parts.tasks.names({execution.task_id}))


@router.post(
    "/{execution_id}/cancel",
    responses=answers(200, examples.CANCELLED, *CHANGE, 404, 409),
    summary="Cancel an execution",
)
async def cancel_execution(execution_id: str, caller: Controller, parts: Parts) -> ExecutionCancelled:
    """Cancel one pending or running execution. Its task is not paused. Repeatable.

    A pending one ends at once. One that is at work ends when its work has stopped, as `failed` with the outcome
    `cancelled`; until then the answer shows it as running. One that has ended in another way is a 409 with the code
    `execution_ended`. Needs `scheduler:tasks:control`.
    """
    return cancelled(await parts.runs.cancel(execution_id, caller))


@router.post(
    "/{execution_id}/repeat",
    status_code=202,
    responses=answers(202, examples.ACCEPTED, *CHANGE, 400, 404, 409),
    summary="Repeat an execution",
)
async def repeat_execution(
    execution_id: str, caller: Runner, parts: Parts, idempotency_key: IdempotencyKey = None
) -> ExecutionAccepted:
    """Request a new execution of the same task with the parameters and the priority of this one.

    The task's config is the present one. 409 when the task is disabled. 400 when a parameter was a secret: the
    history keeps only a mask of it, so `POST /tasks/{task_id}/execute` has to give it again. An `Idempotency-Key`
    works as with an execute. Needs `scheduler:tasks:execute`.
    """
    execution = await parts.runs.repeat(execution_id, caller, idempotency_key)
    return accepted(execution, await parts.warnings.get(None))
