"""Concurrent work that ends cleanly: workers over one stream, and work that must not stop half way."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from datetime import timedelta
from typing import TypeVar

from falcon_scheduler.core.errors import Unavailable
from falcon_scheduler.core.retrying import retried

T = TypeVar("T")

CANCEL_GRACE = timedelta(milliseconds=800)
"""How long a cancelled run may still finish a write that is under way; a cancel must be over within a second."""
INSISTING_PAUSES = [timedelta(seconds=seconds) for seconds in (0.5, 1, 2, 4, 8)]
"""Between the tries of a write that must not be lost."""


async def for_each(items: AsyncIterator[T], work: Callable[[T], Awaitable[None]], workers: int) -> None:
    """Do `work` on every item, `workers` at a time. The stream is read no further ahead than there are workers.

    Raises:
        Exception: the first that the stream or the work raised; the other workers are cancelled first.
    """
    turn = asyncio.Lock()

    async def worker() -> None:
        while True:
            async with turn:
                try:
                    item = await anext(items)
                except StopAsyncIteration:
                    return
            await work(item)

    try:
        async with asyncio.TaskGroup() as group:
            for _ in range(workers):
                group.create_task(worker())
    except ExceptionGroup as failures:
        raise _first(failures) from failures


def _first(failures: ExceptionGroup[Exception]) -> Exception:
    failure = failures.exceptions[0]
    return _first(failure) if isinstance(failure, ExceptionGroup) else failure


async def complete(
    work: Coroutine[object, object, T],
    grace: timedelta = CANCEL_GRACE,
    on_cancel: Callable[[], object] = lambda: None,
) -> T:
    """Await work that should not stop half way: on cancel it is given `grace` to end before it is cancelled too.

    `on_cancel` is called the moment the cancel comes, so that the work can leave out what it has not begun.
    """
    task = asyncio.ensure_future(work)
    try:
        return await asyncio.shield(task)
    except asyncio.CancelledError:
        on_cancel()
        await asyncio.wait({task}, timeout=grace.total_seconds())
        if not task.done():
            task.cancel()
            await asyncio.wait({task}, timeout=0.1)
        elif not task.cancelled():
            task.exception()  # read, or asyncio reports it as never retrieved; only the cancellation matters
        raise


async def insist(write: Callable[[], Awaitable[T]]) -> T:
    """Make a write that must not be lost: while its part is away, again after each of `INSISTING_PAUSES`.

    Raises:
        Unavailable: it was still away at the last try.
    """
    return await retried(write, on=(Unavailable,), pauses=INSISTING_PAUSES)


class OutageGuard:
    """Ends a run when the server is evidently away, instead of a request for every single item.

    Many failures in a row mean an outage (or the daily downtime); a few among successes do not.
    """

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._streak = 0

    def succeeded(self) -> None:
        """The server answered."""
        self._streak = 0

    def failed(self, error: Unavailable) -> None:
        """The server did not answer, all retries included.

        Raises:
            Unavailable: the very error given, when it is one too many in a row.
        """
        self._streak += 1
        if self._streak >= self._limit:
            raise error
