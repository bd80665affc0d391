"""What a run's process has to know of its deployment: where its flow is and under which job variables it runs.

Deployments are read many at once and remembered for a few seconds, so that a burst of runs costs one request.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from prefect.client.orchestration import PrefectClient
from prefect.client.schemas.filters import DeploymentFilter, DeploymentFilterId
from prefect.client.schemas.objects import ConcurrencyLimitStrategy, FlowRun, WorkPool
from prefect.client.schemas.responses import DeploymentResponse
from prefect.exceptions import PrefectHTTPStatusError

from falcon_scheduler.adapters.prefect.names import FORMER_ENTRYPOINTS
from falcon_scheduler.flows.worker.job_configuration import WarmJobConfiguration
from falcon_scheduler.flows.worker.job_variable_policy import check

_REMEMBERED_SECONDS = 5.0
_READ_AT_ONCE = 100


@dataclass(frozen=True, slots=True)
class _Remembered:
    deployment: DeploymentResponse
    until: float


class Deployments:
    """Reads deployments, and answers from memory for a few seconds."""

    def __init__(self, client: PrefectClient) -> None:
        self._client = client
        self._remembered: dict[UUID, _Remembered] = {}

    async def learn(self, ids: Iterable[UUID | None]) -> None:
        """Read those not remembered."""
        now = time.monotonic()
        self._remembered = {key: known for key, known in self._remembered.items() if known.until > now}
        wanted = [key for key in dict.fromkeys(ids) if key is not None and key not in self._remembered]
        for start in range(0, len(wanted), _READ_AT_ONCE):
            batch = wanted[start : start + _READ_AT_ONCE]
            for deployment in await self._readable(batch):
                self._remembered[deployment.id] = _Remembered(deployment, now + _REMEMBERED_SECONDS)

    async def _readable(self, ids: Sequence[UUID]) -> Sequence[DeploymentResponse]:
        """The deployments. One that Prefect can't send costs none of the others: the batch is halved to find it.

        Raises:
            PrefectHTTPStatusError: none of them can be read.
        """
        wanted = DeploymentFilter(id=DeploymentFilterId(any_=[*ids]))
        try:
            return await self._client.read_deployments(deployment_filter=wanted, limit=_READ_AT_ONCE)
        except PrefectHTTPStatusError:
            if len(ids) == 1:
                raise
        half = len(ids) // 2
        found: list[DeploymentResponse] = []
        failures: list[PrefectHTTPStatusError] = []
        for some in (ids[:half], ids[half:]):
            try:
                found += await self._readable(some)
            except PrefectHTTPStatusError as error:
                failures.append(error)
        if not found and failures:
            raise failures[0]
        return found

    async def get(self, deployment_id: UUID) -> DeploymentResponse | None:
        """One deployment, or `None` when there is none."""
        await self.learn([deployment_id])
        known = self._remembered.get(deployment_id)
        return known.deployment if known else None

    def runs_in_line(self, deployment_id: UUID | None) -> bool:
        """Whether the deployment lets one run work and has the others wait, as far as it is remembered."""
        known = self._remembered.get(deployment_id) if deployment_id is not None else None
        limit = known.deployment.global_concurrency_limit if known is not None else None
        if known is None or limit is None or limit.limit != 1:
            return False
        options = known.deployment.concurrency_options
        return options is None or options.collision_strategy == ConcurrencyLimitStrategy.ENQUEUE


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
