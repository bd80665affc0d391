"""Task locks: one key per task, `scheduler:lock:{task_id}`, whose value names its holder.

One script takes the lock and increments the fencing number, so only a holder gets a number. Other scripts compare the
holder before they extend or release, so a late process can't touch the lock of its successor. The lock decides which
run works; MongoDB's conditions decide which write counts. Source: design, "Running work"; Redis, `SET NX`.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

from redis.asyncio import Redis

from falcon_scheduler.adapters.redis.errors import translated
from falcon_scheduler.core.ports import Lock

FENCE_LIFE = timedelta(days=30)
"""How long an unused fencing counter is kept. A task's own record continues the numbers after that."""

# The same holder may take the lock again: it repeats the call when an answer was lost.
ACQUIRE = """
local holder = redis.call('GET', KEYS[1])
if holder and holder ~= ARGV[1] then return 0 end
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
local token = redis.call('INCR', KEYS[2])
redis.call('PEXPIRE', KEYS[2], ARGV[3])
return token
"""
# Redis may have lost the lock in a restart. Taking it again is safe only while no other run has it.
EXTEND = """
local holder = redis.call('GET', KEYS[1])
if holder == ARGV[1] then return redis.call('PEXPIRE', KEYS[1], ARGV[2]) end
if not holder then redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2]) return 1 end
return 0
"""
RELEASE = """
if redis.call('GET', KEYS[1]) == ARGV[1] then return redis.call('DEL', KEYS[1]) end
return 0
"""


def lock_key(task_id: str) -> str:
    """The key of a task's lock. Source: scheduler API, "Distributed Locking"."""
    return f"scheduler:lock:{task_id}"


class RedisLockService:
    """See `core.ports.LockService`. The holder is the execution's id."""

    def __init__(self, redis: Redis) -> None:
        self._redis = redis
        self._acquire = redis.register_script(ACQUIRE)
        self._extend = redis.register_script(EXTEND)
        self._release = redis.register_script(RELEASE)

    async def acquire(self, task_id: str, holder: str, ttl: timedelta) -> Lock | None:
        key = lock_key(task_id)
        keys = [key, f"scheduler:fence:{task_id}"]
        with translated():
            token = int(await self._acquire(keys=keys, args=[holder, milliseconds(ttl), milliseconds(FENCE_LIFE)]))
        return Lock(task_id=task_id, key=key, holder=holder, fencing_token=token) if token else None

    async def extend(self, lock: Lock, ttl: timedelta) -> bool:
        """Extend the lock, or take it again when Redis has lost it and no other run has taken it."""
        with translated():
            return bool(await self._extend(keys=[lock.key], args=[lock.holder, milliseconds(ttl)]))

    async def extend_all(self, locks: Sequence[tuple[Lock, timedelta]]) -> Sequence[Lock]:
        if not locks:
            return []
        with translated():
            async with self._redis.pipeline(transaction=False) as pipeline:
                for lock, ttl in locks:
                    await self._extend(keys=[lock.key], args=[lock.holder, milliseconds(ttl)], client=pipeline)
                answers = await pipeline.execute()
        return [lock for (lock, _), is_ours in zip(locks, answers, strict=True) if not is_ours]

    async def release(self, lock: Lock) -> None:
        with translated():
            await self._release(keys=[lock.key], args=[lock.holder])

    async def holder(self, task_id: str) -> str | None:
        with translated():
            value = await self._redis.get(lock_key(task_id))
        return None if value is None else str(value)

    async def release_of(self, task_id: str, holder: str) -> bool:
        with translated():
            return bool(await self._release(keys=[lock_key(task_id)], args=[holder]))


def milliseconds(length: timedelta) -> int:
    """Whole milliseconds, as Redis takes them."""
    return length // timedelta(milliseconds=1)
