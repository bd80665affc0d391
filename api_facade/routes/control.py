"""Switches and runs of a task: pause, resume, enable, disable, execute, stop, and its history."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query, Request

from falcon_scheduler.api_facade.declared import CHANGE, READ, LeanRoute, answers, takes
from falcon_scheduler.api_facade.deps import Controller, IdempotencyKey, Parts, Reader, Runner
from falcon_scheduler.api_facade.examples import executions as execution_examples
from falcon_scheduler.api_facade.examples import tasks as examples
from falcon_scheduler.api_facade.ignored import ignore
from falcon_scheduler.api_facade.mapping.executions import (
    accepted,
    broadened,
    execution_filter,
    execution_response,
    execution_responses,
)
from falcon_scheduler.api_facade.mapping.pages import following_text, page_numbers, page_request, position_in
from falcon_scheduler.api_facade.mapping.tasks import task_response
from falcon_scheduler.api_facade.paths import TASK_PATH
from falcon_scheduler.api_facade.schemas.executions import (
    ExecuteRequest,
    ExecutionAccepted,
    ExecutionList,
    ExecutionResponse,
    HistoryQuery,
)
from falcon_scheduler.api_facade.schemas.tasks import TaskResponse, TaskStopped
from falcon_scheduler.api_facade.shape import judged, read_json, read_whole

router = APIRouter(prefix=f"/tasks/{TASK_PATH}", tags=["control"], route_class=LeanRoute)


@router.post("/pause", responses=answers(200, examples.PAUSED, *CHANGE, 404, 409), summary="Hold the schedule")
async def pause_task(task_id: str, caller: Controller, parts: Parts) -> TaskResponse:
    """Hold the schedule; what runs goes on. Repeatable. Needs `scheduler:tasks:control`."""
    task = await parts.tasks.pause(task_id, caller)
    return task_response(task, parts.tasks.next_run(task), caller)


@router.post("/resume", responses=answers(200, examples.TASK, *CHANGE, 404, 409), summary="Resume the schedule")
async def resume_task(task_id: str, caller: Controller, parts: Parts) -> TaskResponse:
    """Resume the schedule from now. Repeatable. Needs `scheduler:tasks:control`."""
    task = await parts.tasks.resume(task_id, caller)
    return task_response(task, parts.tasks.next_run(task), caller)


@router.post("/enable", responses=answers(200, examples.TASK, *CHANGE, 404, 409), summary="Switch on")
async def enable_task(task_id: str, caller: Controller, parts: Parts) -> TaskResponse:
    """Switch the task on. A pause stays. Repeatable. Needs `scheduler:tasks:control`."""
    task = await parts.tasks.enable(task_id, caller)
    return task_response(task, parts.tasks.next_run(task), caller)


@router.post("/disable", responses=answers(200, examples.DISABLED, *CHANGE, 404, 409), summary="Switch off")
async def disable_task(task_id: str, caller: Controller, parts: Parts) -> TaskResponse:
    """Switch the task off: it can't be run, not even by hand. Repeatable. Needs `scheduler:tasks:control`."""
    task = await parts.tasks.disable(task_id, caller)
    return task_response(task, parts.tasks.next_run(task), caller)


@router.post(
    "/execute",
    status_code=202,
    responses=answers(202, execution_examples.ACCEPTED, *CHANGE, 400, 404, 408, 409, 413, 415),
    openapi_extra=takes("ExecuteRequest", required=False, override=execution_examples.EXECUTE),
    summary="Run now",
)
async def execute_task(
    task_id: str, caller: Runner, parts: Parts, request: Request, idempotency_key: IdempotencyKey = None
) -> ExecutionAccepted:
    """Request an execution now, also of a paused task, with parameters and a priority for this run only.

    With an `Idempotency-Key` a repeat is safe: for 24 hours the same key of the same caller for the same task gives
    the same answer and makes one execution, also after a 503, a lost answer, or at the same moment. Another body
    under the same key is a 409 with the code `idempotency_key_reused`.

    `warnings` lists reasons for a long wait, such as that no worker is online.
    503 with Retry-After when `SCHEDULER_QUEUE_SIZE` executions wait already. Needs `scheduler:tasks:execute`.
    """
    wanted = await judged(request, read_whole, ExecuteRequest, await read_json(request, optional=True))
    execution = await parts.runs.execute(
        task_id, parameters=wanted.parameters, priority=wanted.priority, by=caller, key=idempotency_key
    )
    return accepted(execution, await parts.warnings.get(None))


@router.post("/stop", responses=answers(200, examples.STOPPED, *CHANGE, 404, 409), summary="Cancel what runs")
async def stop_task(task_id: str, caller: Controller, parts: Parts) -> TaskStopped:
    """Pause the task and cancel all of its pending and running executions. Repeatable.

    A cancelled execution ends as `failed` with the error `Task execution was cancelled`.
    Needs `scheduler:tasks:control`.
    """
    outcome = await parts.runs.stop(task_id, caller)
    return TaskStopped(
        message="Task stopped and paused", task_id=task_id, cancelled_executions=len(outcome.cancelled)
    )


@router.get(
    "/history",
    responses=answers(200, execution_examples.EXECUTIONS, *READ, 400, 404, 503),
    summary="A task's history",
)
async def task_history(
    task_id: str, caller: Reader, parts: Parts, request: Request, query: Annotated[HistoryQuery, Query()]
) -> ExecutionList:
    """The task's executions that meet all conditions, the newest first. `total` is exact."""
    ignore(request, broadened(request.query_params))
    wanted = execution_filter(query, task_id)
    page = await parts.runs.history(task_id, wanted, page_request(query), position_in(query))
    names = await parts.tasks.names({task_id})
    shown = await execution_responses(page.items, caller, names)
    return ExecutionList(executions=shown, next=following_text(page), **page_numbers(page))


@router.get(
    "/executions/{execution_id}",
    responses=answers(200, execution_examples.EXECUTION, *READ, 404, 503),
    summary="One of a task's executions",
)
async def task_execution(task_id: str, execution_id: str, caller: Reader, parts: Parts) -> ExecutionResponse:
    """The execution; 404 also when it is another task's."""
    execution = await parts.runs.get(execution_id, task_id)
    return execution_response(execution, caller, await parts.tasks.names({task_id}))
