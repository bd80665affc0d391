"""A demo universe, a database and a Redis for each test of the EVE tasks; the servers behind them start once."""

from __future__ import annotations

import itertools
import os
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from redis.asyncio import Redis

from falcon_scheduler.adapters.mongo.client import open_database
from falcon_scheduler.deployments.stack.embedded import EmbeddedStack
from falcon_scheduler.eve.demo import Demo, demo_server
from tests.eve.universe_bench import Bench

_numbers = itertools.count(1)


@pytest_asyncio.fixture(scope="session")
async def eve_servers(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[EmbeddedStack]:
    """A MongoDB-compatible and a Redis-compatible server, without the rest of the stack."""
    async with EmbeddedStack(tmp_path_factory.mktemp("eve"), parts={"mongo", "valkey"}) as stack:
        yield stack


@pytest_asyncio.fixture
async def bench(eve_servers: EmbeddedStack) -> AsyncIterator[Bench]:
    """A universe of its own, an empty database, an empty Redis."""
    environment = eve_servers.environment
    name = f"eve_{os.getpid()}_{next(_numbers)}"
    redis = Redis(
        host=environment["REDIS_HOST"],
        port=int(environment["REDIS_PORT"]),
        password=environment["REDIS_PASSWORD"],
        decode_responses=True,
    )
    async with (
        open_database(environment["MONGODB_URI"], name) as database,
        redis,
        demo_server(Demo(check_answers=True)) as running,
    ):
        await redis.flushdb()
        yield Bench(running, database, redis)
