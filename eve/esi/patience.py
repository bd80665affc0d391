"""Waits for ESI, never past the end of the run."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from falcon_scheduler.core.domain.work import WorkLog
from falcon_scheduler.core.errors import Unavailable

_WORTH_A_LINE_SECONDS = 2


class Patience:
    """Waits that end normally or by a cancellation, and are not begun if the run's time would end first."""

    def __init__(self, deadline_at: datetime, log: WorkLog, away: Callable[[str, timedelta], Unavailable]) -> None:
        """`away` makes the error for an unavailable server: (reason, retry after)."""
        self._deadline_at = deadline_at
        self._log = log
        self._away = away
        self.waited_seconds = 0.0

    async def wait(self, seconds: float, what_for: str) -> None:
        """Wait so long; a cancel ends it at once.

        Raises:
            Unavailable: the wait would outlast the run, so it is not begun.
        """
        if seconds <= 0:
            return
        left = (self._deadline_at - datetime.now(UTC)).total_seconds()
        if seconds > left:
            raise self._away(
                f"waiting {seconds:.0f} s for {what_for} would outlast the run", timedelta(seconds=seconds)
            )
        if seconds > _WORTH_A_LINE_SECONDS:
            self._log.info("Waiting %.0f s for %s", seconds, what_for)
        self.waited_seconds += seconds
        await asyncio.sleep(seconds)
