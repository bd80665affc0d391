"""How many executions wait, from the engine's last count instead of one count for each request.

The number is the engine's last count and what was started here since. It errs by what other facades start, and by
what falls due or begins to work, between two counts. So `SCHEDULER_QUEUE_SIZE` holds up to what arrives elsewhere
within `KEPT_FOR`, or within `KEPT_NEARLY_FULL_FOR` once nine tenths of the places are taken. No request is refused
without a fresh count.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from datetime import timedelta

from falcon_scheduler.core.errors import QueueFull

KEPT_FOR = timedelta(seconds=5)
"""Age up to which a count is used."""
KEPT_NEARLY_FULL_FOR = timedelta(seconds=1)
"""The same when few places are left."""
NEARLY_FULL = 0.9


class WaitingCount:
    """Admits executions as long as fewer than `size` wait."""

    def __init__(
        self, count: Callable[[], Awaitable[int]], size: int, seconds: Callable[[], float] = time.monotonic
    ) -> None:
        """`count` reads from the engine how many wait; `seconds` is a monotonic clock."""
        self._count = count
        self._size = size
        self._seconds = seconds
        self._counted = 0
        self._counted_at = float("-inf")
        self._started = 0
        self._asking = asyncio.Lock()

    async def take_place(self) -> None:
        """Take a place for an execution that is about to be started. It is free again with the next count.

        Raises:
            QueueFull: that many wait already.
            Unavailable: the engine is away.
        """
        if self._is_old() or self._is_full():
            await self._count_anew(self._seconds())
        if self._is_full():
            raise QueueFull(self._size)
        self._started += 1

    async def _count_anew(self, wanted_at: float) -> None:
        """Count in the engine, unless another caller has since then: concurrent callers share one count."""
        async with self._asking:
            if not self._is_old() and (not self._is_full() or self._counted_at >= wanted_at):
                return
            began_at, started_before = self._seconds(), self._started
            self._counted = await self._count()
            self._counted_at = began_at
            self._started -= started_before  # what was started while the engine counted may be in its count or not

    def _is_full(self) -> bool:
        return self._counted + self._started >= self._size

    def _is_old(self) -> bool:
        nearly_full = self._counted + self._started >= NEARLY_FULL * self._size
        kept_for = KEPT_NEARLY_FULL_FOR if nearly_full else KEPT_FOR
        return self._seconds() - self._counted_at > kept_for.total_seconds()
