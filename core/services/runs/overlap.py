"""Whose turn it is: the lock of a task, and what happens when another execution is at work.

The Redis lock decides first, and quickly. It can be lost (Redis fails over, restarts empty), so before a run begins
MongoDB decides too, and its answer is final: one compare-and-set begins the run and checks that no other run of the
task is alive (`claim`). While Redis is away MongoDB alone decides, while both are away the engine's limit of one run
per task. Source: design, "Running work" and "Tasks".
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Collection
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, replace
from datetime import timedelta
from functools import partial

from falcon_scheduler.core.domain.task import Task
from falcon_scheduler.core.domain.task_definition import Overlap
from falcon_scheduler.core.domain.work import WorkLog
from falcon_scheduler.core.errors import ConcurrentChange, Unavailable
from falcon_scheduler.core.ports import ExecutionStore, Lock, LockService, TaskStore
from falcon_scheduler.core.services.runs.call_policy import decided, inform

GRACE = timedelta(seconds=60)
"""How much longer than an attempt a lock lives when it is not extended."""
WAIT_SECONDS = 0.5
ASKING_PATIENCE = timedelta(seconds=120)
"""How long the cancellation of the replaced run is retried while the engine is away."""
SILENT_FOR = timedelta(seconds=12)
"""An execution without a new sign of life for this long does not block another."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Turn:
    """Whether a run may go on, and with which lock (None when Redis is away).

    `task` is the task with the run among its active ones, None when MongoDB was away.
    """

    granted: bool
    key: str = ""
    held_by: str = ""
    """The execution in the way, if it is known; only of a turn that was not granted."""
    fencing_token: int = 0
    lock: Lock | None = None
    ttl: timedelta = timedelta()
    task: Task | None = None


Signs = dict[str, tuple[object, float]]
"""For each execution in the way its last sign of life, and since when (monotonic seconds) it has not changed."""
Claim = Callable[[Task, int], Task]
"""Puts the run on the task, given the lock's fencing number. Pure."""


