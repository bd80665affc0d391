"""Prefect's event stream as changes. Measured: state events arrive before the causing call returns."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

from prefect.client.schemas.objects import StateType
from prefect.events.clients import PrefectEventSubscriber
from prefect.events.filters import EventFilter, EventNameFilter
from websockets.exceptions import WebSocketException

from falcon_scheduler.adapters.prefect.names import SCHEDULES_CHANGED
from falcon_scheduler.core.domain.run import RunPhase
from falcon_scheduler.core.errors import Unavailable
from falcon_scheduler.core.ports import Change, ChangeKind

FLOW_RUN, DEPLOYMENT = "prefect.flow-run.", "prefect.deployment."
CHANGED = frozenset({"prefect.deployment.created", "prefect.deployment.updated", SCHEDULES_CHANGED})
PLAIN_PHASES = {
    ("Scheduled", StateType.SCHEDULED.value): RunPhase.WAITING,
    ("Late", StateType.SCHEDULED.value): RunPhase.WAITING,
    ("Pending", StateType.PENDING.value): RunPhase.CLAIMED,
    ("Running", StateType.RUNNING.value): RunPhase.RUNNING,
    ("Completed", StateType.COMPLETED.value): RunPhase.SUCCEEDED,
}
"""Phases by name and type of the state, for states without further details."""


class PrefectChangeFeed:
    """See `core.ports.ChangeFeed`."""

    def __init__(self, api_url: str) -> None:
        self._api_url = api_url

    async def changes(self) -> AsyncIterator[Change]:
        wanted = EventFilter(event=EventNameFilter(prefix=[FLOW_RUN, DEPLOYMENT, SCHEDULES_CHANGED]))
        try:
            async with PrefectEventSubscriber(self._api_url, filter=wanted, reconnection_attempts=0) as events:
                async for event in events:
                    change = change_of(event)
                    if change is not None:
                        yield change
        except (WebSocketException, OSError) as error:
            raise Unavailable("Prefect") from error
        raise Unavailable("Prefect")  # the server closed the stream in order, as it does when it stops


def change_of(event: Any) -> Change | None:
    """The change that an event reports; None for irrelevant ones (heartbeats, a deployment's readiness)."""
    resource_id: str = event.resource.id
    if resource_id.startswith(FLOW_RUN):
        if event.event == "prefect.flow-run.heartbeat":
            return None
        phase = PLAIN_PHASES.get((event.event.removeprefix(FLOW_RUN), event.resource.get("prefect.state-type")))
        return Change(ChangeKind.RUN, resource_id.removeprefix(FLOW_RUN), phase)
    if resource_id.startswith(DEPLOYMENT):
        deployment_id = resource_id.removeprefix(DEPLOYMENT)
        if event.event in CHANGED:
            return Change(ChangeKind.DEPLOYMENT, deployment_id)
        if event.event == "prefect.deployment.deleted":
            return Change(ChangeKind.DEPLOYMENT_REMOVED, deployment_id)
    return None
