"""The flows that deployments name. Each performs the task whose id it is given.

Source: design, "Tasks". They are async because Prefect spends over a second on joining threads at the end of a sync
flow, and keep no results because the history does.
"""

from __future__ import annotations

from typing import Any

from prefect import flow
from prefect.client.schemas.objects import State

from flows.run_task import run_task


@flow(name="http-task", persist_result=False, validate_parameters=False)
async def http_task(task_id: str, parameters: dict[str, Any] | None = None) -> State[Any]:
    """Sends the HTTP request of a task."""
    return await run_task(task_id, parameters)


@flow(name="function-task", persist_result=False, validate_parameters=False)
async def function_task(task_id: str, parameters: dict[str, Any] | None = None) -> State[Any]:
    """Calls the registered function of a task."""
    return await run_task(task_id, parameters)


@flow(name="custom-task", persist_result=False, validate_parameters=False)
async def custom_task(task_id: str, parameters: dict[str, Any] | None = None) -> State[Any]:
    """Hands a task to its registered executor."""
    return await run_task(task_id, parameters)


@flow(name="system-task", persist_result=False, validate_parameters=False)
async def system_task(task_id: str, parameters: dict[str, Any] | None = None) -> State[Any]:
    """Does the work of a system task."""
    return await run_task(task_id, parameters)
