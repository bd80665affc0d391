"""Executions of all tasks."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query

from api_facade import examples
from api_facade.declared import READ, LeanRoute, answers
from api_facade.deps import Parts, Reader
from api_facade.mapping import execution_response, execution_responses, page_numbers, page_request
from api_facade.schemas.executions import ExecutionList, ExecutionQuery, ExecutionResponse
from core.errors import Invalid
from core.ports import ExecutionFilter

router = APIRouter(prefix="/executions", tags=["executions"], route_class=LeanRoute)


@router.get("", responses=answers(200, examples.EXECUTIONS, *READ, 400, 503), summary="List executions")
async def list_executions(caller: Reader, parts: Parts, query: Annotated[ExecutionQuery, Query()]) -> ExecutionList:
    """The executions that meet all conditions, the newest first. `total` is exact."""
    if query.since is not None and query.until is not None and query.until <= query.since:
        raise Invalid.of("query.to", "must be later than from")
    wanted = ExecutionFilter(task_id=query.task_id, status=query.status, since=query.since, until=query.until)
    page = await parts.runs.list(wanted, page_request(query.page, query.page_size))
    return ExecutionList(executions=await execution_responses(page.items, caller), **page_numbers(page))


@router.get(
    "/{execution_id}", responses=answers(200, examples.EXECUTION, *READ, 404, 503), summary="Read an execution"
)
async def get_execution(execution_id: str, caller: Reader, parts: Parts) -> ExecutionResponse:
    """The execution, whatever task it is of."""
    return execution_response(await parts.runs.get(execution_id), caller)
