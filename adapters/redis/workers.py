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


def http_slots_key(pool: str, worker: str) -> str:
    """The key of the number of its lane. Workers of earlier versions have none."""
    return f"scheduler:worker:{pool}:{worker}:http-slots"


async def report_slots(redis: Redis, pool: str, worker: str, slots: int, http_slots: int) -> None:
    """Report how many runs a worker takes at once, in processes and in its lane. Raises `Unavailable`; the next
    heartbeat reports it again."""
    with translated():
        async with redis.pipeline(transaction=False) as pipeline:
            pipeline.set(slots_key(pool, worker), slots, px=milliseconds(KEPT_FOR))
            pipeline.set(http_slots_key(pool, worker), http_slots, px=milliseconds(KEPT_FOR))
            await pipeline.execute()


async def reported_slots(redis: Redis, pool: str, workers: Sequence[str]) -> Mapping[str, tuple[int, int]]:
    """Both numbers of these workers; a worker without a recent report is left out. Raises `Unavailable`."""
    if not workers:
        return {}
    keys = [slots_key(pool, each) for each in workers] + [http_slots_key(pool, each) for each in workers]
    with translated():
        values = await redis.mget(keys)
    both = zip(workers, values[: len(workers)], values[len(workers) :], strict=True)
    return {worker: (int(slots), int(in_lane or 0)) for worker, slots, in_lane in both if slots is not None}
