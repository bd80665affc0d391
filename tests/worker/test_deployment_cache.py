"""A worker reads the deployments of its runs again soon, and less often where many are read slowly."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from uuid import UUID, uuid4

import pytest
from prefect.client.schemas.responses import DeploymentResponse

from falcon_scheduler.flows.worker import deployment_cache
from falcon_scheduler.flows.worker.deployment_cache import DeploymentCache


class SetTime:
    """The module's clock."""

    def __init__(self) -> None:
        self.seconds = 1000.0

    def monotonic(self) -> float:
        return self.seconds


class SlowReading(DeploymentCache):
    """Prefect takes so long for each request."""

    def __init__(self, time: SetTime, seconds: float) -> None:
        client: Any = None
        super().__init__(client)
        self.time, self.seconds, self.requests = time, seconds, 0

    async def _readable(self, ids: Sequence[UUID]) -> Sequence[DeploymentResponse]:
        self.requests += 1
        self.time.seconds += self.seconds
        return [DeploymentResponse(id=each, name="any", flow_id=each, labels={}) for each in ids]


@pytest.mark.parametrize(
    ("number", "request_seconds", "remembered_seconds"),
    [(1, 3, 5), (20, 3, 5), (21, 0.01, 5), (200, 0.5, 20), (200, 10, 30)],
)
async def test_deployments_are_read_again_after(
    monkeypatch: pytest.MonkeyPatch, number: int, request_seconds: float, remembered_seconds: float
) -> None:
    time = SetTime()
    monkeypatch.setattr(deployment_cache, "time", time)
    cache, ids = SlowReading(time, request_seconds), [uuid4() for _ in range(number)]
    await cache.read(ids)
    requests = cache.requests
    time.seconds += remembered_seconds - 0.1
    await cache.read(ids)
    assert cache.requests == requests
    time.seconds += 0.2
    await cache.read(ids)
    assert cache.requests == 2 * requests
