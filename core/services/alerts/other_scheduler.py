"""Notices another scheduler that writes to the database of this service, and alerts on it.

Two schedulers on one database run each task twice. The other one is recognised by the executions that it begins.
"""

from __future__ import annotations

from datetime import timedelta

from falcon_scheduler.core.domain.alert import AlertKind
from falcon_scheduler.core.ports import Clock
from falcon_scheduler.core.ports.takeover import ForeignDatabase, TakeoverRecord
from falcon_scheduler.core.services.alerts.service_alerts import ServiceAlerts
from falcon_scheduler.core.services.duty import Duty, Periodic

WATCH_INTERVAL = timedelta(seconds=30)
STILL_AT_WORK = timedelta(minutes=30)
"""A scheduler that began nothing for so long counts as stopped. The tasks of go-falcon run every few minutes."""
SETTLING = timedelta(seconds=30)
"""What began this soon after the takeover may still be the other scheduler's last work before it was stopped."""
TEXT = (
    "Another scheduler (go-falcon) writes to this database: it began execution {id}. Tasks run twice while both are "
    "at work; stop one of them"
)
RECOVERED_TEXT = "The other scheduler has begun nothing for half an hour"


class OtherSchedulerWatch:
    """May run in any number of facades."""

    def __init__(
        self, *, foreign: ForeignDatabase, takeovers: TakeoverRecord, alerts: ServiceAlerts, clock: Clock
    ) -> None:
        self._foreign = foreign
        self._takeovers = takeovers
        self._alerts = alerts
        self._clock = clock

    def duty(self) -> Duty:
        """The check, as a duty."""
        return Periodic("look for another scheduler", self.look, WATCH_INTERVAL)

    async def look(self) -> None:
        """Open the alert while the other scheduler is at work, and resolve it afterwards."""
        takeover = await self._takeovers.read()
        since = self._clock.now() - STILL_AT_WORK
        if takeover is not None:
            since = max(since, takeover.taken_over_at + SETTLING)
        begun = await self._foreign.begun_since(since, limit=1)
        if begun:
            await self._alerts.open(AlertKind.OTHER_SCHEDULER, TEXT.format(id=begun[0]))
        else:
            await self._alerts.resolve(AlertKind.OTHER_SCHEDULER, RECOVERED_TEXT)
