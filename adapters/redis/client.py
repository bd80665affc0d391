"""Opens Redis with short timeouts: every caller has a fallback and must learn quickly that Redis is away."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import ExponentialBackoff

from falcon_scheduler.adapters.cancellable_waits import heed_cancellations
from falcon_scheduler.adapters.redis.errors import translated


@asynccontextmanager
async def open_redis(
    host: str, port: int, password: str | None, database: int, *, username: str | None = None, tls: bool = False
) -> AsyncIterator[Redis]:
    """A client whose answers are text. Opening does not connect; the first command does."""
    heed_cancellations()
    client = Redis(
        host=host,
        port=port,
        username=username,
        password=password,
        ssl=tls,
        db=database,
        decode_responses=True,
        socket_timeout=2,
        socket_connect_timeout=2,
        health_check_interval=15,
        retry=Retry(ExponentialBackoff(cap=0.2, base=0.05), retries=1),
        client_name="falcon-scheduler",
    )
    try:
        yield client
    finally:
        await client.aclose()


async def ping(client: Redis) -> None:
    """Raises `Unavailable` when Redis does not answer."""
    with translated():
        await client.get("scheduler:ping")
