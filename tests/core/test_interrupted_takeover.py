"""Whatever call of a takeover fails, and however: the next start completes it, and today's runs are added once.

See `test_interrupted_operations`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, timedelta

import pytest

from falcon_scheduler.core.domain.record import DayCounts
from falcon_scheduler.core.domain.takeover import ForeignCounts, Takeover
from falcon_scheduler.core.services.tasks.takeover import TakeoverService
from tests.fakes.faults import Fault, Faults
from tests.fakes.shop import ADMIN, Kept, Shop
from tests.fakes.trials import survived


class MemoryTakeoverRecord:
    """See `core.ports.takeover.TakeoverRecord`."""

    def __init__(self) -> None:
        self.written: list[Takeover] = []

    async def read(self) -> Takeover | None:
        return self.written[-1] if self.written else None

    async def write(self, takeover: Takeover) -> None:
        self.written.append(takeover)


class Foreign:
    """See `core.ports.takeover.ForeignDatabase`: one task with an end of today and two executions without an end.

    As in MongoDB, a task that was written since is not the other scheduler's any more.
    """

    def __init__(self, kept: Kept, task_id: str) -> None:
        self.kept = kept
        self.task_id = task_id
        self.revision = kept.tasks.rows[task_id].revision
        self.unfinished = 2

    async def counts(self) -> ForeignCounts:
        if self.kept.tasks.rows[self.task_id].revision != self.revision:
            return ForeignCounts(tasks=0, executions=0, unfinished=0)
        return ForeignCounts(tasks=1, executions=3, unfinished=self.unfinished)

    async def end_leftovers(self, error: str) -> int:
        ended, self.unfinished = self.unfinished, 0
        return ended

    async def ends_on(self, day: date) -> Mapping[str, DayCounts]:
        return {self.task_id: DayCounts(day=day, completed=1), "deleted since": DayCounts(day=day, completed=1)}

    async def begun_since(self, instant: datetime, limit: int) -> Sequence[str]:
        return []


@pytest.mark.parametrize("kind", Fault)
async def test_the_next_start_completes_a_takeover_that_was_interrupted(kind: Fault) -> None:
    for number in range(1, 30):
        kept = Kept()
        task = await Shop(kept, Faults()).task()
        foreign, record = Foreign(kept, task.id), MemoryTakeoverRecord()

        def service(shop: Shop, foreign: Foreign = foreign, record: MemoryTakeoverRecord = record) -> TakeoverService:
            return TakeoverService(
                tasks=shop.through(shop.kept.tasks),
                foreign=shop.through(foreign),
                record=shop.through(record),
                clock=shop.kept.clock,
                audit=shop.audit,
                grace=timedelta(days=1),
            )

        faults = Faults(kind=kind, at=number)
        succeeded = await survived(service(Shop(kept, faults)).take_over(ADMIN))
        if not faults.happened:
            assert succeeded
            assert number > 6
            return
        for _ in range(2):
            taken_over = await service(Shop(kept, Faults())).take_over(ADMIN)
        assert taken_over is not None
        assert taken_over == record.written[-1]
        found = (taken_over.tasks, taken_over.executions, taken_over.leftovers)
        assert (found, taken_over.is_complete) == ((1, 3, 2), True), faults.happened
        assert foreign.unfinished == 0, faults.happened
        today = kept.tasks.rows[task.id].record.today
        assert today == DayCounts(day=kept.clock.now().astimezone(UTC).date(), completed=1), faults.happened
    raise AssertionError("the takeover makes more calls than expected")
