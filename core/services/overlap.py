"""Whose turn it is: the lock of a task, and what happens when another execution holds it.

The Redis lock decides. When Redis is away the engine's limit of one run per task stands in, and the run goes on
with a warning. Source: design, "Running work" and "Tasks".
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta

from core.domain.task import Overlap, Task
from core.domain.work import WorkLog
from core.errors import Unavailable
from core.ports import Clock, Lock, LockService

GRACE = timedelta(seconds=60)
"""How much longer than an attempt a lock lives when nobody extends it."""
WAIT_SECONDS = 0.5


@dataclass(frozen=True, slots=True, kw_only=True)
class Turn:
    """Whether a run may go on, and with which lock (None when Redis is away)."""

    granted: bool
    key: str = ""
    reason: str = ""
    fencing_token: int = 0
    lock: Lock | None = None
    ttl: timedelta = timedelta()


class OverlapRule:
    """Grants turns. The grace of a cancellation bounds how long a newer run waits for the one it replaces."""

    def __init__(
        self,
        *,
        locks: LockService,
        cancel: Callable[[str], Awaitable[None]],
        clock: Clock,
        cancel_grace: timedelta,
    ) -> None:
        self._locks = locks
        self._cancel = cancel
        self._clock = clock
        self._cancel_grace = cancel_grace

    @asynccontextmanager
    async def turn(self, task: Task, execution_id: str, log: WorkLog) -> AsyncIterator[Turn]:
        """The run's turn; its lock is given back at the end, whatever happens."""
        turn = await self._ask(task, execution_id, log)
        try:
            yield turn
        finally:
            if turn.lock is not None:
                await asyncio.shield(self._give_back(turn.lock, log))

    async def _ask(self, task: Task, execution_id: str, log: WorkLog) -> Turn:
        ttl = task.definition.timeout + GRACE
        try:
            lock = await self._locks.acquire(task.id, execution_id, ttl)
            if lock is None and task.definition.overlap is Overlap.QUEUE:
                lock = await self._wait(task, execution_id, ttl, None)
            elif lock is None and task.definition.overlap is Overlap.CANCEL_RUNNING:
                lock = await self._replace(task, execution_id, ttl, log)
            if lock is None:
                holder = await self._locks.holder(task.id)
                return Turn(granted=False, reason=f"Execution {holder or 'of another worker'} is still running")
        except Unavailable:
            log.warning("Redis is away; running under the limit of one run per task instead of the lock")
            return Turn(granted=True)
        return Turn(granted=True, key=lock.key, fencing_token=lock.fencing_token, lock=lock, ttl=ttl)

    async def _replace(self, task: Task, execution_id: str, ttl: timedelta, log: WorkLog) -> Lock | None:
        holder = await self._locks.holder(task.id)
        if holder is not None and holder != execution_id:
            log.info("Cancelling execution %s, which is still running", holder)
            await self._cancel(holder)
        return await self._wait(task, execution_id, ttl, self._cancel_grace + timedelta(seconds=20))

    async def _wait(self, task: Task, execution_id: str, ttl: timedelta, patience: timedelta | None) -> Lock | None:
        patience_ends_at = None if patience is None else self._clock.now() + patience
        while patience_ends_at is None or self._clock.now() < patience_ends_at:
            lock = await self._locks.acquire(task.id, execution_id, ttl)
            if lock is not None:
                return lock
            await asyncio.sleep(WAIT_SECONDS)
        return None

    async def _give_back(self, lock: Lock, log: WorkLog) -> None:
        try:
            await self._locks.release(lock)
        except Unavailable:
            log.warning("Redis is away; the lock of the task expires by itself")
