"""Finds runs whose process died, ends them in both stores, and frees what they held.

A run reports every few seconds that it is alive (`core.services.runs.pulse`). `look` is called often; a run is dead
when it has not reported over enough checks. The time without a report is the sum of the times between two successful
checks, never a difference of clocks: a clock that jumps, a store that was away and a facade that was frozen end no
run.
"""

from __future__ import annotations

import logging
import time
from collections.abc import AsyncIterator, Collection, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta

from falcon_scheduler.core.domain.execution import Execution, ExecutionStatus
from falcon_scheduler.core.domain.outcome import DIED_ERROR, NEVER_BEGAN_ERROR, STALE_ERROR, ExecutionOutcome
from falcon_scheduler.core.domain.retry import delay_before_retry
from falcon_scheduler.core.domain.run import Run, RunPhase
from falcon_scheduler.core.domain.task import Source, Task
from falcon_scheduler.core.domain.task_definition import Overlap
from falcon_scheduler.core.ports import Clock, ExecutionStore, Runs, TaskStore
from falcon_scheduler.core.services.duty import Duty, Periodic
from falcon_scheduler.core.services.mirror.fault_isolation import FaultIsolation
from falcon_scheduler.core.services.mirror.mirror import Mirror
from falcon_scheduler.core.services.mirror.run_pictures import picture_of
from falcon_scheduler.core.services.runs.counting import OutcomeCounting

logger = logging.getLogger(__name__)

LOOK_INTERVAL = timedelta(seconds=3)
LONGEST_STEP = timedelta(seconds=4)
"""The most that one step between two checks adds to the time without a report."""
SILENT_FOR = timedelta(seconds=12)
"""A run that was silent for this long is dead. Four beats of the pulse."""
UNSETTLED_FOR = timedelta(seconds=9)
"""How long a run whose execution has ended may take to report its end to the engine itself."""


@dataclass(frozen=True, slots=True)
class Silence:
    """For how long a run has shown the same sign of life."""

    sign: object
    lasted: timedelta = timedelta()
    watched: timedelta = timedelta()
    """For how long the run has been checked, with any result."""


class Rescuer:
    """Keeps what it saw last in memory, no more than there are runs at work."""

    def __init__(
        self,
        *,
        tasks: TaskStore,
        executions: ExecutionStore,
        runs: Runs,
        counting: OutcomeCounting,
        mirror: Mirror,
        clock: Clock,
        stale_timeout: timedelta,
    ) -> None:
        self._tasks = tasks
        self._executions = executions
        self._runs = runs
        self._counting = counting
        self._mirror = mirror
        self._clock = clock
        self._stale_timeout = stale_timeout
        self._silences: dict[str, Silence] = {}
        self._unclaimed: Collection[str] = ()
        """Executions without a claim that were running at the last look."""
        self._looked_at: float | None = None
        self._isolation = FaultIsolation()

    def duty(self) -> Duty:
        """The check, as a duty."""
        return Periodic("look for the dead", self.look, LOOK_INTERVAL)

    async def look(self) -> None:
        """Check every running run once. When that fails, the time since the last check does not count."""
        began_at = time.monotonic()
        since = timedelta(seconds=began_at - self._looked_at) if self._looked_at is not None else timedelta()
        self._looked_at = None
        step = min(since, LONGEST_STEP)
        silences: dict[str, Silence] = {}
        patience = await self._runs.claim_patience()
        async for runs in self._begun(silences.keys()):
            tasks = await self._tasks.of_deployments({run.deployment_id for run in runs if run.deployment_id})
            known = await self._executions.of_ids([run.id for run in runs])
            for run in runs:
                task = tasks.get(run.deployment_id or "")
                if task is None or task.source is Source.IMPORT:
                    continue
                execution = known.get(run.id)
                silence = self._silence_of(run, execution, step)
                silences[run.id] = silence
                with self._isolation.one("end run", run.id):
                    if silence.lasted >= self._allowance(run, execution, patience):
                        await self._bury(task, run, execution, "")
                    elif silence.watched >= self._longest(task) and run.phase is RunPhase.RUNNING:
                        await self._bury(task, run, execution, STALE_ERROR)
        self._silences = silences
        self._looked_at = began_at

    async def _begun(self, seen: Collection[str]) -> AsyncIterator[Sequence[Run]]:
        """Runs at work. Those that the engine does not know as such yet come last, without those seen before.

        A run without a claim is `WAITING` in the engine for a second at most: only one that runs for two looks is
        worth a question.
        """
        async for runs in self._runs.at_work():
            yield runs
        before, self._unclaimed = self._unclaimed, await self._executions.unclaimed()
        lasting = sorted({*self._unclaimed}.intersection(before).difference(seen))
        if lasting:
            yield [*(await self._runs.of_ids(lasting)).values()]

    def _silence_of(self, run: Run, execution: Execution | None, step: timedelta) -> Silence:
        sign = (run.phase, execution.status if execution else None, execution.heartbeat_at if execution else None)
        before = self._silences.get(run.id)
        if before is None:
            return Silence(sign)
        if before.sign != sign:
            return Silence(sign, watched=before.watched + step)
        return replace(before, lasted=before.lasted + step, watched=before.watched + step)

    @staticmethod
    def _allowance(run: Run, execution: Execution | None, claim_patience: timedelta) -> timedelta:
        if execution is not None and execution.status.is_terminal:
            return UNSETTLED_FOR
        if not _has_begun(run, execution):
            return claim_patience
        return SILENT_FOR

    def _longest(self, task: Task) -> timedelta:
        """A run that reports for longer than this is stuck: its own timeouts should have ended it long ago."""
        definition = task.definition
        delays = timedelta()
        for number in range(1, definition.max_retries + 1):
            delays += delay_before_retry(number, definition.retry_interval)
        queued = self._stale_timeout if definition.overlap is Overlap.QUEUE else timedelta()
        return max(self._stale_timeout, definition.timeout * (definition.max_retries + 1) + delays * 2) + queued

    async def _bury(self, task: Task, run: Run, execution: Execution | None, error: str) -> None:
        if execution is None or not execution.status.is_terminal:
            ended = self._end(task, run, execution, error)
            if run.phase is RunPhase.WAITING:  # nothing would find it here any more once its execution has ended
                await self._runs.conclude(ended, died=True)
            if not await self._counting.finish(ended):  # it wrote its own end just now
                return
            logger.warning("Execution %s of task %s died: %s", ended.id, task.id, ended.error)
        else:
            ended = execution
            logger.warning("Run %s ended as %s and Prefect does not know; reporting it", run.id, ended.status)
        if run.phase is not RunPhase.WAITING:
            await self._runs.conclude(ended, died=ended is not execution)
        await self._mirror.free_lock(ended)

    def _end(self, task: Task, run: Run, execution: Execution | None, error: str) -> Execution:
        now = self._clock.now()
        base = execution or picture_of(task, run, now)
        if run.cancelling:
            return base.cancelled(now)
        error = error or (DIED_ERROR if _has_begun(run, execution) else NEVER_BEGAN_ERROR)
        return base.failed(now, error, ExecutionOutcome.CRASHED)


def _has_begun(run: Run, execution: Execution | None) -> bool:
    """Whether its work has begun. The engine learns of it later than the history, and not at all of a short run."""
    begun = execution is not None and execution.status is ExecutionStatus.RUNNING
    return begun or run.phase is not RunPhase.CLAIMED
