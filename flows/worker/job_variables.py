"""From a deployment, a pool and a run to what the process of the run needs: its job variables and its entrypoint."""

from __future__ import annotations

from typing import Any

from prefect.client.orchestration import PrefectClient
from prefect.client.schemas.objects import FlowRun, WorkPool
from prefect.client.schemas.responses import DeploymentResponse

from falcon_scheduler.adapters.prefect.names import FORMER_ENTRYPOINTS
from falcon_scheduler.flows.worker.job_configuration import WarmJobConfiguration
from falcon_scheduler.flows.worker.job_variable_policy import check


def module_entrypoint(deployment: DeploymentResponse | None) -> str | None:
    """The dotted path of a flow that only has to be imported, or `None` when Prefect has to fetch it first."""
    if deployment is None or deployment.entrypoint is None or deployment.pull_steps:
        return None
    if ":" in deployment.entrypoint:
        return None
    return FORMER_ENTRYPOINTS.get(deployment.entrypoint, deployment.entrypoint)


async def configure(
    client: PrefectClient,
    pool: WorkPool,
    flow_run: FlowRun,
    deployment: DeploymentResponse | None,
    *,
    allow_command: bool,
) -> WarmJobConfiguration:
    """The job variables of one run: the pool's, overruled by the deployment's, overruled by the run's own.

    Raises:
        NotAllowed: they ask for what this worker does not grant.
    """
    ours: dict[str, Any] = dict((deployment.job_variables if deployment else None) or {})
    own: dict[str, Any] = dict(flow_run.job_variables or {})
    env = {**(ours.pop("env", None) or {}), **(own.pop("env", None) or {})}
    values = {**ours, **own, **({"env": env} if env else {})}
    configuration: WarmJobConfiguration = await WarmJobConfiguration.from_template_and_values(
        pool.base_job_template, values, client=client
    )
    if values.get("command") and not configuration.command:  # the pool's template has no place for it
        configuration.command = str(values["command"])
    check(configuration, own, allow_command=allow_command)
    return configuration
