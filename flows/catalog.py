"""What may be run, for those who only check: registered executors and functions, and the system tasks' parameters."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from falcon_scheduler.adapters.system_tasks import SystemTask
from falcon_scheduler.core.domain.task_definition import TaskType
from falcon_scheduler.core.errors import Fault
from falcon_scheduler.flows.executors.catalog import CatalogEntry
from falcon_scheduler.flows.executors.registry import Registry
from falcon_scheduler.flows.executors.system import by_task_name, parameter_faults


class Catalog:
    """See `core.ports.ExecutorCatalog`."""

    def __init__(self, registry: Registry, system_tasks: Mapping[str, SystemTask]) -> None:
        """`system_tasks` are those that are on, by id."""
        self._registry = registry
        self._system = by_task_name(system_tasks)

    def types(self) -> Sequence[str]:
        return self._registry.types()

    def shares_process(self, task_type: str, config: Mapping[str, Any]) -> bool:
        """Whether runs of such a task are performed beside others in one process, where the worker has a lane."""
        return self._registry.shares(task_type, config)

    def faults(
        self, task_type: str, config: Mapping[str, Any], parameters: Mapping[str, Any] | None = None
    ) -> Sequence[Fault]:
        if task_type != TaskType.SYSTEM:
            return self._registry.faults(task_type, config, parameters)
        return parameter_faults(self._system, config, parameters)

    def reserved_faults(
        self, task_type: str, config: Mapping[str, Any], parameters: Mapping[str, Any]
    ) -> Sequence[Fault]:
        return self._registry.reserved_faults(task_type, config, parameters)

    def entries(self) -> Sequence[CatalogEntry]:
        """Everything registered, with its schema, for people and UIs."""
        return self._registry.catalog()
