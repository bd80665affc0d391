"""Alerts while the engine's own planner plans nothing. `core.services.mirror.plan_watch` plans instead."""

from __future__ import annotations

from datetime import timedelta

from falcon_scheduler.core.domain.alert import AlertKind
from falcon_scheduler.core.ports import PlannerProbe
from falcon_scheduler.core.services.alerts.service_alerts import ServiceAlerts
from falcon_scheduler.core.services.duty import Duty, Periodic

PROBE_INTERVAL = timedelta(seconds=5)
PATIENCE = timedelta(seconds=25)
"""How long the planner may leave a run unplanned, at least two of its rounds, before it counts as stopped."""
TEXT = "Prefect's scheduler service plans no runs; the facade plans them until it does again"
RECOVERED_TEXT = "Prefect's scheduler service plans runs again"


class PlannerWatch:
    """One instance at a time should look: what the probe knows is true of one looker only."""

    def __init__(self, *, probe: PlannerProbe, alerts: ServiceAlerts) -> None:
        self._probe = probe
        self._alerts = alerts

    def duty(self) -> Duty:
        """The look, again and again."""
        return Periodic("probe the planner", self.look, PROBE_INTERVAL, self._probe.forget)

    async def look(self) -> None:
        """Open an alert when the planner does no work, and resolve it when it is at work again."""
        owed_for = await self._probe.owed_for()
        if owed_for is None:
            return
        patience = max(PATIENCE, 2 * await self._probe.round())
        if owed_for > patience:
            await self._alerts.open(AlertKind.ENGINE_NOT_PLANNING, TEXT)
        elif not owed_for:
            await self._alerts.resolve(AlertKind.ENGINE_NOT_PLANNING, RECOVERED_TEXT)
