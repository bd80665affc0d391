"""Wakes workers when a run was created: a hint over Redis, never a promise. Workers poll all the same."""

from __future__ import annotations

from collections.abc import AsyncIterator

from redis.asyncio import Redis

from falcon_scheduler.adapters.redis.errors import translated

WAKE_CHANNEL = "scheduler:wake:{pool}"
"""One channel for each work pool; the message is the id of the flow run."""


async def wake_workers(redis: Redis, pool: str, flow_run_id: str) -> int:
    """Notify the workers of a pool that a run waits. Returns how many processes received it.

    Raises:
        Unavailable: Redis is away. Workers find the run by polling, a few seconds later.
    """
    with translated():
        return int(await redis.publish(WAKE_CHANNEL.format(pool=pool), flow_run_id))


async def wakes(redis: Redis, pool: str) -> AsyncIterator[str]:
    """Yield the id of every run that is announced to this pool, from now on, until cancelled.

    Raises:
        Unavailable: Redis is away. The caller may try again.
    """
    with translated():
        async with redis.pubsub(ignore_subscribe_messages=True) as subscription:
            await subscription.subscribe(WAKE_CHANNEL.format(pool=pool))
            while True:
                message = await subscription.get_message(timeout=1.0)
                if message is not None:
                    yield str(message["data"])
