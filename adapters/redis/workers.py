"""What the workers report of themselves: how many runs each takes at once, and that it lives.

Prefect's server does not store the first, and learns only minutes later that a worker was killed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta

from redis.asyncio import Redis

from falcon_scheduler.adapters.redis.errors import translated
from falcon_scheduler.adapters.redis.locks import milliseconds

KEPT_FOR = timedelta(minutes=2)
"""Longer than several heartbeats of a worker; each heartbeat reports the numbers again."""
LIFE_INTERVAL = timedelta(seconds=5)
"""Between two signs of life."""
DEAD_AFTER = timedelta(seconds=15)
"""After so long without a sign of life a worker that used to send them counts as dead."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkerReport:
    """What a worker reported. `http_slots` is 0 for one without a lane."""

    slots: int
    http_slots: int
    is_dead: bool


def slots_key(pool: str, worker: str) -> str:
    """The key of a worker's number."""
    return f"scheduler:worker:{pool}:{worker}:slots"


def http_slots_key(pool: str, worker: str) -> str:
    """The key of the number of its lane. Workers of earlier versions have none."""
    return f"scheduler:worker:{pool}:{worker}:http-slots"


def signs_key(pool: str, worker: str) -> str:
    """The key that says that this worker sends signs of life. Workers of earlier versions have none."""
    return f"scheduler:worker:{pool}:{worker}:signs"


def alive_key(pool: str, worker: str) -> str:
    """The key of its latest sign of life."""
    return f"scheduler:worker:{pool}:{worker}:alive"


async def report_slots(redis: Redis, pool: str, worker: str, slots: int, http_slots: int) -> None:
    """Report how many runs a worker takes at once, in processes and in its lane. Raises `Unavailable`; the next
    heartbeat reports it again."""
    with translated():
        async with redis.pipeline(transaction=False) as pipeline:
            pipeline.set(slots_key(pool, worker), slots, px=milliseconds(KEPT_FOR))
            pipeline.set(http_slots_key(pool, worker), http_slots, px=milliseconds(KEPT_FOR))
            await pipeline.execute()


async def report_life(redis: Redis, pool: str, worker: str) -> None:
    """Report that a worker lives; to be repeated every `LIFE_INTERVAL`. Raises `Unavailable`."""
    with translated():
        async with redis.pipeline(transaction=False) as pipeline:
            pipeline.set(alive_key(pool, worker), 1, px=milliseconds(DEAD_AFTER))
            pipeline.set(signs_key(pool, worker), 1, px=milliseconds(KEPT_FOR))
            await pipeline.execute()


async def reports(redis: Redis, pool: str, workers: Sequence[str]) -> Mapping[str, WorkerReport]:
    """What these workers reported; one without recent numbers is left out. Raises `Unavailable`."""
    if not workers:
        return {}
    kinds = (slots_key, http_slots_key, signs_key, alive_key)
    with translated():
        values = await redis.mget([key(pool, each) for each in workers for key in kinds])
    found = {}
    for worker in workers:
        (slots, http_slots, signs, alive), values = values[: len(kinds)], values[len(kinds) :]
        if slots is not None:
            is_dead = signs is not None and alive is None
            found[worker] = WorkerReport(slots=int(slots), http_slots=int(http_slots or 0), is_dead=is_dead)
    return found
