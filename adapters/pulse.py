"""The pulse of a run: it says every few seconds that the run lives, and keeps the run's lock.

It beats in a thread of its own with connections of its own, so that work that blocks the event loop (a plain
function in C, a long computation) does not look dead. A run shorter than one beat never opens a connection for it.
A run that was ended by somebody else while it could not be heard is stopped here as soon as it wakes.
"""

from __future__ import annotations

import asyncio
import logging
import os
import threading
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import replace
from datetime import timedelta

from falcon_scheduler.core.domain.execution import Execution, ExecutionStatus
from falcon_scheduler.core.errors import Unavailable
from falcon_scheduler.core.ports import Beginning, Clock, ExecutionStore, Lock, LockService
from falcon_scheduler.core.services.runs.run_types import LostError

logger = logging.getLogger(__name__)

BEAT = timedelta(seconds=3)
"""Time between beats. A run is taken for dead after four that nobody heard (`core.services.mirror.rescuer`)."""
EXIT_LOST = 75
"""Exit code of a process whose work would not stop although its run had been ended elsewhere."""

Stores = tuple[ExecutionStore, LockService]


class Pulse:
    """Call it to get a context in which it beats: `async with pulse(execution, lock, ttl)`."""

    def __init__(
        self,
        open_stores: Callable[[], AbstractAsyncContextManager[Stores]],
        clock: Clock,
        grace: timedelta = timedelta(seconds=10),
    ) -> None:
        self._open_stores = open_stores
        self._clock = clock
        self._grace = grace

    @asynccontextmanager
    async def __call__(self, execution: Execution, lock: Lock | None, ttl: timedelta) -> AsyncIterator[None]:
        """Beat until the context is left; no beat follows after that, so a lock that is given back stays so.

        Raises:
            LostError: the execution has been ended by somebody else; the work was interrupted.
        """
        heart = _Heart(execution, lock, ttl, self._clock, self._open_stores, self._grace)
        heart.start()
        try:
            yield
        except asyncio.CancelledError:
            work = asyncio.current_task()
            if not heart.lost or (work is not None and work.uncancel()):
                raise
            raise LostError from None
        finally:
            heart.stopped.set()
            await asyncio.shield(asyncio.to_thread(heart.thread.join))


class _Heart:
    """One beating."""

    def __init__(
        self,
        execution: Execution,
        lock: Lock | None,
        ttl: timedelta,
        clock: Clock,
        open_stores: Callable[[], AbstractAsyncContextManager[Stores]],
        grace: timedelta,
    ) -> None:
        self.stopped = threading.Event()
        self.thread = threading.Thread(target=self._live, name="pulse", daemon=True)
        self.lost = False
        self._execution = execution
        self._lock = lock
        self._ttl = ttl
        self._clock = clock
        self._open_stores = open_stores
        self._grace = grace
        self._loop = asyncio.get_running_loop()
        self._work = asyncio.current_task()

    def start(self) -> None:
        self.thread.start()

    def _live(self) -> None:
        while not self.stopped.wait(BEAT.total_seconds()):
            try:
                asyncio.run(self._beats())
            except Exception:
                logger.exception("The pulse of execution %s stumbled and goes on", self._execution.id)

    async def _beats(self) -> None:
        async with self._open_stores() as (executions, locks):
            while not self.stopped.is_set():
                if not await self._say_alive(executions):
                    self._stop_work()
                    return
                if self._lock is not None:
                    await self._keep(locks, self._lock)
                await asyncio.to_thread(self.stopped.wait, BEAT.total_seconds())

    async def _say_alive(self, executions: ExecutionStore) -> bool:
        """False when the execution has ended. One that MongoDB was away for when it began is written now."""
        now = self._clock.now()
        try:
            if await executions.note(self._execution.id, heartbeat_at=now):
                return True
            if self.stopped.is_set():
                return True
            alive = replace(self._execution, heartbeat_at=now)
            if alive.status is ExecutionStatus.PENDING:
                return await executions.add(alive)
            return await executions.begin(alive) is Beginning.BEGUN
        except Unavailable:
            logger.warning("MongoDB is away; the run goes on")
            return True

    async def _keep(self, locks: LockService, lock: Lock) -> None:
        try:
            if not await locks.extend(lock, self._ttl):
                logger.warning("Another run asks for the lock of task %s, which Redis has lost", lock.task_id)
        except Unavailable:
            logger.warning("Redis is away; the lock of task %s can't be extended", lock.task_id)

    def _stop_work(self) -> None:
        """Interrupt the work; end the process when the work does not listen."""
        logger.warning("Execution %s has been ended by somebody else; stopping its work", self._execution.id)
        self.lost = True
        if self._work is not None:
            self._loop.call_soon_threadsafe(self._work.cancel)
        if not self.stopped.wait(self._grace.total_seconds()):
            os._exit(EXIT_LOST)
