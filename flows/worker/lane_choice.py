"""Which runs are performed in a lane: those that may share a process and ask for nothing that only an own one gives.

Http tasks may. For a function or an executor its author decides; the worker loads no plug-ins, so it asks its lane.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Container, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeGuard
from uuid import UUID

from prefect.client.schemas.objects import FlowRun
from prefect.client.schemas.responses import DeploymentResponse

from falcon_scheduler.adapters.prefect.names import ENTRYPOINTS, FLOWS
from falcon_scheduler.core.domain.task_definition import TaskType
from falcon_scheduler.flows.worker.deployment_cache import DeploymentCache
from falcon_scheduler.flows.worker.job_variables import module_entrypoint

ALWAYS = FLOWS[TaskType.HTTP]
_FLOW_OF = {ENTRYPOINTS[FLOWS[kind]]: FLOWS[kind] for kind in (TaskType.HTTP, TaskType.FUNCTION, TaskType.CUSTOM)}
_OF_A_PROCESS = ("command", "env", "working_dir", "memory_limit_mb")
"""Job variables that decide how a process runs."""
_REMEMBERED_SECONDS = 30.0
"""For so long a task that is changed to other code is performed where it was before."""
_UNANSWERED_SECONDS = 5.0

AskLane = Callable[[Sequence[str]], Awaitable[frozenset[str] | None]]


def lane_flow(deployment: DeploymentResponse | None) -> str | None:
    """The flow of a deployment by name, if it is one that a lane knows."""
    return _FLOW_OF.get(module_entrypoint(deployment) or "") if deployment is not None else None


@dataclass(frozen=True, slots=True)
class _Known:
    shares: bool
    version: str | None
    until: float


class SharedDeployments:
    """The deployments whose runs a lane performs, as far as they were asked about."""

    def __init__(self, deployments: DeploymentCache, ask: AskLane) -> None:
        """`ask` returns those of the ids that the lane performs, or `None` when it does not answer."""
        self._deployments = deployments
        self._ask = ask
        self._known: dict[UUID, _Known] = {}

    async def learn(self, deployment_ids: Iterable[UUID | None]) -> None:
        """Ask about those not known. What is not answered is performed in a process of its own."""
        now = asyncio.get_running_loop().time()
        self._known = {key: known for key, known in self._known.items() if known.until > now}
        unknown = {each.id: each for each in map(self._deployments.known, deployment_ids) if self._is_unknown(each)}
        if not unknown:
            return
        answer = await self._ask([str(each) for each in unknown])
        until = now + (_REMEMBERED_SECONDS if answer is not None else _UNANSWERED_SECONDS)
        for key, deployment in unknown.items():
            self._known[key] = _Known(str(key) in (answer or ()), deployment.version, until)

    def _is_unknown(self, deployment: DeploymentResponse | None) -> TypeGuard[DeploymentResponse]:
        if deployment is None or lane_flow(deployment) in {None, ALWAYS}:
            return False
        known = self._known.get(deployment.id)
        return known is None or known.version != deployment.version

    def __contains__(self, deployment_id: object) -> bool:
        return isinstance(deployment_id, UUID) and deployment_id in self._known and self._known[deployment_id].shares


def fits_lane(
    flow_run: FlowRun,
    deployment: DeploymentResponse | None,
    template: Mapping[str, Any],
    shared: Container[UUID] = (),
) -> bool:
    """Whether a run may be performed beside others.

    Args:
        flow_run: the run.
        deployment: its deployment; without it nothing is known of the run.
        template: the base job template of its work pool.
        shared: the deployments of functions and executors that may.
    """
    flow = lane_flow(deployment)
    if deployment is None or flow is None or not (flow == ALWAYS or deployment.id in shared):
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
