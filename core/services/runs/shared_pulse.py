"""One pulse for all runs of a lane: every few seconds one write says that they live, and one extends their locks.

Like `pulse.Pulse` it has a thread and connections of its own, so that a blocked event loop is not taken for dead; who
watches the lane ends such a loop. Runs shorter than one beat take no part in it.
"""

from __future__ import annotations

import asyncio
import logging
import os
import threading
import time
from collections.abc import AsyncIterator, Callable, Collection, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta

from falcon_scheduler.core.domain.execution import Execution
from falcon_scheduler.core.errors import Unavailable
from falcon_scheduler.core.ports import Clock, ExecutionStore, Lock, LockService
from falcon_scheduler.core.services.runs.pulse import BEAT, EXIT_LOST, Stores, write_again
from falcon_scheduler.core.services.runs.run_types import LostError

logger = logging.getLogger(__name__)


@dataclass(eq=False, slots=True)
class _Beating:
    """A run that is kept alive."""

    execution: Execution
    lock: Lock | None
    ttl: timedelta
    loop: asyncio.AbstractEventLoop
    work: asyncio.Task[object] | None
    began_at: float = field(default_factory=time.monotonic)
    stopped: bool = False
    lost: bool = False

    def stop_work(self) -> None:
        """Interrupt the run. For the thread of the pulse."""
        logger.warning("Execution %s has been ended by somebody else; stopping its work", self.execution.id)
        self.loop.call_soon_threadsafe(self._interrupt)

    def _interrupt(self) -> None:
        if self.work is not None and not self.stopped and not self.lost:
            self.lost = True
            self.work.cancel()


class SharedPulse:
    """Call it to get a context in which a run is kept alive, like `pulse.Pulse`. Its thread starts with the first."""

    def __init__(
        self,
        open_stores: Callable[[], AbstractAsyncContextManager[Stores]],
        clock: Clock,
        grace: timedelta = timedelta(seconds=10),
    ) -> None:
        """`grace` is how long a run that was ended elsewhere may take to stop. After that the process exits."""
        self._open_stores = open_stores
        self._clock = clock
        self._grace = grace
        self._beating: set[_Beating] = set()
        self._in_round: Collection[_Beating] = ()
        self._changes = threading.Condition()
        self._exits: set[asyncio.Task[None]] = set()
        self._thread: threading.Thread | None = None

    @asynccontextmanager
    async def __call__(self, execution: Execution, lock: Lock | None, ttl: timedelta) -> AsyncIterator[None]:
        """Beat until the context is left. No beat of this run follows after that.

        Raises:
            LostError: the execution has been ended by somebody else; the work was interrupted.
        """
        beating = _Beating(execution, lock, ttl, asyncio.get_running_loop(), asyncio.current_task())
        self._add(beating)
        try:
            yield
        except asyncio.CancelledError:
            work = asyncio.current_task()
            if not beating.lost or (work is not None and work.uncancel()):
                raise
            raise LostError from None
        finally:
            beating.stopped = True
            if self._remove(beating):  # a beat after the release of the lock would take the lock again
                await asyncio.shield(asyncio.to_thread(self._wait_out, beating))

    def _add(self, beating: _Beating) -> None:
        with self._changes:
            self._beating.add(beating)
            if self._thread is None:
                self._thread = threading.Thread(target=self._live, name="pulse", daemon=True)
                self._thread.start()

    def _remove(self, beating: _Beating) -> bool:
        """Whether a beat of it is being written at this moment."""
        with self._changes:
            self._beating.discard(beating)
            return beating in self._in_round

    def _wait_out(self, beating: _Beating) -> None:
        with self._changes:
            self._changes.wait_for(lambda: beating not in self._in_round)

    def _live(self) -> None:
        while True:
            try:
                asyncio.run(self._beat())
            except Exception:
                logger.exception("The pulse stumbled and goes on")
                time.sleep(BEAT.total_seconds())

    async def _beat(self) -> None:
        async with self._open_stores() as (executions, locks):
            while True:
                await asyncio.sleep(BEAT.total_seconds())
                due = self._begin_round()
                try:
                    if due:
                        await self._round(due, executions, locks)
                finally:
                    self._end_round()

    def _begin_round(self) -> list[_Beating]:
        latest = time.monotonic() - BEAT.total_seconds()
        with self._changes:
            due = [each for each in self._beating if each.began_at <= latest and not each.lost]
            self._in_round = frozenset(due)
        return due

    def _end_round(self) -> None:
        with self._changes:
            self._in_round = ()
            self._changes.notify_all()

    async def _round(self, due: Sequence[_Beating], executions: ExecutionStore, locks: LockService) -> None:
        try:
            lost = await self._report_alive(due, executions)
        except Unavailable:
            logger.warning("MongoDB is away; %d runs go on", len(due))
            lost = []
        for each in lost:
            each.stop_work()
            exiting = asyncio.create_task(self._exit_unless_stopped(each))
            self._exits.add(exiting)
            exiting.add_done_callback(self._exits.discard)
        kept = [(each.lock, each.ttl) for each in due if each.lock is not None and not each.stopped and not each.lost]
        try:
            for lock in await locks.extend_all(kept):
                logger.warning("Another run asks for the lock of task %s, which Redis has lost", lock.task_id)
        except Unavailable:
            logger.warning("Redis is away; %d locks can't be extended", len(kept))

    async def _report_alive(self, due: Sequence[_Beating], executions: ExecutionStore) -> list[_Beating]:
        """Write a heartbeat of all. Returns those that have been ended. Writes starts too that MongoDB missed."""
        now = self._clock.now()
        missing = await executions.note_alive([each.execution.id for each in due], now)
        return [
            each
            for each in due
            if each.execution.id in missing
            and not each.stopped
            and not await write_again(executions, each.execution, now)
            and not each.stopped
        ]

    async def _exit_unless_stopped(self, beating: _Beating) -> None:
        """A run that does not stop is a run beside the one that replaced it: the lane ends with it."""
        await asyncio.sleep(self._grace.total_seconds())
        if not beating.stopped:
            os._exit(EXIT_LOST)
