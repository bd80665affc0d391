"""What may be run, for those who only check: registered executors and functions, and the system tasks' parameters."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from pydantic import BaseModel, ValidationError

from falcon_scheduler.core.domain.task import TaskType
from falcon_scheduler.core.errors import Fault
from falcon_scheduler.eve.tasks import parameter_models
from falcon_scheduler.flows.executors.catalog import CatalogEntry
from falcon_scheduler.flows.executors.faults import faults_of
from falcon_scheduler.flows.executors.numbers import with_whole_numbers
from falcon_scheduler.flows.executors.registry import Registry
from falcon_scheduler.flows.system.parameters import MODELS, merged


class Catalog:
    """See `core.ports.ExecutorCatalog`."""

    def __init__(self, registry: Registry) -> None:
        self._registry = registry
        self._system: Mapping[str, type[BaseModel]] = {**MODELS, **parameter_models}

    def types(self) -> Sequence[str]:
        return self._registry.types()

    def faults(
        self, task_type: str, config: Mapping[str, Any], parameters: Mapping[str, Any] | None = None
    ) -> Sequence[Fault]:
        if task_type != TaskType.SYSTEM:
            return self._registry.faults(task_type, config, parameters)
        model = self._system.get(str(config.get("task_name")))
        values = merged(config, parameters)
        if model is None:
            return [Fault("config.task_name", f"must be one of {', '.join(sorted(self._system))}")]
        try:
            with_whole_numbers(model.model_validate, values)
        except ValidationError as error:
            return list(faults_of(error, values, "parameters"))
        return []

    def reserved_faults(
        self, task_type: str, config: Mapping[str, Any], parameters: Mapping[str, Any]
    ) -> Sequence[Fault]:
        return self._registry.reserved_faults(task_type, config, parameters)

    def entries(self) -> Sequence[CatalogEntry]:
        """Everything registered, with its schema, for people and UIs."""
        return self._registry.catalog()
