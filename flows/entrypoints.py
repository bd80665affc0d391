"""The flows that deployments name. Each performs the task whose id it is given.

Source: design, "Tasks". They are async because Prefect spends over a second on joining threads at the end of a sync
flow, and keep no results because the history does. What a run is given is one JSON text, see
`adapters.prefect.parameters`; Prefect's form for a custom run shows a JSON editor for it.
"""

from __future__ import annotations

from typing import Annotated, Any

from prefect import flow
from prefect.client.schemas.objects import State
from pydantic import Field

from falcon_scheduler.flows.run_task import run_task

Text = Annotated[str, Field(json_schema_extra={"format": "json-string"})]
"""JSON text, which Prefect's UI offers an editor for."""
Given = Text | dict[str, Any] | None
"""What a run is given. The object is what earlier versions sent, and what `prefect deployment run` sends."""


@flow(name="http-task", persist_result=False, validate_parameters=False)
async def http_task(task_id: str, parameters: Given = None) -> State[Any]:
    """Sends the HTTP request of a task."""
    return await run_task(task_id, parameters)


@flow(name="function-task", persist_result=False, validate_parameters=False)
async def function_task(task_id: str, parameters: Given = None) -> State[Any]:
    """Calls the registered function of a task."""
    return await run_task(task_id, parameters)


@flow(name="custom-task", persist_result=False, validate_parameters=False)
async def custom_task(task_id: str, parameters: Given = None) -> State[Any]:
    """Hands a task to its registered executor."""
    return await run_task(task_id, parameters)


@flow(name="system-task", persist_result=False, validate_parameters=False)
async def system_task(task_id: str, parameters: Given = None) -> State[Any]:
    """Does the work of a system task."""
    return await run_task(task_id, parameters)


OF_NAME = {each.name: each for each in (http_task, function_task, custom_task, system_task)}
"""The flows by what Prefect calls them."""
