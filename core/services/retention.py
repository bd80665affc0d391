"""Removes old history, in MongoDB and in the engine, without touching what counts.

Counters live on the tasks, so removing executions does not change them. The last execution of each task stays,
however old. Source: eve-modules, "Task cleanup"; design, "Executions".
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import timedelta

from core.ports import Clock, ExecutionStore, RunEngine

BATCH = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class Removed:
    """How many were removed where."""

    executions: int
    runs: int


class RetentionService:
    """Deletes in batches, so that it can be cancelled between two and never holds a server for long."""

    def __init__(self, *, executions: ExecutionStore, engine: RunEngine, clock: Clock) -> None:
        self._executions = executions
        self._engine = engine
        self._clock = clock

    async def clean(
        self,
        keep_for: timedelta,
        *,
        spare: frozenset[str] = frozenset(),
        on_progress: Callable[[int], Awaitable[None]] | None = None,
    ) -> Removed:
        """Remove ended executions and runs older than `keep_for`, except those in `spare`."""
        before = self._clock.now() - keep_for
        keep = spare | frozenset((await self._executions.latest_of_tasks()).values())
        executions = runs = 0
        while removed := await self._executions.delete_ended_before(before, keep=keep, limit=BATCH):
            executions += removed
            if on_progress is not None:
                await on_progress(executions)
        while removed := await self._engine.delete_runs_ended_before(before, limit=200):
            runs += removed
            if on_progress is not None:
                await on_progress(executions + runs)
        return Removed(executions=executions, runs=runs)
