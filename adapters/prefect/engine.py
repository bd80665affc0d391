"""Prefect as the engine: one adapter for each of its ports, on one client."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from prefect.client.orchestration import PrefectClient

from falcon_scheduler.adapters.prefect.deployments import PrefectDeployments
from falcon_scheduler.adapters.prefect.mending import PrefectUnreadableRuns
from falcon_scheduler.adapters.prefect.plans import PrefectPlans
from falcon_scheduler.adapters.prefect.runs import PrefectRuns
from falcon_scheduler.core.ports import Clock


@dataclass(frozen=True, slots=True, kw_only=True)
class PrefectEngine:
    """See the module. A service is given the ports that it uses, never all of this."""

    client: PrefectClient
    deployments: PrefectDeployments
    plans: PrefectPlans
    runs: PrefectRuns
    unreadable: PrefectUnreadableRuns


def prefect_engine(
    client: PrefectClient, clock: Clock, wake: Callable[[], Awaitable[object]] | None = None
) -> PrefectEngine:
    """Join the adapters. `wake` makes the workers poll at once."""
    runs = PrefectRuns(client, clock)
    return PrefectEngine(
        client=client,
        deployments=PrefectDeployments(client, clock, runs),
        plans=PrefectPlans(client, wake, runs.reading),
        runs=runs,
        unreadable=PrefectUnreadableRuns(client, runs, clock),
    )
