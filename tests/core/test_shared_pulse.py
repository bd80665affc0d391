"""One pulse keeps all runs of a lane alive, and stops those that were ended elsewhere."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta

import pytest

from falcon_scheduler.core.domain.execution import ExecutionStatus
from falcon_scheduler.core.ports import ExecutionStore, LockService
from falcon_scheduler.core.services.runs import shared_pulse
from falcon_scheduler.core.services.runs.run_types import LostError
from falcon_scheduler.core.services.runs.shared_pulse import SharedPulse
from tests.conftest import wait_until
from tests.fakes.clock import SetClock
from tests.fakes.execution_store import MemoryExecutionStore
from tests.fakes.locks import MemoryLockService
from tests.fakes.stores import MemoryTaskStore
from tests.stores.samples import ended, running

TTL = timedelta(minutes=5)


class Lane:
    """A pulse on stores in memory, whose clock shows an instant at which no execution began."""

    def __init__(self) -> None:
        self.clock = SetClock()
        self.clock.advance(timedelta(hours=1))
        self.executions = MemoryExecutionStore(MemoryTaskStore())
        self.locks = MemoryLockService(self.clock)
        self.pulse = SharedPulse(self._open, self.clock)

    @asynccontextmanager
    async def _open(self) -> AsyncIterator[tuple[ExecutionStore, LockService]]:
        yield self.executions, self.locks

    async def has_beaten(self, execution_id: str) -> None:
        async def look() -> bool:
            known = self.executions.rows.get(execution_id)
            return known is not None and known.heartbeat_at == self.clock.now()

        await wait_until(look, f"execution {execution_id} was kept alive")


@pytest.fixture
def lane(monkeypatch: pytest.MonkeyPatch) -> Lane:
    monkeypatch.setattr(shared_pulse, "BEAT", timedelta(seconds=0.02))
    return Lane()


async def test_every_run_is_kept_alive_with_its_lock_until_it_leaves(lane: Lane) -> None:
    first, second = running("task 1"), running("task 2")
    for each in (first, second):
        await lane.executions.begin(each)
    lock = await lane.locks.acquire("task 1", first.id, TTL)
    assert lock is not None
    async with lane.pulse(second, None, TTL):
        async with lane.pulse(first, lock, TTL):
            lane.clock.advance(timedelta(minutes=4))
            await lane.has_beaten(first.id)
            lane.clock.advance(timedelta(minutes=4))
            await lane.has_beaten(first.id)
            assert await lane.locks.holder("task 1") == first.id
        await lane.locks.release(lock)
        lane.clock.advance(timedelta(minutes=4))
        await lane.has_beaten(second.id)
        assert await lane.locks.holder("task 1") is None
        assert lane.executions.rows[first.id].heartbeat_at != lane.clock.now()


async def test_a_start_that_the_history_missed_is_written_with_the_first_beat(lane: Lane) -> None:
    begun = running()
    async with lane.pulse(begun, None, TTL):
        await lane.has_beaten(begun.id)
    assert lane.executions.rows[begun.id].status is ExecutionStatus.RUNNING


async def test_a_run_that_was_ended_elsewhere_is_stopped_and_the_others_go_on(lane: Lane) -> None:
    lost, other = running(), running()
    await lane.executions.finish(ended(id=lost.id))
    await lane.executions.begin(other)

    async def work() -> None:
        async with lane.pulse(lost, None, TTL):
            await asyncio.Event().wait()

    async with lane.pulse(other, None, TTL):
        with pytest.raises(LostError):
            await asyncio.create_task(work())
        lane.clock.advance(timedelta(minutes=1))
        await lane.has_beaten(other.id)
