"""What the workers report of themselves: how many runs each takes at once, and that it lives.

Prefect's server does not store the first, and learns only minutes later that a worker was killed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from redis.asyncio import Redis

from falcon_scheduler.adapters.redis.errors import translated
from falcon_scheduler.adapters.redis.locks import milliseconds

KEPT_FOR = timedelta(minutes=2)
"""Longer than several heartbeats of a worker; each heartbeat reports the numbers again."""
LIFE_INTERVAL = timedelta(seconds=5)
"""Between two signs of life."""
DEAD_AFTER = timedelta(seconds=15)
"""After so long without a sign of life a worker that used to send them counts as dead."""
ENDED_AFTER = LIFE_INTERVAL + timedelta(seconds=2)
"""So soon after it has reported its end."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkerReport:
    """What a worker reported. `http_slots` is 0 for one without a lane.

    `slots` is None when the number is older than `KEPT_FOR`: the worker could not report it while Prefect was away.
    """

    slots: int | None
    http_slots: int
    is_dead: bool
    began_at: datetime | None = None
    """Since when this process takes runs, by its own clock; None when it is dead or of an earlier version."""
    seen_at: datetime | None = None
    """Its latest sign of life, by its own clock; None as above."""


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
    """The key of its latest sign of life: since when it takes runs, and when it sent the sign."""
    return f"scheduler:worker:{pool}:{worker}:alive"


async def report_slots(redis: Redis, pool: str, worker: str, slots: int, http_slots: int) -> None:
    """Report how many runs a worker takes at once, in processes and in its lane. Raises `Unavailable`; the next
    heartbeat reports it again."""
    with translated():
        async with redis.pipeline(transaction=False) as pipeline:
            pipeline.set(slots_key(pool, worker), slots, px=milliseconds(KEPT_FOR))
            pipeline.set(http_slots_key(pool, worker), http_slots, px=milliseconds(KEPT_FOR))
            await pipeline.execute()


async def report_life(redis: Redis, pool: str, worker: str, began_at: datetime, now: datetime) -> None:
    """Report that a worker takes runs, and since when; to be repeated every `LIFE_INTERVAL`. Raises `Unavailable`."""
    sign = f"{began_at.isoformat()} {now.isoformat()}"
    with translated():
        async with redis.pipeline(transaction=False) as pipeline:
            pipeline.set(alive_key(pool, worker), sign, px=milliseconds(DEAD_AFTER))
            pipeline.set(signs_key(pool, worker), 1, px=milliseconds(KEPT_FOR))
            await pipeline.execute()


async def report_end(redis: Redis, pool: str, worker: str) -> None:
    """Report that a worker takes no more runs: its sign of life expires sooner.

    Another worker of the same name, as the second one on a host has by default, sends its own sign before that.
    Raises `Unavailable`; the worker counts as dead after `DEAD_AFTER` all the same.
    """
    with translated():
        await redis.pexpire(alive_key(pool, worker), milliseconds(ENDED_AFTER))


async def reports(redis: Redis, pool: str, workers: Sequence[str]) -> Mapping[str, WorkerReport]:
    """What these workers reported; one that has reported nothing lately is left out. Raises `Unavailable`."""
    if not workers:
        return {}
    kinds = (slots_key, http_slots_key, signs_key, alive_key)
    with translated():
        values = await redis.mget([key(pool, each) for each in workers for key in kinds])
    found = {}
    for worker in workers:
        (slots, http_slots, signs, alive), values = values[: len(kinds)], values[len(kinds) :]
        if slots is not None or signs is not None:
            began_at, seen_at = _times_of(alive)
            found[worker] = WorkerReport(
                slots=None if slots is None else int(slots),
                http_slots=int(http_slots or 0),
                is_dead=signs is not None and alive is None,
                began_at=began_at,
                seen_at=seen_at,
            )
    return found


def _times_of(sign: bytes | str | None) -> tuple[datetime, datetime] | tuple[None, None]:
    """Since when a worker takes runs, and when it sent its sign. A worker of an earlier version sends neither."""
    text = sign.decode() if isinstance(sign, bytes) else sign or ""
    began_at, _, seen_at = text.partition(" ")
    return (datetime.fromisoformat(began_at), datetime.fromisoformat(seen_at)) if seen_at else (None, None)
