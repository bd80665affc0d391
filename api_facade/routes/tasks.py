"""Tasks: list, create, read, change, delete."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query, Request, Response

from falcon_scheduler.api_facade.declared import CHANGE, READ, LeanRoute, answers, takes
from falcon_scheduler.api_facade.definitions import read_changes, read_definition
from falcon_scheduler.api_facade.deps import Creator, Deleter, Parts, Reader, Updater
from falcon_scheduler.api_facade.examples import tasks as examples
from falcon_scheduler.api_facade.ignored import ignore, warn
from falcon_scheduler.api_facade.mapping.pages import page_numbers, page_request
from falcon_scheduler.api_facade.mapping.tasks import task_filter, task_response
from falcon_scheduler.api_facade.paths import TASK_PATH
from falcon_scheduler.api_facade.schemas.tasks import OneTaskQuery, TaskDeleted, TaskList, TaskQuery, TaskResponse
from falcon_scheduler.api_facade.sent_tasks import without_own_fields
from falcon_scheduler.api_facade.shape import judged, read_json
from falcon_scheduler.core.aside import aside
from falcon_scheduler.core.domain.task import Source
from falcon_scheduler.core.errors import ImportedTask, SystemTaskProtected
from falcon_scheduler.core.services.tasks.schedule_warnings import schedule_warnings
from falcon_scheduler.core.services.tasks.upcoming import next_runs

router = APIRouter(prefix="/tasks", tags=["tasks"], route_class=LeanRoute)


@router.get("", responses=answers(200, examples.TASKS, *READ, 400, 503), summary="List tasks")
async def list_tasks(caller: Reader, parts: Parts, query: Annotated[TaskQuery, Query()]) -> TaskList:
    """The tasks that meet all conditions, the one changed last first. `total` is exact."""
    page = await parts.tasks.list(task_filter(query), page_request(query))
    configs = [task.definition.config for task in page.items]

    def shown() -> list[TaskResponse]:
        return [task_response(task, parts.tasks.next_run(task), caller) for task in page.items]

    tasks = await aside(configs, shown)
    return TaskList(tasks=tasks, **page_numbers(page))


@router.post(
    "",
    status_code=201,
    responses=answers(201, examples.TASK, *CHANGE, 400, 408, 409, 413, 415, Location="Where the task is read."),
    openapi_extra=takes("TaskCreate", http=examples.TASK_CREATE, function=examples.FUNCTION_CREATE),
    summary="Create a task",
)
async def create_task(caller: Creator, parts: Parts, request: Request, response: Response) -> TaskResponse:
    """Store a task and deploy it; it runs from its next due time on. Needs `scheduler:tasks:create`."""
    body, own = without_own_fields(await read_json(request))
    ignore(request, own)
    definition = await judged(
        request, read_definition, body, parts.catalog, parts.default_timezone, parts.clock.now()
    )
    task = await parts.tasks.create(definition, caller)
    warn(request, schedule_warnings(task, parts.clock.now()))
    response.headers["Location"] = request.app.url_path_for("get_task", task_id=task.id)
    return task_response(task, parts.tasks.next_run(task), caller)


@router.get(f"/{TASK_PATH}", responses=answers(200, examples.TASK, *READ, 404, 503), summary="Read a task")
async def get_task(
    task_id: str, caller: Reader, parts: Parts, query: Annotated[OneTaskQuery, Query()]
) -> TaskResponse:
    """The task with its counters, and on request with its next runs."""
    task = await parts.tasks.get(task_id)
    answer = await aside(task.definition.config, task_response, task, parts.tasks.next_run(task), caller)
    if not query.next_runs:
        return answer
    return answer.model_copy(update={"next_runs": next_runs(task, parts.clock.now(), query.next_runs)})


@router.put(
    f"/{TASK_PATH}",
    responses=answers(200, examples.TASK, *CHANGE, 400, 404, 408, 409, 413, 415),
    openapi_extra=takes("TaskUpdate", change=examples.TASK_UPDATE),
    summary="Change a task",
)
async def update_task(task_id: str, caller: Updater, parts: Parts, request: Request) -> TaskResponse:
    """Replace the given fields and no others. Needs `scheduler:tasks:update`.

    System tasks, and tasks that represent deployments of other users of Prefect, are refused.
    """
    present = await parts.tasks.get(task_id)
    if present.is_system:
        raise SystemTaskProtected(task_id)
    if present.source is Source.IMPORT:
        raise ImportedTask(task_id)
    body, own = without_own_fields(await read_json(request))
    ignore(request, own)
    changes = await judged(request, read_changes, body, present.definition, parts.catalog, parts.clock.now())
    task = await parts.tasks.update(task_id, changes, caller)
    warn(request, schedule_warnings(task, parts.clock.now()))
    return task_response(task, parts.tasks.next_run(task), caller)


@router.delete(
    f"/{TASK_PATH}",
    responses=answers(200, examples.DELETED, *CHANGE, 404, 409),
    summary="Delete a task with its history",
)
async def delete_task(task_id: str, caller: Deleter, parts: Parts) -> TaskDeleted:
    """Remove the task, its deployment, its runs and its history. Needs `scheduler:tasks:delete`.

    System tasks, and tasks that represent deployments of other users of Prefect, are refused.
    """
    await parts.tasks.delete(task_id, caller)
    return TaskDeleted(message="Task deleted", task_id=task_id)
