"""Calls that are cancelled while the driver waits for a MongoDB that is away."""

from __future__ import annotations

import asyncio

import pytest
from pymongo.errors import ServerSelectionTimeoutError

from falcon_scheduler.adapters.mongo.client import Database, open_database
from tests.conftest import PATIENCE_SECONDS

NOBODY = "mongodb://127.0.0.1:1/"


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
