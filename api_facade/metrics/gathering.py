"""Fills the gauges now and then, in every facade, so that a scrape waits for nobody."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from datetime import timedelta

from falcon_scheduler.api_facade.metrics.instruments import Metrics
from falcon_scheduler.core.errors import Unavailable
from falcon_scheduler.core.pace import Pace
from falcon_scheduler.core.ports import Clock, Watermark
from falcon_scheduler.core.ports.outcomes import OutcomeLog
from falcon_scheduler.core.services.mirror.mirror import WATERMARK
from falcon_scheduler.core.services.status import ServiceStatus

GATHER_INTERVAL = timedelta(seconds=15)
"""The shortest pause. A look that took long, of thousands of tasks, is followed by a longer one."""
SHARE = 0.02
"""The share of the time that it may take."""

logger = logging.getLogger(__name__)


class Gathering:
    """Start `run` as a task and cancel it to stop."""

    def __init__(
        self,
        metrics: Metrics,
        *,
        status: Callable[[], Awaitable[ServiceStatus]],
        watermark: Watermark,
        outcomes: OutcomeLog,
        clock: Clock,
    ) -> None:
        self._metrics = metrics
        self._status = status
        self._watermark = watermark
        self._outcomes = outcomes
        self._clock = clock
        self._pace = Pace(SHARE)

    async def run(self) -> None:
        """Until cancelled."""
        while True:
            self._pace.begin()
            try:
                await self.gather()
            except Exception:
                logger.exception("Could not gather what the metrics show")
            self._pace.end()
            await asyncio.sleep(max(GATHER_INTERVAL, self._pace.owed).total_seconds())

    async def gather(self) -> None:
        """Fill all gauges once. Gauges of an absent server keep their value; `component_up` shows it."""
        self._metrics.show_status(await self._status())
        now = self._clock.now()
        try:
            self._metrics.show_mirror(await self._watermark.read(WATERMARK), now)
            self._metrics.show_skips(await self._outcomes.skips())
        except Unavailable:
            logger.debug("MongoDB is away; its metrics keep their values")
        self._metrics.show_gathered(now)
