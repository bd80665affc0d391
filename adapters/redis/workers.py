"""How many runs each worker takes at once, as the workers report it. Prefect's server does not store that number."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta

from redis.asyncio import Redis

from falcon_scheduler.adapters.redis.errors import translated
from falcon_scheduler.adapters.redis.locks import milliseconds

KEPT_FOR = timedelta(minutes=2)
"""Longer than several heartbeats of a worker; each heartbeat reports the number again."""


def slots_key(pool: str, worker: str) -> str:
    """The key of a worker's number."""
    return f"scheduler:worker:{pool}:{worker}:slots"


async def report_slots(redis: Redis, pool: str, worker: str, slots: int) -> None:
    """Report how many runs a worker takes at once. Raises `Unavailable`; the next heartbeat reports it again."""
    with translated():
        await redis.set(slots_key(pool, worker), slots, px=milliseconds(KEPT_FOR))


async def reported_slots(redis: Redis, pool: str, workers: Sequence[str]) -> Mapping[str, int]:
    """The numbers of these workers; a worker without a recent report is left out. Raises `Unavailable`."""
    if not workers:
        return {}
    with translated():
        values = await redis.mget([slots_key(pool, each) for each in workers])
    return {worker: int(value) for worker, value in zip(workers, values, strict=True) if value is not None}