class OverlapRule:
    """Grants turns. The grace of a cancellation bounds how long a newer run waits for the one it replaces."""

    def __init__(
        self,
        *,
        locks: LockService,
        tasks: TaskStore,
        executions: ExecutionStore,
        cancel: Callable[[str], Awaitable[None]],
        cancel_grace: timedelta,
    ) -> None:
        self._locks = locks
        self._tasks = tasks
        self._executions = executions
        self._cancel = cancel
        self._cancel_grace = cancel_grace

    @asynccontextmanager
    async def turn(
        self,
        task: Task,
        execution_id: str,
        claim: Claim,
        waiting: Callable[[], AbstractAsyncContextManager[object]],
        log: WorkLog,
        is_behind: Callable[[], Awaitable[bool]],
    ) -> AsyncIterator[Turn]:
        """The run's turn; its lock is released at the end in any case.

        Args:
            task: whose turn it is about.
            execution_id: the run.
            claim: puts the run on the task.
            waiting: entered while the run has to wait for another.
            log: the run's log.
            is_behind: whether an earlier requested run has begun; with `queue` that one goes first.
        """
        turn = await self._first_try(task, execution_id, claim, log)
        if not turn.granted and task.definition.overlap is not Overlap.SKIP:
            async with waiting():
                turn = await self._wait(task, execution_id, claim, log, is_behind)
        try:
            yield turn
        finally:
            if turn.lock is not None:
                await asyncio.shield(self._give_back(turn.lock, log))

    async def _first_try(self, task: Task, execution_id: str, claim: Claim, log: WorkLog) -> Turn:
        return await self._try(task, execution_id, claim, {}, log)

    async def _wait(
        self,
        task: Task,
        execution_id: str,
        claim: Claim,
        log: WorkLog,
        is_behind: Callable[[], Awaitable[bool]],
    ) -> Turn:
        """Until it is the run's turn; with `cancel_running`, no longer than a cancellation takes."""
        replaces = task.definition.overlap is Overlap.CANCEL_RUNNING
        takes_seconds = (self._cancel_grace + timedelta(seconds=20)).total_seconds()
        asking_ends_at = time.monotonic() + ASKING_PATIENCE.total_seconds()
        ends_at = time.monotonic() + takes_seconds
        signs: Signs = {}
        asked: set[str] = set()
        while True:
            if not replaces and await is_behind():
                await asyncio.sleep(WAIT_SECONDS)
                continue
            turn = await self._try(task, execution_id, claim, signs, log)
            if turn.granted or (replaces and time.monotonic() > ends_at):
                return turn
            if replaces and not await self._cancel_others(task, execution_id, signs.keys(), asked, log):
                ends_at = min(time.monotonic() + takes_seconds, asking_ends_at)
            await asyncio.sleep(WAIT_SECONDS)

    async def _cancel_others(
        self, task: Task, execution_id: str, alive: Collection[str], asked: set[str], log: WorkLog
    ) -> bool:
        """Cancel them. Returns whether each cancellation was sent; the others are sent in the next round."""
        try:
            holder = await self._locks.holder(task.id)
        except Unavailable:
            holder = None
        others = {*alive, *([holder] if holder else [])} - {execution_id} - asked
        for other in others:
            log.info("Cancelling execution %s, which is still running", other)
            if await inform(f"cancel execution {other}", partial(self._cancel, other), log):
                asked.add(other)
        return others <= asked

    async def _try(self, task: Task, execution_id: str, claim: Claim, signs: Signs, log: WorkLog) -> Turn:
        """One try: the lock, then MongoDB. A lock without a turn is released."""
        ttl = task.definition.timeout + GRACE
        lock: Lock | None = None
        try:
            lock = await self._locks.acquire(task.id, execution_id, ttl)
            if lock is None:
                holder = await self._locks.holder(task.id)
                return Turn(granted=False, held_by=holder or "")
        except Unavailable:
            log.warning("Redis is away; MongoDB and Prefect's limit keep the task from running twice")
        try:
            turn = await self._claim(task, execution_id, lock, claim, signs, log)
        except Exception:  # the task was deleted, or the run is not to begin
            if lock is not None:
                await self._give_back(lock, log)
            raise
        if not turn.granted and lock is not None:
            await self._give_back(lock, log)
        return turn

    async def _claim(
        self, task: Task, execution_id: str, lock: Lock | None, claim: Claim, signs: Signs, log: WorkLog
    ) -> Turn:
        """Put the run on the task in MongoDB, in one step with finding that no other run of it is alive."""
        turn = Turn(
            granted=True,
            key=lock.key if lock else "",
            fencing_token=lock.fencing_token if lock else 0,
            lock=lock,
            ttl=task.definition.timeout + GRACE,
        )
        over: set[str] = {execution_id}
        try:
            while True:
                standing: list[str] = []

                def take(each: Task, standing: list[str] = standing) -> Task:
                    standing[:] = [other for other in each.record.active if other not in over]
                    return each if standing else claim(each, turn.fencing_token)

                stored = await decided(partial(self._tasks.change, task.id, take, task), on=(ConcurrentChange,))
                if not standing:
                    if others := over - {execution_id}:
                        await self._executions.fence_off(sorted(others), stored.record.fencing_token)
                    return replace(turn, task=stored)
                alive = await self._alive(standing, signs)
                if alive:
                    return Turn(granted=False, held_by=alive[0])
                over.update(standing)
        except Unavailable:
            log.warning("MongoDB is away; the run goes on and its history follows later")
            return turn

    async def _alive(self, ids: list[str], signs: Signs) -> list[str]:
        """Those of the ids that have not ended and, over several checks, still give signs of life."""
        known = await self._executions.of_ids(ids)
        now, alive = time.monotonic(), []
        for each in ids:
            execution = known.get(each)
            if execution is not None and execution.status.is_terminal:
                signs.pop(each, None)
                continue
            sign = execution.heartbeat_at if execution is not None else None
            before = signs.get(each)
            if before is None or before[0] != sign:
                signs[each] = (sign, now)
                alive.append(each)
            elif now - before[1] < SILENT_FOR.total_seconds():
                alive.append(each)
        return alive

    async def _give_back(self, lock: Lock, log: WorkLog) -> None:
        try:
            await self._locks.release(lock)
        except Unavailable:
            log.warning("Redis is away; the lock of the task expires by itself")
