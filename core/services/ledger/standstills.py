"""When nothing could run: no worker was online, or the pool or a queue was paused. Stored from the first look on.

The alert `no_worker` opens later, and not at all when workers are back before that. Runs that waited were late all
the same, and these times explain it. When all workers ended and others began between two looks, their signs of life
say for how long there was none.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace
from datetime import datetime, timedelta

from falcon_scheduler.core.domain.explanation import Cause
from falcon_scheduler.core.domain.workforce import NO_WORKER, Workforce
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
        self._last_sign: datetime | None = None
        """The latest sign of life that the last look found."""
        self._current: Mapping[Subject, Outage] = {}

    def duty(self) -> Duty:
        """The look, as a duty."""
        return Periodic("look for workers", self.look, LOOK_INTERVAL, self.forget)

    def forget(self) -> None:
        """Another facade looks now."""
        self._looked_at, self._last_sign, self._current = None, None, {}

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
        unseen = self._unseen(workforce) if not former else None
        for each in [*new.values(), *([unseen] if unseen else [])]:
            await self._store.add_outage(each)
        self._current = {subject: former.get(subject) or new[subject] for subject in held}
        self._looked_at = now
        self._last_sign = max((each.seen_at for each in workforce.workers if each.seen_at), default=None)

    def _begin_of(self, cause: Cause, now: datetime) -> datetime:
        looked_at = self._looked_at or now
        if cause is not Cause.NO_WORKER:
            return looked_at
        return min(self._last_sign or looked_at - UNNOTICED_FOR, looked_at)

    def _unseen(self, workforce: Workforce) -> Outage | None:
        """The time without a worker between the last look and this one, when all workers are others than then."""
        begins = [each.began_at for each in workforce.workers]
        first = min((each for each in begins if each is not None), default=None)
        if self._last_sign is None or first is None or None in begins or first <= self._last_sign:
            return None
        return Outage(cause=Cause.NO_WORKER, since=self._last_sign, until=first, text=NO_WORKER)

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
