"""Which runs are performed in a lane: http tasks that ask for nothing that only a process of their own can give."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from prefect.client.schemas.objects import FlowRun
from prefect.client.schemas.responses import DeploymentResponse

from falcon_scheduler.adapters.prefect.names import ENTRYPOINTS, FLOWS
from falcon_scheduler.core.domain.task_definition import TaskType
from falcon_scheduler.flows.worker.job_variables import module_entrypoint

LANE_ENTRYPOINTS = {ENTRYPOINTS[FLOWS[TaskType.HTTP]]}
_OF_A_PROCESS = ("command", "env", "working_dir", "memory_limit_mb")
"""Job variables that decide how a process runs."""


def fits_lane(flow_run: FlowRun, deployment: DeploymentResponse | None, template: Mapping[str, Any]) -> bool:
    """Whether a run may be performed beside others.

    Args:
        flow_run: the run.
        deployment: its deployment; without it nothing is known of the run.
        template: the base job template of its work pool.
    """
    if deployment is None or module_entrypoint(deployment) not in LANE_ENTRYPOINTS:
        return False
    if any((deployment.job_variables or {}).values()) or any((flow_run.job_variables or {}).values()):
        return False
    return not asks_for_process(template)


def asks_for_process(template: Mapping[str, Any]) -> bool:
    """Whether a pool itself sets one of these variables, for all of its runs."""
    configuration = template.get("job_configuration") or {}
    variables = (template.get("variables") or {}).get("properties") or {}
    for name in _OF_A_PROCESS:
        value = configuration.get(name)
        if isinstance(value, str) and value.replace(" ", "") == f"{{{{{name}}}}}":
            value = (variables.get(name) or {}).get("default")
        if value:
            return True
    return False
