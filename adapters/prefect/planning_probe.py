"""Whether Prefect's scheduler service is at work: we repeatedly remove the planned run of a deployment of ours.

The service has no health check, and `/ready` only checks whether the database can be read. The service gives every
deployment that has fewer planned runs than it should what is missing, at each of its rounds. So the run that we
removed comes back within a round as long as the service is at work and the database takes writes. It is due in
weeks, belongs to no work pool, and is never run.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from prefect.client.orchestration import PrefectClient

from falcon_scheduler.adapters.prefect.errors import Gone, translated
from falcon_scheduler.adapters.prefect.flow_run_reading import FlowRunReading
from falcon_scheduler.adapters.prefect.run_deletion import delete_runs
from falcon_scheduler.core.errors import EngineRefused, Unavailable
from falcon_scheduler.core.ports import Clock

NAME = "planning-probe"
DESCRIPTION = (
    "The scheduler's facade removes the planned run of this deployment again and again, and sees by its return that "
    "Prefect plans runs. It is never run. Without it the facade makes it anew."
)
DUE_IN = timedelta(days=60)
RENEWED_WITHIN = timedelta(days=30)
"""Prefect plans 100 days ahead by default: the run is due well within that, and moved long before it is due."""
INTERVAL = timedelta(days=3650)
REST = timedelta(seconds=15)
"""For so long the run stays: rows are not made and removed more often than it takes to notice within a minute."""
ROUND = timedelta(seconds=60)
"""How often the service makes its round by default."""
GAP = timedelta(seconds=20)
"""After a longer gap between two checks nothing is known of the time between."""
SETTINGS: Any = "/admin/settings"  # missing in the client's list of paths


class PlanningProbe:
    """See `core.ports.PlannerProbe`."""

    def __init__(self, client: PrefectClient, clock: Clock) -> None:
        self._client = client
        self._clock = clock
        self._deployment_id: str | None = None
        self._due_at: datetime | None = None
        self._removed_at: datetime | None = None
        self._looked_at: datetime | None = None
        self._round: timedelta | None = None

    async def owed_for(self) -> timedelta | None:
        """For how long the service has not planned our run; zero when it has, None when that is not known yet."""
        now = self._clock.now()
        deployment_id = await self._deployed(now)
        try:
            planned = await self._planned(deployment_id)
        except Gone:  # somebody removed the deployment
            self.forget()
            return None
        if self._removed_at is None:
            await self._remove(planned)
            self._removed_at = now
            return None
        looked_at, self._looked_at = self._looked_at or now, now
        if not planned:
            if now - looked_at > GAP:  # the server was away: its service starts its rounds again
                self._removed_at = now
                return None
            return now - self._removed_at
        if now - self._removed_at >= REST:
            await self._remove(planned)
            self._removed_at = now
        return timedelta()

    async def round(self) -> timedelta:
        """How often the service makes its round, as the server is set."""
        if self._round is None:
            try:
                with translated():
                    found = (await self._client.request("GET", SETTINGS)).json()
                seconds = found["server"]["services"]["scheduler"]["loop_seconds"]
                self._round = timedelta(seconds=float(seconds))
            except (Gone, EngineRefused, Unavailable, KeyError, TypeError, ValueError):
                return ROUND
        return self._round

    def forget(self) -> None:
        """Start again: another process has checked in between, or the server may be another."""
        self._deployment_id = self._removed_at = self._looked_at = self._round = None

    async def _deployed(self, now: datetime) -> str:
        if self._deployment_id is None or self._due_at is None or self._due_at - now < RENEWED_WITHIN:
            self._due_at = (now + DUE_IN).astimezone(UTC).replace(microsecond=0)
            self._deployment_id = await self._deploy(self._due_at)
        return self._deployment_id

    async def _deploy(self, due_at: datetime) -> str:
        schedule = {"interval": INTERVAL.total_seconds(), "anchor_date": due_at.isoformat(), "timezone": "UTC"}
        with translated():
            flow_id = await self._client.create_flow_from_name(NAME)
            body = {
                "name": NAME,
                "flow_id": str(flow_id),
                "description": DESCRIPTION,
                "schedules": [{"slug": "probe", "active": True, "schedule": schedule}],
            }
            return str((await self._client.request("POST", "/deployments/", json=body)).json()["id"])

    async def _planned(self, deployment_id: str) -> list[str]:
        body = {"flow_runs": {"deployment_id": {"any_": [deployment_id]}}, "limit": 10}
        with translated():
            found = (await self._client.request("POST", "/flow_runs/filter", json=body)).json()
        if not found:  # perhaps because somebody removed the deployment
            with translated():
                await self._client.request("GET", "/deployments/{id}", path_params={"id": deployment_id})
        return [flow_run["id"] for flow_run in found]

    async def _remove(self, flow_run_ids: list[str]) -> None:
        await delete_runs(self._client, FlowRunReading(self._client), flow_run_ids)
