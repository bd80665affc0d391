"""What workers say of themselves: how many runs each takes at once. Prefect's server keeps no such number."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta

from redis.asyncio import Redis

from falcon_scheduler.adapters.redis.errors import translated
from falcon_scheduler.adapters.redis.locks import milliseconds

KEPT_FOR = timedelta(minutes=2)
"""Longer than several heartbeats of a worker, each of which says it again."""


def slots_key(pool: str, worker: str) -> str:
    """The key under which a worker's number stands."""
    return f"scheduler:worker:{pool}:{worker}:slots"


async def report_slots(redis: Redis, pool: str, worker: str, slots: int) -> None:
    """Say how many runs a worker takes at once. Raises `Unavailable`; then it is said with the next heartbeat."""
    with translated():
        await redis.set(slots_key(pool, worker), slots, px=milliseconds(KEPT_FOR))


async def reported_slots(redis: Redis, pool: str, workers: Sequence[str]) -> Mapping[str, int]:
    """What these workers said, without those that have said nothing lately. Raises `Unavailable`."""
    if not workers:
        return {}
    with translated():
        values = await redis.mget([slots_key(pool, each) for each in workers])
    return {worker: int(value) for worker, value in zip(workers, values, strict=True) if value is not None}
