"""When nothing could run, because no worker was online or the pool was paused. Stored from the first look on.

The alert `no_worker` opens later, and not at all when workers are back before that. Runs that waited were late all
the same, and these times explain it.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta

from falcon_scheduler.core.domain.explanation import Cause
from falcon_scheduler.core.domain.workforce import Workforce
from falcon_scheduler.core.ports import Clock
from falcon_scheduler.core.ports.ledger import LedgerStore, Outage
from falcon_scheduler.core.services.duty import Duty, Periodic
from falcon_scheduler.core.services.ledger.outages import WAITED_FOR

LOOK_INTERVAL = timedelta(seconds=5)
UNNOTICED_FOR = timedelta(seconds=15)
"""So long a worker that was killed may count as online still. Source: `adapters.redis.workers`."""
CONTINUED_WITHIN = timedelta(seconds=30)
"""So long after the last look of another leader its standstill is taken to have gone on."""


class Standstills:
    """Looks at the workers again and again."""

    def __init__(self, *, store: LedgerStore, workforce: Callable[[], Awaitable[Workforce]], clock: Clock) -> None:
        self._store = store
        self._workforce = workforce
        self._clock = clock
        self._able_at: datetime | None = None
        self._current: Outage | None = None

    def duty(self) -> Duty:
        """The look, as a duty."""
        return Periodic("look for workers", self.look, LOOK_INTERVAL, self.forget)

    def forget(self) -> None:
        """Another facade looks now."""
        self._able_at = self._current = None

    async def look(self) -> None:
        """Store since when nothing can run, up to now. Raises `Unavailable`, also while Prefect does not answer."""
        workforce, now = await self._workforce(), self._clock.now()
        cause = _cause_of(workforce)
        former = self._current or (None if cause is None else await self._of_former_leader(now))
        if former is not None:
            await self._store.add_outage(Outage(cause=former.cause, since=former.since, until=now, text=former.text))
        if cause is None:
            self._able_at, self._current = now, None
        elif former is None or former.cause is not cause:
            unnoticed = UNNOTICED_FOR if cause is Cause.NO_WORKER else timedelta()
            since = now if former is not None else (self._able_at or now) - unnoticed
            self._current = Outage(cause=cause, since=since, until=now, text=workforce.problem)
            await self._store.add_outage(self._current)
        else:
            self._current = former

    async def _of_former_leader(self, now: datetime) -> Outage | None:
        if self._able_at is not None:
            return None
        found = await self._store.outages(now - CONTINUED_WITHIN, now)
        return max((each for each in found if each.cause in WAITED_FOR), key=lambda each: each.until, default=None)


def _cause_of(workforce: Workforce) -> Cause | None:
    if not workforce.workers:
        return Cause.NO_WORKER
    return Cause.POOL_PAUSED if workforce.is_paused else None
