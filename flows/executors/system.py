"""System tasks: `config.task_name` names one of the tasks that plug-ins bring, and nothing else can be called."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from falcon_scheduler.adapters.system_tasks import SystemTask, World
from falcon_scheduler.core.domain.work import TaskResult, WorkContext
from falcon_scheduler.core.errors import Fault
from falcon_scheduler.flows.executors.faults import faults_of, in_their_place
from falcon_scheduler.flows.executors.numbers import with_whole_numbers
from falcon_scheduler.flows.executors.outcome import refused

Model = TypeVar("Model", bound=BaseModel)


class SystemExecutor:
    """See `core.domain.work.Executor`."""

    def __init__(self, tasks: Mapping[str, SystemTask], world: World) -> None:
        """`tasks` are those that are on, by id."""
        self._tasks = by_task_name(tasks)
        self._world = world

    async def execute(self, context: WorkContext) -> TaskResult:
        name = str(context.config.get("task_name", ""))
        task = self._tasks.get(name)
        if task is None:
            known = ", ".join(sorted(self._tasks))
            return TaskResult(
                success=False, error=f"Unknown system task {name!r}; this worker knows {known}", retryable=False
            )
        values = merged(context.config, context.parameters)
        try:
            parameters = read_parameters(task.parameters, values)
        except ValidationError as error:
            faults = faults_of(error, values, "config.parameters")
            return refused(in_their_place(faults, "config.parameters", context.parameters))
        return TaskResult.of(await task.work(parameters, context, self._world))


def by_task_name(tasks: Mapping[str, SystemTask]) -> Mapping[str, SystemTask]:
    """The tasks by what `config.task_name` says."""
    return {task.task_name: task for task in tasks.values()}


def parameter_faults(
    tasks: Mapping[str, SystemTask], config: Mapping[str, Any], parameters: Mapping[str, Any] | None
) -> Sequence[Fault]:
    """What is wrong with the config of a system task, or with a run's own parameters over it. Runs nothing."""
    task = tasks.get(str(config.get("task_name")))
    if task is None:
        return [Fault("config.task_name", f"must be one of {', '.join(sorted(tasks))}")]
    values = merged(config, parameters)
    try:
        read_parameters(task.parameters, values)
    except ValidationError as error:
        return list(faults_of(error, values, "parameters"))
    return []


def merged(config: Mapping[str, Any], parameters: Mapping[str, Any] | None) -> dict[str, Any]:
    """A run's own parameters laid over those of the task."""
    return {**(config.get("parameters") or {}), **(parameters or {})}


def read_parameters(model: type[Model], values: Mapping[str, Any]) -> Model:
    """The parameters of an attempt. Raises pydantic's `ValidationError`."""
    return with_whole_numbers(model.model_validate, dict(values))
