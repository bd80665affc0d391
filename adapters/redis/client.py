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
    client = build_redis(host, port, password, database, username=username, tls=tls)
    try:
        yield client
    finally:
        await client.aclose()


def build_redis(
    host: str, port: int, password: str | None, database: int, *, username: str | None = None, tls: bool = False
) -> Redis:
    """The same, for the caller to close. May be built before a fork, for one of the forked processes to use."""
    heed_cancellations()
    return Redis(
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
        driver_info=None,  # its name and version, which each client looks up and each connection sends
    )


async def ping(client: Redis) -> None:
    """Raises `Unavailable` when Redis does not answer."""
    with translated():
        await client.get("scheduler:ping")
