"""Waits for the end of an execution that somebody else performs, and ends it when they have died.

A run that the engine gave to nobody may be begun by two: by a worker that saw it before another claimed it, or
after a power cut by a worker that finds it scheduled still. The history lets one of them perform it. The other one
waits here and reports the same end to the engine, so that the run gets its end there whichever of the two lives on.
"""

from __future__ import annotations

import asyncio
import time

from falcon_scheduler.core.domain.execution import Execution, ExecutionStatus
from falcon_scheduler.core.domain.outcome import DIED_ERROR, ExecutionOutcome
from falcon_scheduler.core.domain.work import WorkLog
from falcon_scheduler.core.errors import Unavailable
from falcon_scheduler.core.ports import Clock, ExecutionStore
from falcon_scheduler.core.services.runs.counting import OutcomeCounting
from falcon_scheduler.core.services.runs.overlap import SILENT_FOR

LOOK_SECONDS = 0.5


def is_performed_elsewhere(known: Execution | None, performer: str) -> bool:
    """Whether somebody other than `performer` has begun it without the engine's claim."""
    return (
        known is not None
        and known.status is ExecutionStatus.RUNNING
        and known.performer != ""
        and known.performer != performer
    )


class Bystander:
    """Serves any number of runs."""

    def __init__(self, executions: ExecutionStore, counting: OutcomeCounting, clock: Clock) -> None:
        self._executions = executions
        self._counting = counting
        self._clock = clock

    async def wait(self, execution_id: str, log: WorkLog) -> None:
        """Return once the execution has ended or is gone. While MongoDB is away nobody counts as dead."""
        log.info("Execution %s is performed by another worker; waiting for its end", execution_id)
        sign, since = None, time.monotonic()
        while True:
            try:
                known = (await self._executions.of_ids([execution_id])).get(execution_id)
            except Unavailable:
                sign = None
            else:
                if known is None or known.status.is_terminal:
                    return
                if (known.performer, known.heartbeat_at) != sign:
                    sign, since = (known.performer, known.heartbeat_at), time.monotonic()
                elif time.monotonic() - since > SILENT_FOR.total_seconds() and await self._end(known, log):
                    return
            await asyncio.sleep(LOOK_SECONDS)

    async def _end(self, silent: Execution, log: WorkLog) -> bool:
        """End one whose performer has died. Whether MongoDB answered."""
        log.warning("Execution %s has given no sign of life; its worker has died", silent.id)
        try:
            await self._counting.finish(silent.failed(self._clock.now(), DIED_ERROR, ExecutionOutcome.CRASHED))
        except Unavailable:
            return False
        return True
