"""When nothing could run: no worker was online, or the pool or a queue was paused. Stored from the first look on.

The alert `no_worker` opens later, and not at all when workers are back before that. Runs that waited were late all
the same, and these times explain it.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace
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

Subject = tuple[Cause, str]
"""The cause, and the work queue if it holds for one alone."""


class Standstills:
    """Looks at the workers again and again."""

    def __init__(self, *, store: LedgerStore, workforce: Callable[[], Awaitable[Workforce]], clock: Clock) -> None:
        """`workforce` reads the paused queues too."""
        self._store = store
        self._workforce = workforce
        self._clock = clock
        self._looked_at: datetime | None = None
        self._current: Mapping[Subject, Outage] = {}

    def duty(self) -> Duty:
        """The look, as a duty."""
        return Periodic("look for workers", self.look, LOOK_INTERVAL, self.forget)

    def forget(self) -> None:
        """Another facade looks now."""
        self._looked_at, self._current = None, {}

    async def look(self) -> None:
        """Store since when nothing can run, up to now. Raises `Unavailable`, also while Prefect does not answer."""
        workforce, now = await self._workforce(), self._clock.now()
        held = _held(workforce)
        former = self._current or (await self._of_former_leader(now) if held else {})
        for each in former.values():
            await self._store.add_outage(replace(each, until=now))
        everything_was_held = any(not queue for _, queue in former)
        since = {cause: now if everything_was_held else self._begin_of(cause, now) for cause, _ in held}
        new = {
            (cause, queue): Outage(cause=cause, queue=queue, since=since[cause], until=now, text=text)
            for (cause, queue), text in held.items()
            if (cause, queue) not in former
        }
        for each in new.values():
            await self._store.add_outage(each)
        self._current = {subject: former.get(subject) or new[subject] for subject in held}
        self._looked_at = now

    def _begin_of(self, cause: Cause, now: datetime) -> datetime:
        return (self._looked_at or now) - (UNNOTICED_FOR if cause is Cause.NO_WORKER else timedelta())

    async def _of_former_leader(self, now: datetime) -> Mapping[Subject, Outage]:
        """What the last look of another leader found."""
        if self._looked_at is not None:
            return {}
        found = await self._store.outages(now - CONTINUED_WITHIN, now)
        last = max((each.until for each in found if each.cause in WAITED_FOR), default=None)
        return {(each.cause, each.queue): each for each in found if each.cause in WAITED_FOR and each.until == last}


def _held(workforce: Workforce) -> Mapping[Subject, str]:
    """What keeps runs from beginning, each with a sentence."""
    if not workforce.workers:
        return {(Cause.NO_WORKER, ""): workforce.problem}
    if workforce.is_paused:
        return {(Cause.POOL_PAUSED, ""): workforce.problem}
    return {
        (Cause.QUEUE_PAUSED, each): f"The work queue {each} was paused in Prefect" for each in workforce.paused_queues
    }
