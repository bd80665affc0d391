"""Uses the stores as a run does, before any fork: what a first use pays for is then paid for all runs at once.

That is modules loaded late, keys derived from a password, and functions that the interpreter adapts once they have
been called a few times. What it asks for does not exist, so nothing is changed.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress
from datetime import UTC, datetime, timedelta

from falcon_scheduler.adapters.settings import Settings
from falcon_scheduler.adapters.wiring import Stores, open_stores
from falcon_scheduler.core.errors import SchedulerError

ROUNDS = 10
"""Python 3.11 adapts a function to its arguments after eight calls."""
_PATIENCE = timedelta(seconds=3)
_NOBODY = "rehearsal"
"""The id of no task and no execution."""


def rehearse(settings: Settings) -> None:
    """Leaves no connection, thread or loop behind. While a store is away it gives up: runs work without it."""
    with suppress(SchedulerError, TimeoutError):
        asyncio.run(_rehearse(settings))


async def _rehearse(settings: Settings) -> None:
    async with asyncio.timeout(_PATIENCE.total_seconds()):
        for _ in range(ROUNDS):
            async with open_stores(settings) as stores:
                await _use(stores)


async def _use(stores: Stores) -> None:
    await stores.tasks.of_deployments([_NOBODY])
    await stores.executions.of_ids([_NOBODY])
    await stores.executions.note(_NOBODY, heartbeat_at=datetime.now(UTC))
    await stores.locks.release_of(_NOBODY, _NOBODY)
