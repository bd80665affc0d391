"""Has the drivers of Redis and MongoDB heed each cancellation, whenever it comes.

Both wait with `asyncio.wait_for`, which before Python 3.12 does so in a task of its own. It drops a cancellation that
comes in the same turn of the loop as the end of that task (python/cpython 86296). A worker that got its SIGTERM while
it sent a command to Redis went on for ever. And of a caller that is cancelled twice the driver of MongoDB leaves its
lock to that task, which takes the lock again and ends without releasing it: every later call of the process waits for
ever. AnyIO, so Starlette too, cancels again and again until a task ends. Seen with redis-py 8.1 and PyMongo 4.20 on
Python 3.11.7.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Awaitable
from typing import Any

_of_python = asyncio.wait_for


async def _wait_here(awaited: Awaitable[Any], timeout: float | None) -> Any:
    """What `asyncio.wait_for` is from Python 3.12 on: it waits in the task of the caller."""
    if timeout is not None and timeout <= 0:
        return await _of_python(awaited, timeout)
    async with asyncio.timeout(timeout):
        return await awaited


def heed_cancellations() -> None:
    """Have everything in this process wait in the task of its caller. Without effect from Python 3.12 on."""
    if sys.version_info < (3, 12):
        asyncio.wait_for = _wait_here  # type: ignore[assignment]  # it takes what the driver gives
