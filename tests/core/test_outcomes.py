"""Each end is reported once: in order, late, after a failure, and while thousands end in a minute."""

from __future__ import annotations

from collections.abc import AsyncIterator, Container, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from falcon_scheduler.core.domain.execution import Execution
from falcon_scheduler.core.domain.task import Task
from falcon_scheduler.core.errors import Unavailable
from falcon_scheduler.core.services.mirror.outcomes import LOOK_BACK, LOOK_BACK_INTERVAL, OutcomeFeed
from tests.fakes.clock import NOON, SetClock
from tests.fakes.execution_store import MemoryExecutionStore
from tests.fakes.records import MemoryOutcomeLog, MemoryWatermark
from tests.fakes.stores import MemoryTaskStore
from tests.stores.samples import a_task, ended

SECOND = timedelta(seconds=1)


class CountedLog(MemoryOutcomeLog):
    """Counts the ends that it had to read."""

    read = 0

    async def ended_since(self, instant: datetime, known: Container[str] = ()) -> AsyncIterator[Execution]:
        async for execution in super().ended_since(instant):
            self.read += 1
            if execution.id not in known:
                yield execution


class World:
    """A feed at noon, and what it has reported."""

    def __init__(self) -> None:
        self.clock = SetClock(NOON)
        self.tasks = MemoryTaskStore()
        self.executions = MemoryExecutionStore(self.tasks)
        self.log = CountedLog(self.tasks, self.executions)
        self.watermark = MemoryWatermark()
        self.reported: list[str] = []
        self.is_away = False
        self.feed = self.another()

    def another(self) -> OutcomeFeed:
        """The feed of another leader."""
        return OutcomeFeed(
            log=self.log, tasks=self.tasks, watermark=self.watermark, clock=self.clock, observers=[self._observe]
        )

    async def _observe(self, ended: Sequence[tuple[Task, Execution]]) -> None:
        if self.is_away:
            raise Unavailable("MongoDB")
        self.reported.extend(execution.id for _, execution in ended)

    async def end(self, task: Task, at: datetime) -> str:
        """An execution of the task ended at that instant, and is written now."""
        execution = replace(ended(task.id), completed_at=at)
        await self.executions.finish_all([execution])
        return execution.id

    async def wait(self, by: timedelta) -> None:
        """The feed follows once a second for so long."""
        until = self.clock.now() + by
        while self.clock.now() < until:
            self.clock.advance(SECOND)
            await self.feed.follow()


@pytest.fixture
def world() -> World:
    return World()


async def test_an_end_that_is_written_late_or_by_a_slow_clock_is_reported_once(world: World) -> None:
    task = await world.tasks.insert(a_task())
    await world.wait(2 * LOOK_BACK)
    prompt = await world.end(task, world.clock.now())
    await world.wait(SECOND)
    late = [await world.end(task, world.clock.now() - behind) for behind in (5 * SECOND, LOOK_BACK / 2)]
    await world.wait(LOOK_BACK_INTERVAL)
    assert world.reported[0] == prompt
    assert sorted(world.reported[1:]) == sorted(late)
    await world.wait(2 * LOOK_BACK)
    assert len(world.reported) == 3


async def test_ends_are_reported_again_until_everybody_has_taken_them(world: World) -> None:
    task = await world.tasks.insert(a_task())
    await world.wait(SECOND)
    world.is_away = True
    end = await world.end(task, world.clock.now())
    for _ in range(40):
        world.clock.advance(SECOND)
        with pytest.raises(Unavailable):
            await world.feed.follow()
    world.is_away = False
    await world.wait(LOOK_BACK)
    assert world.reported == [end]


async def test_a_new_leader_reports_what_ended_since_the_last_report(world: World) -> None:
    task = await world.tasks.insert(a_task())
    await world.wait(SECOND)
    first = await world.end(task, world.clock.now())
    await world.wait(SECOND)
    world.clock.advance(timedelta(minutes=10))
    second = await world.end(task, world.clock.now() - timedelta(minutes=5))
    world.feed = world.another()
    await world.wait(LOOK_BACK)
    assert [*dict.fromkeys(world.reported)] == [first, second]


async def test_ends_of_a_task_that_is_gone_hold_up_no_others(world: World) -> None:
    task = await world.tasks.insert(a_task())
    await world.wait(SECOND)
    await world.end(a_task(), world.clock.now())
    end = await world.end(task, world.clock.now())
    await world.wait(SECOND)
    assert world.reported == [end]


async def test_a_busy_minute_is_not_read_again_each_second(world: World) -> None:
    """It would be sixty times what ended, so the busier the service, the later all else."""
    task = await world.tasks.insert(a_task())
    await world.wait(SECOND)
    ends = []
    for _ in range(120):
        ends += [await world.end(task, world.clock.now()) for _ in range(10)]
        await world.wait(SECOND)
    assert world.reported == ends
    assert world.log.read < 10 * len(ends)
