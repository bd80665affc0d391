"""Calls that are cancelled while the driver sends, connects, or waits for a server that is away."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager

import pytest
from pymongo.errors import ServerSelectionTimeoutError

from falcon_scheduler.adapters.mongo.client import Database, open_database
from falcon_scheduler.adapters.redis.client import open_redis
from falcon_scheduler.deployments.stack.embedded import EmbeddedStack
from tests.conftest import PATIENCE_SECONDS

NOBODY = "mongodb://127.0.0.1:1/"
TURNS = 60
"""Of the event loop; longer than a first call takes, which connects."""

Call = Callable[[], Awaitable[object]]


@asynccontextmanager
async def redis_call() -> AsyncIterator[Call]:
    password = os.environ["REDIS_PASSWORD"]
    async with open_redis("127.0.0.1", int(os.environ["REDIS_PORT"]), password, 0) as redis:
        yield lambda: redis.get("nobody has this key")


@asynccontextmanager
async def mongo_call() -> AsyncIterator[Call]:
    async with open_database(os.environ["MONGODB_URI"], "falcon") as database:
        yield lambda: database.command("ping")


@pytest.mark.parametrize("opened", [redis_call, mongo_call])
@pytest.mark.parametrize("is_connected", [False, True])
async def test_a_cancellation_is_heeded_in_whichever_turn_of_the_loop_it_comes(
    stack: EmbeddedStack, opened: Callable[[], AbstractAsyncContextManager[Call]], is_connected: bool
) -> None:
    async def again_and_again(call: Call) -> None:
        while True:
            await call()
            await asyncio.sleep(0)

    for turns in range(TURNS):
        async with opened() as call:
            if is_connected:
                await call()
            task = asyncio.create_task(again_and_again(call))
            for _ in range(turns):
                await asyncio.sleep(0)
            task.cancel()
            done, _ = await asyncio.wait([task], timeout=PATIENCE_SECONDS)
            assert done, f"cancelled in turn {turns}, it goes on"
            assert task.cancelled()


async def cancelled_twice(database: Database) -> None:
    """A call that is cancelled again before it has ended, as AnyIO does it."""
    call = asyncio.create_task(database.command("ping"))
    await asyncio.sleep(0.01)
    for _ in range(2):
        call.cancel()
        await asyncio.sleep(0)
    await asyncio.wait([call])
    assert call.cancelled()


async def test_after_calls_that_were_cancelled_again_and_again_the_next_ones_are_answered() -> None:
    async with asyncio.timeout(PATIENCE_SECONDS), open_database(NOBODY, "falcon", timeout_seconds=0.5) as database:
        await asyncio.gather(*(cancelled_twice(database) for _ in range(10)))
        with pytest.raises(ServerSelectionTimeoutError):
            await database.command("ping")
