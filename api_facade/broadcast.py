"""One reader of the event log for all streams of this process, and a bounded queue for each of them.

The reader is at work while somebody watches. A watcher that can't keep up, and every watcher once the log can't be
read, is let go: its client comes again with the last position that it has, and gets what it missed, or is asked to
read anew.
"""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import timedelta

from falcon_scheduler.api_facade.rates import TooManyRequests
from falcon_scheduler.core.errors import Unavailable
from falcon_scheduler.core.ports.events import EventLog, Recorded

logger = logging.getLogger(__name__)

MOST_WATCHERS = 150
"""In one process: well below the connections that it has (`api_facade.connections`), so that streams, which stay open
by design, leave room for everybody else."""
MOST_OF_ONE_USER = 12
MOST_BATCHES = 200
"""That wait for one watcher."""
RETRY_AFTER = timedelta(seconds=30)

Batch = Sequence[Recorded]
Queue = asyncio.Queue[Batch | None]
"""None ends the stream."""


class Broadcast:
    """Hands what the log says to all who watch."""

    def __init__(self, log: EventLog) -> None:
        self._log = log
        self._watchers: dict[Queue, str] = {}
        self._reading: asyncio.Task[None] | None = None

    @asynccontextmanager
    async def watch(self, user: str, after: str | None) -> AsyncIterator[tuple[Batch | None, Queue]]:
        """What was missed since `after` (None: it is not kept any more), and a queue of what comes from now on.

        Raises:
            TooManyRequests: this process, or this user, has as many streams as it may.
            Unavailable: the log can't be read.
        """
        if len(self._watchers) >= MOST_WATCHERS or Counter(self._watchers.values())[user] >= MOST_OF_ONE_USER:
            raise TooManyRequests(RETRY_AFTER)
        queue: Queue = asyncio.Queue(MOST_BATCHES)
        self._watchers[queue] = user
        try:
            await self._read()
            missed: Batch | None = () if after is None else await self._log.after(after)
            yield missed, queue
        finally:
            self._watchers.pop(queue, None)
            if not self._watchers and self._reading is not None:
                self._reading.cancel()
                self._reading = None

    async def _read(self) -> None:
        if self._reading is None or self._reading.done():
            position = await self._log.newest()
            if self._reading is None or self._reading.done():  # another watcher may have started it in between
                self._reading = asyncio.create_task(self._follow(position))

    async def _follow(self, position: str) -> None:
        try:
            async for batch in self._log.follow(position):
                for queue in [*self._watchers]:
                    self._give(queue, batch)
        except Unavailable:
            logger.info("The event log can't be read; those who watch are let go")
        finally:
            for queue in [*self._watchers]:
                self._let_go(queue)

    def _give(self, queue: Queue, batch: Batch) -> None:
        try:
            queue.put_nowait(batch)
        except asyncio.QueueFull:
            self._let_go(queue)

    def _let_go(self, queue: Queue) -> None:
        while queue.full():
            queue.get_nowait()
        queue.put_nowait(None)
        self._watchers.pop(queue, None)
