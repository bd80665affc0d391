"""Loads one plug-in and refuses it, with a sentence that says why, when it is not what it should be."""

from __future__ import annotations

import inspect
import re
from collections.abc import Mapping, Sequence
from importlib.metadata import EntryPoint
from typing import Any

from pydantic import BaseModel, ValidationError

from falcon_scheduler.adapters.system_tasks.interface import SystemTask, SystemTaskPlugin
from falcon_scheduler.core.domain.task import SYSTEM_ID_PREFIX
from falcon_scheduler.core.domain.task_definition import TaskType
from falcon_scheduler.core.errors import Fault, SchedulerError
from falcon_scheduler.core.services.tasks.validation import definition_faults

_ID = re.compile(rf"{SYSTEM_ID_PREFIX}[a-z0-9]+(-[a-z0-9]+)*")
_PLUGIN_NAME = re.compile(r"[a-z][a-z0-9_-]{0,49}")
_LONGEST_ID = 100


class PluginRefused(SchedulerError):
    """A plug-in is not what it should be. The text is ours and safe to show."""

    code = "plugin_refused"


def checked(point: EntryPoint, name: str, present: Mapping[str, SystemTaskPlugin]) -> SystemTaskPlugin:
    """The plug-in of an entry point, under this name, beside those that are present.

    Raises:
        PluginRefused: it is not what it should be.
        Exception: whatever it raises when it is imported.
    """
    if not _PLUGIN_NAME.fullmatch(name) or name.startswith(SYSTEM_ID_PREFIX):
        if point.name in present:
            raise PluginRefused(f"there is a plug-in {point.name!r} already")
        raise PluginRefused("its name must be lower-case letters, digits, _ or -, and not start with system-")
    found = point.load()
    plugin = SystemTaskPlugin(tasks=(found,)) if isinstance(found, SystemTask) else found
    if not isinstance(plugin, SystemTaskPlugin):
        raise PluginRefused(f"{point.value} is a {type(found).__name__}, neither a SystemTaskPlugin nor a SystemTask")
    brought = {task.id: owner for owner, each in present.items() for task in each.tasks}
    for task in plugin.tasks:
        _check_task(task, brought)
        brought[task.id] = name
    return plugin


def _check_task(task: object, brought: Mapping[str, str]) -> None:
    if not isinstance(task, SystemTask):
        raise PluginRefused(f"one of its tasks is a {type(task).__name__}, not a SystemTask")
    if not _ID.fullmatch(task.id) or len(task.id) > _LONGEST_ID:
        raise PluginRefused(f"id {task.id!r} must be system- and lower-case words with - between them")
    if task.id in brought:
        raise PluginRefused(f"plug-in {brought[task.id]!r} brings {task.id} already")
    if not any(map(inspect.iscoroutinefunction, (task.work, type(task.work).__call__))):
        raise PluginRefused(f"{task.id}: work must be an async function")
    if not (inspect.isclass(task.parameters) and issubclass(task.parameters, BaseModel)):
        raise PluginRefused(f"{task.id}: parameters must be a pydantic model")
    if faults := definition_faults(task.definition, _Catalog(task.parameters)):
        raise PluginRefused("; ".join(f"{task.id}: {fault.location} {fault.message}" for fault in faults))


class _Catalog:
    """See `core.ports.ExecutorCatalog`: knows one task."""

    def __init__(self, model: type[BaseModel]) -> None:
        self._model = model

    def types(self) -> Sequence[str]:
        return (TaskType.SYSTEM,)

    def faults(
        self, task_type: str, config: Mapping[str, Any], parameters: Mapping[str, Any] | None = None
    ) -> Sequence[Fault]:
        try:
            self._model.model_validate(config["parameters"])
        except ValidationError as error:
            return [
                Fault(".".join(("defaults", *map(str, each["loc"]))), each["msg"])
                for each in error.errors(include_url=False, include_context=False, include_input=False)
            ]
        return []

    def reserved_faults(
        self, task_type: str, config: Mapping[str, Any], parameters: Mapping[str, Any]
    ) -> Sequence[Fault]:
        return []
