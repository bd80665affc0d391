"""Alerts while somebody else refreshes the EVE logins that the system task refreshes. The task itself notices it."""

from __future__ import annotations

from datetime import timedelta

from falcon_scheduler.core.domain.alert import AlertKind
from falcon_scheduler.core.ports import Clock
from falcon_scheduler.core.services.alerts.service_alerts import ServiceAlerts
from falcon_scheduler.core.services.duty import Duty, Periodic
from falcon_scheduler.eve.ports import OtherRefresherRecord

WATCH_INTERVAL = timedelta(seconds=30)
STILL_TRUE = timedelta(hours=1)
"""For how long a run's finding holds when no other run comes: the task may have been disabled because of it."""
TEXT = (
    "Somebody else refreshes the EVE logins too (character {character_id} among them), so system-token-refresh does "
    "not. Switch off the refresher of go-falcon's auth module, or disable system-token-refresh"
)
RECOVERED_TEXT = "system-token-refresh has met no other refresher since, or has not run for an hour"


class OtherRefresherWatch:
    """May run in any number of facades."""

    def __init__(self, *, record: OtherRefresherRecord, alerts: ServiceAlerts, clock: Clock) -> None:
        self._record = record
        self._alerts = alerts
        self._clock = clock

    def duty(self) -> Duty:
        """The check, as a duty."""
        return Periodic("look for another refresher", self.look, WATCH_INTERVAL)

    async def look(self) -> None:
        """Open the alert while the latest run met another refresher, and resolve it afterwards."""
        seen = await self._record.read()
        if seen is None or seen.seen_at <= self._clock.now() - STILL_TRUE:
            await self._alerts.resolve(AlertKind.OTHER_REFRESHER, RECOVERED_TEXT)
        else:
            await self._alerts.open(AlertKind.OTHER_REFRESHER, TEXT.format(character_id=seen.character_id))
