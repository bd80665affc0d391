"""Named leases, each held by one process of many: `scheduler:lease:{name}`."""

from __future__ import annotations

from datetime import timedelta

from redis.asyncio import Redis

from falcon_scheduler.adapters.redis.errors import translated
from falcon_scheduler.adapters.redis.locks import EXTEND, RELEASE, milliseconds


class RedisLease:
    """See `core.ports.Lease`."""

    def __init__(self, redis: Redis) -> None:
        self._hold = redis.register_script(EXTEND)  # takes a free lease, extends our own
        self._give_up = redis.register_script(RELEASE)

    async def hold(self, name: str, holder: str, ttl: timedelta) -> bool:
        with translated():
            return bool(await self._hold(keys=[f"scheduler:lease:{name}"], args=[holder, milliseconds(ttl)]))

    async def give_up(self, name: str, holder: str) -> None:
        with translated():
            await self._give_up(keys=[f"scheduler:lease:{name}"], args=[holder])
