"""What the parameters of a single run may hold."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from falcon_scheduler.core.domain.masking import mask_faults
from falcon_scheduler.core.domain.principal import Permission, Principal
from falcon_scheduler.core.domain.references import forbidden_references
from falcon_scheduler.core.domain.task import Source, Task
from falcon_scheduler.core.errors import Fault
from falcon_scheduler.core.ports import ExecutorCatalog
from falcon_scheduler.core.services.tasks.validation import parameter_faults


def may_refer(by: Principal) -> bool:
    """Whether references in parameters are filled: the caller must be permitted to write them into a config."""
    return by.may(Permission.CREATE) or by.may(Permission.UPDATE)


def run_parameter_faults(
    task: Task, parameters: Mapping[str, Any], catalog: ExecutorCatalog, *, may_refer: bool
) -> list[Fault]:
    """What is wrong with a run's own parameters, and what of them this caller may not give."""
    faults = parameter_faults(parameters) or mask_faults(parameters, "parameters")
    if faults:
        return faults
    type, config = task.definition.type, task.definition.config
    if task.source is not Source.IMPORT:  # Prefect checks the parameters of an adopted deployment
        faults = [*catalog.faults(type, config, parameters)]
    if not may_refer:
        faults += forbidden_references(parameters, "parameters")
        faults += catalog.reserved_faults(type, config, parameters)
    return faults
