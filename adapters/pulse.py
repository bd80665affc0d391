"""The pulse of a run: it says every few seconds that the run lives, and keeps the run's lock.

It beats in a thread of its own with connections of its own, so that work that blocks the event loop (a plain
function in C, a long computation) does not look dead. A run shorter than one beat never opens a connection for it.
"""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from datetime import timedelta

from core.errors import Unavailable
from core.ports import Clock, ExecutionStore, Lock, LockService

logger = logging.getLogger(__name__)

BEAT = timedelta(seconds=5)
"""Time between beats. The mirror takes a run for dead after six that it did not hear."""

Stores = tuple[ExecutionStore, LockService]


class Pulse:
    """Call it to get a context in which it beats: `async with pulse(execution_id, lock, ttl)`."""

    def __init__(self, open_stores: Callable[[], AbstractAsyncContextManager[Stores]], clock: Clock) -> None:
        self._open_stores = open_stores
        self._clock = clock

    @asynccontextmanager
    async def __call__(self, execution_id: str, lock: Lock | None, ttl: timedelta) -> AsyncIterator[None]:
        """Beat until the context is left; no beat follows after that, so a lock that is given back stays so."""
        stopped = threading.Event()
        thread = threading.Thread(
            target=self._wait_and_beat, args=(stopped, execution_id, lock, ttl), name="pulse", daemon=True
        )
        thread.start()
        try:
            yield
        finally:
            stopped.set()
            await asyncio.shield(asyncio.to_thread(thread.join))

    def _wait_and_beat(self, stopped: threading.Event, execution_id: str, lock: Lock | None, ttl: timedelta) -> None:
        if stopped.wait(BEAT.total_seconds()):
            return
        asyncio.run(self._beats(stopped, execution_id, lock, ttl))

    async def _beats(self, stopped: threading.Event, execution_id: str, lock: Lock | None, ttl: timedelta) -> None:
        async with self._open_stores() as (executions, locks):
            while not stopped.is_set():
                await self._say_alive(executions, execution_id)
                if lock is not None:
                    await self._keep(locks, lock, ttl)
                await asyncio.to_thread(stopped.wait, BEAT.total_seconds())

    async def _say_alive(self, executions: ExecutionStore, execution_id: str) -> None:
        try:
            await executions.note(execution_id, heartbeat_at=self._clock.now())
        except Unavailable:
            logger.warning("MongoDB is away; the run goes on")

    async def _keep(self, locks: LockService, lock: Lock, ttl: timedelta) -> None:
        try:
            if not await locks.extend(lock, ttl):
                logger.error("The lock of task %s went to another holder while this run was at work", lock.task_id)
        except Unavailable:
            logger.warning("Redis is away; the lock of task %s can't be extended", lock.task_id)
