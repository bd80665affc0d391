"""Executions of all tasks."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query, Request

from falcon_scheduler.api_facade import examples
from falcon_scheduler.api_facade.declared import READ, LeanRoute, answers
from falcon_scheduler.api_facade.deps import Parts, Reader
from falcon_scheduler.api_facade.ignored import ignore
from falcon_scheduler.api_facade.mapping import (
    broadened,
    execution_filter,
    execution_response,
    execution_responses,
    page_numbers,
    page_request,
)
from falcon_scheduler.api_facade.schemas.executions import ExecutionList, ExecutionQuery, ExecutionResponse

router = APIRouter(prefix="/executions", tags=["executions"], route_class=LeanRoute)


@router.get("", responses=answers(200, examples.EXECUTIONS, *READ, 400, 503), summary="List executions")
async def list_executions(
    caller: Reader, parts: Parts, request: Request, query: Annotated[ExecutionQuery, Query()]
) -> ExecutionList:
    """The executions that meet all conditions, the newest first. `total` is exact."""
    ignore(request, broadened(request.query_params))
    page = await parts.runs.list(execution_filter(query, query.task_id), page_request(query))
    names = await parts.tasks.names({each.task_id for each in page.items})
    return ExecutionList(executions=await execution_responses(page.items, caller, names), **page_numbers(page))


@router.get(
    "/{execution_id}", responses=answers(200, examples.EXECUTION, *READ, 404, 503), summary="Read an execution"
)
async def get_execution(execution_id: str, caller: Reader, parts: Parts) -> ExecutionResponse:
    """The execution, of any task."""
    execution = await parts.runs.get(execution_id)
    return execution_response(execution, caller, await parts.tasks.names({execution.task_id}))
