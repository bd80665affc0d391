"""Locks and leases in memory, which end by a clock that the test moves."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import datetime, timedelta

from falcon_scheduler.core.ports import Clock, Lock


class _Held:
    """Names that somebody holds until an instant."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._by_name: dict[str, tuple[str, datetime]] = {}

    def holder(self, name: str) -> str | None:
        holder, until = self._by_name.get(name, (None, None))
        return holder if until is not None and until > self._clock.now() else None

    def take(self, name: str, holder: str, ttl: timedelta) -> bool:
        if self.holder(name) not in (None, holder):
            return False
        self._by_name[name] = holder, self._clock.now() + ttl
        return True

    def give_back(self, name: str, holder: str) -> bool:
        if self.holder(name) != holder:
            return False
        del self._by_name[name]
        return True


class MemoryLockService:
    """See `core.ports.LockService`."""

    def __init__(self, clock: Clock) -> None:
        self._held = _Held(clock)
        self._tokens: Counter[str] = Counter()

    async def acquire(self, task_id: str, holder: str, ttl: timedelta) -> Lock | None:
        if not self._held.take(task_id, holder, ttl):
            return None
        self._tokens[task_id] += 1
        return Lock(
            task_id=task_id,
            key=f"scheduler:lock:{task_id}",
            holder=holder,
            fencing_token=self._tokens[task_id],
        )

    async def extend(self, lock: Lock, ttl: timedelta) -> bool:
        return self._held.take(lock.task_id, lock.holder, ttl)

    async def extend_all(self, locks: Sequence[tuple[Lock, timedelta]]) -> Sequence[Lock]:
        return [lock for lock, ttl in locks if not await self.extend(lock, ttl)]

    async def release(self, lock: Lock) -> None:
        self._held.give_back(lock.task_id, lock.holder)

    async def holder(self, task_id: str) -> str | None:
        return self._held.holder(task_id)

    async def release_of(self, task_id: str, holder: str) -> bool:
        return self._held.give_back(task_id, holder)


class MemoryLease:
    """See `core.ports.Lease`."""

    def __init__(self, clock: Clock) -> None:
        self._held = _Held(clock)

    async def hold(self, name: str, holder: str, ttl: timedelta) -> bool:
        return self._held.take(name, holder, ttl)

    async def give_up(self, name: str, holder: str) -> None:
        self._held.give_back(name, holder)
