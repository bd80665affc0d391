"""The leader: any list of duties, done by whoever holds the office."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import timedelta

import pytest

from falcon_scheduler.api_facade.leader import Leader
from falcon_scheduler.api_facade.office import Office
from falcon_scheduler.core.errors import Unavailable
from falcon_scheduler.core.ports import Lease
from falcon_scheduler.core.services.alerts.duty_watch import DutyWatch
from falcon_scheduler.core.services.duty import Periodic
from tests.conftest import wait_until

SOON = timedelta(milliseconds=5)


class GivenLease(Lease):
    """A lease that the test gives, takes away and lets be unreachable, as no Redis does at a given moment."""

    def __init__(self) -> None:
        self.is_ours: bool | None = True
        self.given_up = 0

    async def hold(self, name: str, holder: str, ttl: timedelta) -> bool:
        if self.is_ours is None:
            raise Unavailable("Redis")
        return self.is_ours

    async def give_up(self, name: str, holder: str) -> None:
        if self.is_ours is None:
            raise Unavailable("Redis")
        self.given_up += 1


def office_of(lease: Lease) -> Office:
    return Office(lease, renewal=SOON)


class Counted:
    """A duty that counts its attempts and may fail or wait."""

    def __init__(self, *, error: Exception | None = None) -> None:
        self.times = self.forgotten = 0
        self.error = error

    async def work(self) -> None:
        self.times += 1
        if self.error is not None:
            raise self.error

    def duty(self, name: str = "count") -> Periodic:
        def forget() -> None:
            self.forgotten += 1

        return Periodic(name, self.work, SOON, forget)

    async def goes_on(self) -> None:
        """Until it has been done twice more."""
        before = self.times
        await until(lambda: self.times >= before + 2)


async def until(condition: Callable[[], bool]) -> None:
    async def holds() -> bool:
        return condition()

    await wait_until(holds, "it is so")


@pytest.fixture
def watch() -> DutyWatch:
    return DutyWatch(alerts=None, probes=[])  # type: ignore[arg-type]  # nobody looks at it here


@asynccontextmanager
async def at_work(leader: Leader) -> AsyncIterator[None]:
    working = asyncio.create_task(leader.run())
    try:
        yield
    finally:
        working.cancel()
        await asyncio.gather(working, return_exceptions=True)


async def test_duties_wait_for_the_preparation_and_those_that_need_none_do_not(watch: DutyWatch) -> None:
    preparation, early, late = Counted(error=Unavailable("MongoDB")), Counted(), Counted()
    leader = Leader(
        office=office_of(GivenLease()),
        preparation=preparation.duty("prepare"),
        duties=[late.duty()],
        at_once=[early.duty()],
        watch=watch,
    )
    async with at_work(leader):
        await preparation.goes_on()
        await early.goes_on()
        assert late.times == 0
        preparation.error = None
        await late.goes_on()
        done = preparation.times
        await late.goes_on()
        assert preparation.times == done, "once is enough"


async def test_a_duty_that_fails_is_repeated_and_stops_no_other(watch: DutyWatch) -> None:
    duties = [Counted(error=RuntimeError("a defect")), Counted(error=Unavailable("Prefect")), Counted()]
    leader = Leader(
        office=office_of(GivenLease()),
        preparation=Counted().duty("prepare"),
        duties=[each.duty(str(number)) for number, each in enumerate(duties)],
        watch=watch,
    )
    async with at_work(leader):
        for each in duties:
            await each.goes_on()


async def test_who_loses_the_office_stops_and_forgets_and_begins_again_with_the_office(watch: DutyWatch) -> None:
    lease, duty, is_leading = GivenLease(), Counted(), [False]
    leader = Leader(
        office=office_of(lease),
        preparation=Counted().duty("prepare"),
        duties=[duty.duty()],
        watch=watch,
        note_leading=lambda held: is_leading.__setitem__(0, held),
    )
    async with at_work(leader):
        await duty.goes_on()
        assert is_leading == [True]
        lease.is_ours = False
        await until(lambda: duty.forgotten == 1)
        done = duty.times
        await asyncio.sleep(10 * SOON.total_seconds())
        assert (duty.times, is_leading) == (done, [False])
        lease.is_ours = True
        await duty.goes_on()
    assert lease.given_up == 1


async def test_while_redis_is_away_every_facade_does_the_duties(watch: DutyWatch) -> None:
    lease, duty = GivenLease(), Counted()
    lease.is_ours = None
    leader = Leader(office=office_of(lease), preparation=Counted().duty("prepare"), duties=[duty.duty()], watch=watch)
    async with at_work(leader):
        await duty.goes_on()
    assert duty.forgotten == 0
