"""Deployments as the worker reads them: many at once, and remembered for a few seconds.

A burst of runs costs one request.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from uuid import UUID

from prefect.client.orchestration import PrefectClient
from prefect.client.schemas.filters import DeploymentFilter, DeploymentFilterId
from prefect.client.schemas.objects import ConcurrencyLimitStrategy
from prefect.client.schemas.responses import DeploymentResponse
from prefect.exceptions import PrefectHTTPStatusError

_REMEMBERED_SECONDS, _LONGEST_REMEMBERED_SECONDS = 5.0, 30.0
_FEW = 20
_SHARE = 0.05
"""Share of the time in which more than a few are read at most. While hundreds of runs wait, each poll brings all,
and reading their deployments each time would be a quarter of what Prefect's server does."""
_READ_AT_ONCE = 100


@dataclass(frozen=True, slots=True)
class _Remembered:
    deployment: DeploymentResponse
    until: float


class DeploymentCache:
    """Reads deployments, and answers from memory for a few seconds."""

    def __init__(self, client: PrefectClient) -> None:
        self._client = client
        self._remembered: dict[UUID, _Remembered] = {}

    async def read(self, ids: Iterable[UUID | None]) -> None:
        """Read those not remembered."""
        now = time.monotonic()
        self._remembered = {key: known for key, known in self._remembered.items() if known.until > now}
        wanted = [key for key in dict.fromkeys(ids) if key is not None and key not in self._remembered]
        found: list[DeploymentResponse] = []
        for start in range(0, len(wanted), _READ_AT_ONCE):
            found += await self._readable(wanted[start : start + _READ_AT_ONCE])
        until = time.monotonic() + _seconds_to_remember(len(wanted), time.monotonic() - now)
        self._remembered |= {deployment.id: _Remembered(deployment, until) for deployment in found}

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
        await self.read([deployment_id])
        known = self._remembered.get(deployment_id)
        return known.deployment if known else None

    def known(self, deployment_id: UUID | None) -> DeploymentResponse | None:
        """One deployment, if it is remembered."""
        known = self._remembered.get(deployment_id) if deployment_id is not None else None
        return known.deployment if known else None

    def is_queueing(self, deployment_id: UUID | None) -> bool:
        """Whether the deployment lets one run work and has its others wait. False when it is not remembered."""
        known = self._remembered.get(deployment_id) if deployment_id is not None else None
        return known is not None and lets_wait(known.deployment)


def _seconds_to_remember(number: int, took_seconds: float) -> float:
    if number <= _FEW:
        return _REMEMBERED_SECONDS
    return min(max(_REMEMBERED_SECONDS, took_seconds / _SHARE), _LONGEST_REMEMBERED_SECONDS)


def lets_wait(deployment: DeploymentResponse) -> bool:
    """Whether a deployment lets one run work and has its others wait."""
    limit, options = deployment.global_concurrency_limit, deployment.concurrency_options
    if limit is None or limit.limit != 1:
        return False
    return options is None or options.collision_strategy == ConcurrencyLimitStrategy.ENQUEUE
