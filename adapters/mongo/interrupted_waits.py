"""Keeps the driver at work when calls are cancelled while it waits for a server.

The driver waits with `asyncio.wait_for`, which before Python 3.12 does so in a task of its own. If the caller is
cancelled twice, it leaves its lock to that task, which takes the lock again and ends without releasing it. From then
on every call of the process waits for ever. AnyIO, so Starlette too, cancels again and again until a task ends: one
client that hangs up while MongoDB is away is enough. Seen with PyMongo 4.20 on Python 3.11.7.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Awaitable
from typing import Any

import pymongo.lock


async def _wait_here(awaited: Awaitable[Any], timeout: float | None) -> Any:
    """What `asyncio.wait_for` is from Python 3.12 on: it waits in the task of the caller."""
    async with asyncio.timeout(timeout):
        return await awaited


def keep_locks_when_cancelled() -> None:
    """Have the driver wait in the task of its caller. Without effect from Python 3.12 on."""
    if sys.version_info < (3, 12):
        setattr(pymongo.lock, "wait_for", _wait_here)  # noqa: B010 - a name that the module does not export
