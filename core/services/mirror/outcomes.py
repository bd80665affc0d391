"""Hands on every end of an execution, once, to those who count and judge them.

Runs write their ends themselves, in processes of their own; they are found by the time at which they ended. An end
that the mirror writes for them may be old, so the mirror reports it itself (`note`). One instance at a time should
follow. A new leader continues at the watermark: ends that its predecessor was just reporting may be reported again.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime, timedelta

from falcon_scheduler.core.domain.execution import Execution
from falcon_scheduler.core.domain.task import Task
from falcon_scheduler.core.ports import Clock, TaskStore, Watermark
from falcon_scheduler.core.ports.outcomes import OutcomeLog
from falcon_scheduler.core.services.duty import Duty, Periodic

WATERMARK = "outcomes"
FOLLOW_INTERVAL = timedelta(seconds=1)
LOOK_BACK = timedelta(seconds=60)
"""How far behind the latest end to read again, for ends that were written late or by a clock that is behind."""
LOOK_BACK_INTERVAL = timedelta(seconds=15)
NEAR = timedelta(seconds=2)
"""How far to read again in between: a busy service has thousands of ends in a minute, and most come in order."""
TOLD_AT_ONCE = 200
MOST_NOTED = 10_000
"""Ends kept that the mirror reported; beyond that the oldest are dropped."""

Outcomes = Sequence[tuple[Task, Execution]]
Observer = Callable[[Outcomes], Awaitable[None]]


class OutcomeFeed:
    """Calls its observers one after the other. If one of them fails, all get the same ends again."""

    def __init__(
        self, *, log: OutcomeLog, tasks: TaskStore, watermark: Watermark, clock: Clock, observers: Sequence[Observer]
    ) -> None:
        self._log = log
        self._tasks = tasks
        self._watermark = watermark
        self._clock = clock
        self._observers = observers
        self._noted: dict[str, Execution] = {}
        self._reported: dict[str, datetime] = {}
        """Reported ends, with the time of the end or, if that is later, of the mirror's report."""
        self._seen_until: datetime | None = None
        self._looked_back_at: datetime | None = None
        self._began_from: datetime | None = None
        """Earlier ends were reported by the previous leader."""

    def note(self, ended: Sequence[Execution]) -> None:
        """The mirror has just written these ends."""
        self._noted |= {execution.id: execution for execution in ended}
        for execution_id in [*self._noted][:-MOST_NOTED]:
            del self._noted[execution_id]

    def duty(self) -> Duty:
        """Following, as a duty."""
        return Periodic("follow outcomes", self.follow, FOLLOW_INTERVAL)

    async def follow(self) -> None:
        """Report the ends since the last call. Raises `Unavailable`; the next call reports the same again."""
        now = self._clock.now()
        if self._seen_until is None or self._began_from is None:
            self._seen_until = self._began_from = await self._continue_from(now)
        looks_back = self._looked_back_at is None or now - self._looked_back_at >= LOOK_BACK_INTERVAL
        since = max(self._seen_until - (LOOK_BACK if looks_back else NEAR), self._began_from)
        await self._report([*self._noted.values()])
        batch: list[Execution] = []
        async for execution in self._log.ended_since(since, self._reported):
            batch.append(execution)
            if len(batch) == TOLD_AT_ONCE:
                await self._report(batch)
                batch = []
        await self._report(batch)
        if looks_back:
            self._looked_back_at = now
        keep_from = self._seen_until - 2 * LOOK_BACK  # as far back as the next read goes, and some more
        self._reported = {each: at for each, at in self._reported.items() if at > keep_from}

    async def _continue_from(self, now: datetime) -> datetime:
        """The end that the previous leader reported last. The very first leader records where it begins."""
        reported = await self._watermark.read(WATERMARK)
        if reported is None:
            await self._watermark.write(WATERMARK, now)
        return reported or now

    async def _report(self, ended: Sequence[Execution]) -> None:
        fresh = [execution for execution in ended if execution.id not in self._reported]
        if not fresh:
            return
        tasks = await self._tasks.of_ids({execution.task_id for execution in fresh})
        # A task that is missing was deleted in between, and its history goes too.
        outcomes = [(tasks[execution.task_id], execution) for execution in fresh if execution.task_id in tasks]
        for observer in self._observers:
            await observer(outcomes)
        now = self._clock.now()
        for execution in fresh:
            was_noted = self._noted.pop(execution.id, None) is not None
            self._reported[execution.id] = now if was_noted else execution.completed_at or now
        latest = max((execution.completed_at for execution in fresh if execution.completed_at), default=now)
        if self._seen_until is None or latest > self._seen_until:
            self._seen_until = min(latest, now)  # a clock that is ahead must not hide ends in between
            await self._watermark.write(WATERMARK, self._seen_until)
