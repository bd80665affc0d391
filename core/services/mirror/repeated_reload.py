"""The duty that repeats the reload, within a share of the time."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import timedelta

from falcon_scheduler.core.pace import Pace
from falcon_scheduler.core.services.duty import Duty

RECONCILE_INTERVAL = timedelta(seconds=60)
"""The shortest pause between two reloads. With many tasks the share of time that they may take makes it longer."""
FIRST_SHARE = 0.5
"""The share of time of a leader's first reload: nobody may have followed the engine before it."""


class RepeatedReload(Duty):
    """The reload in slices. The first one after this process took the office over is quicker than the others.

    One that takes less than its share of the pause behind it does not rest.
    """

    name = "reconcile"
    interval = RECONCILE_INTERVAL

    def __init__(self, reload: Callable[[Pace], Awaitable[object]], share: float) -> None:
        self._reload = reload
        self._share = share
        self._is_first = True

    async def work(self) -> None:
        """See `Duty`."""
        share = max(self._share, FIRST_SHARE) if self._is_first else self._share
        pace = Pace(share, unrested=self.interval * self._share)
        await self._reload(pace)
        self._is_first = False

    def forget(self) -> None:
        """Another process did the work in between."""
        self._is_first = True
