"""Whether there is anybody to run executions, as an alert; and up to when runs are late for a cause that has its own.

While nothing can run every task is late, and none of them is the cause. So one alert reports the missing worker,
and no task counts as late for the time up to its end. The same holds while the engine is away or plans nothing.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime, timedelta

from falcon_scheduler.core.domain.alert import AlertKind
from falcon_scheduler.core.domain.workforce import Workforce
from falcon_scheduler.core.errors import Unavailable
from falcon_scheduler.core.ports import Clock
from falcon_scheduler.core.services.alerts.service_alerts import ServiceAlerts

LASTING = timedelta(seconds=20)
"""For so long nothing can run before it is an alert: a worker that is restarted is back by then."""
CAUSES = (AlertKind.NO_WORKER, AlertKind.COMPONENT_AWAY, AlertKind.ENGINE_NOT_PLANNING)
"""Alerts that explain why runs are late."""


class WorkerWatch:
    """Keeps since when nothing can run."""

    def __init__(self, *, alerts: ServiceAlerts, workforce: Callable[[], Awaitable[Workforce]], clock: Clock) -> None:
        self._alerts = alerts
        self._workforce = workforce
        self._clock = clock
        self._unable_since: datetime | None = None

    async def look(self) -> None:
        """Open or resolve the alert. While Prefect is away it stays as it is."""
        try:
            problem = (await self._workforce()).problem
        except Unavailable:
            return
        now = self._clock.now()
        if not problem:
            self._unable_since = None
            await self._alerts.resolve(AlertKind.NO_WORKER, "A worker is online again and takes executions")
            return
        self._unable_since = self._unable_since or now
        if now - self._unable_since >= LASTING:
            await self._alerts.open(AlertKind.NO_WORKER, problem)

    async def explained_until(self) -> datetime | None:
        """Up to when an alert of the service explains that runs are late; now while one is open."""
        return self._clock.now() if self._unable_since is not None else await self._until(CAUSES)

    async def excused_until(self) -> datetime | None:
        """The same for missing successes, which the common alert of many late runs explains too."""
        ends = [await self.explained_until(), await self._until((AlertKind.MANY_LATE_RUNS,))]
        return max((each for each in ends if each is not None), default=None)

    async def _until(self, kinds: Sequence[AlertKind]) -> datetime | None:
        ends = [each.recovered_at or self._clock.now() for each in await self._alerts.latest(kinds)]
        return max(ends, default=None)
