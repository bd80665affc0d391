"""How many executions may wait: admitted by a kept count, refused only by a fresh one."""

from __future__ import annotations

import asyncio

from falcon_scheduler.core.errors import QueueFull
from falcon_scheduler.core.services.runs.waiting_count import WaitingCount


class Engine:
    """Counts what waits, and how often it was asked."""

    def __init__(self, waiting: int = 0) -> None:
        self.waiting = waiting
        self.asked = 0

    async def count(self) -> int:
        self.asked += 1
        counted = self.waiting
        await asyncio.sleep(0.01)
        return counted


async def start(places: WaitingCount, engine: Engine) -> bool:
    """Take a place and start, as an execution does. False when refused."""
    try:
        await places.take_place()
    except QueueFull:
        return False
    engine.waiting += 1
    return True


async def test_many_executions_are_admitted_by_one_count_and_never_more_than_the_queue_holds() -> None:
    engine = Engine(waiting=40)
    places = WaitingCount(engine.count, 100)
    admitted = await asyncio.gather(*(start(places, engine) for _ in range(80)))
    assert (sum(admitted), engine.waiting) == (60, 100)
    before = engine.asked
    assert before < 25, "those that are refused share counts; those that are admitted need one"
    engine.waiting = 0
    assert all(await asyncio.gather(*(start(places, engine) for _ in range(50))))
    assert engine.asked == before + 1


async def test_a_queue_that_has_emptied_admits_at_once_however_small_it_is() -> None:
    engine = Engine()
    places = WaitingCount(engine.count, 1)
    assert await start(places, engine)
    assert not await start(places, engine)
    engine.waiting = 0
    assert await start(places, engine)


async def test_what_others_start_is_seen_once_the_count_is_old() -> None:
    engine, now = Engine(), 0.0
    places = WaitingCount(engine.count, 100, seconds=lambda: now)
    assert await start(places, engine)
    engine.waiting = 100
    now = 4.0
    assert await start(places, engine), "admitted by the count of 4 s ago"
    now = 6.0
    assert not await start(places, engine)
