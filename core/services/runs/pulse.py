"""The pulse of a run: every few seconds it writes that the run is alive, and extends the run's lock.

It runs in its own thread with its own connections, so that work that blocks the event loop (a plain function in C, a
long computation) is not taken for dead. A run shorter than one beat opens no connection for it. If a run was ended by
another process while it could not write (frozen, or cut off), the pulse stops its work as soon as it wakes.
"""

from __future__ import annotations

import asyncio
import logging
import os
import threading
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager, suppress
from dataclasses import replace
from datetime import datetime, timedelta

from falcon_scheduler.core.domain.execution import Execution, ExecutionStatus
from falcon_scheduler.core.errors import Unavailable
from falcon_scheduler.core.ports import Beginning, Clock, ExecutionStore, Lock, LockService
from falcon_scheduler.core.services.runs.run_types import LostError

logger = logging.getLogger(__name__)

BEAT = timedelta(seconds=3)
"""Time between beats. `core.services.mirror.rescuer` ends a run after four beats without a write."""
EXIT_LOST = 75
"""Exit code of a process whose work did not stop although its run had been ended elsewhere."""

Stores = tuple[ExecutionStore, LockService]


async def write_again(executions: ExecutionStore, execution: Execution, now: datetime) -> bool:
    """Write the start of a run that MongoDB does not know. False when it has ended. Raises `Unavailable`."""
    alive = replace(execution, heartbeat_at=now)
    if alive.status is ExecutionStatus.PENDING:
        return await executions.add(alive)
    return await executions.begin(alive) is Beginning.BEGUN


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
        """Beat until the context is left. No beat follows after that.

        The exit waits for the thread: a beat after the release of the lock would take the lock again, and the next
        run of the task would wait until it expires.

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
            # `uncancel` returns the cancellations that remain: a user may have cancelled the run besides us.
            raise LostError from None
        finally:
            heart.stopped.set()
            await asyncio.shield(heart.over)
            heart.thread.join()


class _Heart:
    """The thread of one pulse."""

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
        self.over: asyncio.Future[None] = self._loop.create_future()
        """Done when the thread has nothing left to do but to end."""
        self._work = asyncio.current_task()

    def start(self) -> None:
        self.thread.start()

    def _live(self) -> None:
        while not self.stopped.wait(BEAT.total_seconds()):
            try:
                asyncio.run(self._beats())
            except Exception:
                logger.exception("The pulse of execution %s stumbled and goes on", self._execution.id)
        with suppress(RuntimeError):  # nobody waits: the loop has been closed
            self._loop.call_soon_threadsafe(self.over.set_result, None)

    async def _beats(self) -> None:
        async with self._open_stores() as (executions, locks):
            while not self.stopped.is_set():
                if not await self._report_alive(executions):
                    self._stop_work()
                    return
                if self._lock is not None:
                    await self._keep(locks, self._lock)
                await asyncio.to_thread(self.stopped.wait, BEAT.total_seconds())

    async def _report_alive(self, executions: ExecutionStore) -> bool:
        """Write a heartbeat; False when the execution has ended. Writes the start too if MongoDB missed it."""
        now = self._clock.now()
        try:
            if await executions.note(self._execution.id, heartbeat_at=now):
                return True
            if self.stopped.is_set():
                return True
            return await write_again(executions, self._execution, now)
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
        """Interrupt the work. If it goes on, end the process: another run of the task may have begun."""
        logger.warning("Execution %s has been ended by somebody else; stopping its work", self._execution.id)
        self.lost = True
        if self._work is not None:
            self._loop.call_soon_threadsafe(self._work.cancel)
        if not self.stopped.wait(self._grace.total_seconds()):
            os._exit(EXIT_LOST)
