"""Times in which nothing could run are stored from the first look on, whichever facade looks."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from falcon_scheduler.core.domain.explanation import Cause
from falcon_scheduler.core.domain.workforce import OnlineWorker, Workforce
from falcon_scheduler.core.errors import Unavailable
from falcon_scheduler.core.ports.ledger import Outage
from falcon_scheduler.core.services.ledger.standstills import LOOK_INTERVAL, Standstills
from tests.core.explained_world import World
from tests.fakes.clock import NOON, SetClock

HOUR = timedelta(hours=1)
NOBODY = Workforce(workers=[])
SOMEBODY = Workforce(workers=[OnlineWorker(name="w", slots=1)])
PAUSED = Workforce(workers=SOMEBODY.workers, is_paused=True)


class Looks:
    """One facade after another looks at the workers, each time an interval after the time before."""

    def __init__(self) -> None:
        self.world = World()
        self.world.clock = SetClock(NOON)
        self.next_leader()

    def next_leader(self) -> None:
        world = self.world

        async def workforce() -> Workforce:
            return world.workforce

        self.standstills = Standstills(store=world.store, workforce=workforce, clock=world.clock)

    async def see(self, *workforces: Workforce) -> None:
        for workforce in workforces:
            self.world.workforce = workforce
            await self.standstills.look()
            self.world.clock.advance(LOOK_INTERVAL)

    async def stored_queues(self) -> list[tuple[str, float, float]]:
        """Each paused queue with the numbers of the looks between which it was paused."""
        found = await self.world.store.outages(NOON - HOUR, NOON + HOUR)
        spans = [(each.queue, each.since - NOON, each.until - NOON) for each in found if each.queue]
        return [(queue, since / LOOK_INTERVAL, until / LOOK_INTERVAL) for queue, since, until in spans]

    async def stored(self) -> list[tuple[Cause, float, float]]:
        """Each cause with the numbers of the looks between which it held; without workers from three looks before."""

        def number(outage: Outage, end: str) -> float:
            return float((getattr(outage, end) - NOON) / LOOK_INTERVAL)

        found = await self.world.store.outages(NOON - HOUR, NOON + HOUR)
        return [(each.cause, number(each, "since"), number(each, "until")) for each in found]


async def test_workers_that_are_there_leave_nothing() -> None:
    looks = Looks()
    await looks.see(SOMEBODY, SOMEBODY)
    assert await looks.stored() == []


async def test_it_begins_before_a_worker_was_last_seen_and_ends_when_one_is_seen_again() -> None:
    looks = Looks()
    await looks.see(SOMEBODY, NOBODY)
    assert await looks.stored() == [(Cause.NO_WORKER, -3, 1)]
    await looks.see(NOBODY, SOMEBODY, SOMEBODY, SOMEBODY)
    assert await looks.stored() == [(Cause.NO_WORKER, -3, 3)]


def taking_runs(began: float, seen: float) -> Workforce:
    """One worker, with the numbers of the looks at which it began and last reported."""
    worker = replace(SOMEBODY.workers[0], began_at=NOON + began * LOOK_INTERVAL, seen_at=NOON + seen * LOOK_INTERVAL)
    return Workforce(workers=[worker])


async def test_it_begins_with_the_last_sign_of_life_where_workers_report_one() -> None:
    looks = Looks()
    await looks.see(taking_runs(-9, -0.5), NOBODY, taking_runs(1.5, 2))
    assert await looks.stored() == [(Cause.NO_WORKER, -0.5, 2)]


async def test_workers_that_ended_and_were_replaced_between_two_looks_leave_the_time_without_one() -> None:
    looks = Looks()
    await looks.see(taking_runs(-9, -0.5), taking_runs(0.75, 1), taking_runs(0.75, 2))
    assert await looks.stored() == [(Cause.NO_WORKER, -0.5, 0.75)]


@pytest.mark.parametrize(
    "others",
    [
        Workforce(workers=[*taking_runs(-9, 1).workers, *taking_runs(0.75, 1).workers]),
        Workforce(workers=[*SOMEBODY.workers, *taking_runs(0.75, 1).workers]),
        taking_runs(-0.75, 1),
    ],
    ids=["one stayed", "one reports nothing", "it began before the other ended"],
)
async def test_a_worker_that_may_have_been_there_leaves_no_time_without_one(others: Workforce) -> None:
    looks = Looks()
    await looks.see(taking_runs(-9, -0.5), others)
    assert await looks.stored() == []


async def test_a_paused_pool_has_a_name_of_its_own_also_when_its_workers_leave() -> None:
    looks = Looks()
    await looks.see(SOMEBODY, PAUSED, PAUSED, NOBODY, NOBODY, SOMEBODY)
    assert await looks.stored() == [(Cause.POOL_PAUSED, 0, 3), (Cause.NO_WORKER, 3, 5)]


async def test_each_paused_queue_has_a_time_of_its_own_which_another_leader_goes_on_with() -> None:
    looks = Looks()
    low, both = (replace(SOMEBODY, paused_queues=queues) for queues in (["low"], ["low", "high"]))
    await looks.see(SOMEBODY, low, both)
    looks.next_leader()
    await looks.see(both, low, NOBODY, SOMEBODY)
    assert sorted(await looks.stored_queues()) == [("high", 1, 4), ("low", 0, 5)]
    assert (Cause.NO_WORKER, 1, 6) in await looks.stored()


@pytest.mark.parametrize("ends_with", [NOBODY, SOMEBODY])
async def test_another_leader_goes_on_with_what_the_former_one_has_stored(ends_with: Workforce) -> None:
    looks = Looks()
    await looks.see(SOMEBODY, NOBODY, NOBODY)
    looks.next_leader()
    await looks.see(NOBODY, NOBODY, ends_with)
    assert await looks.stored() == [(Cause.NO_WORKER, -3, 5)]


async def test_a_leader_that_comes_long_afterwards_begins_another_time() -> None:
    looks = Looks()
    await looks.see(SOMEBODY, NOBODY)
    looks.world.clock.advance(98 * LOOK_INTERVAL)
    looks.next_leader()
    await looks.see(NOBODY, SOMEBODY)
    assert await looks.stored() == [(Cause.NO_WORKER, -3, 1), (Cause.NO_WORKER, 97, 101)]


async def test_while_prefect_does_not_answer_nothing_is_stored() -> None:
    looks = Looks()
    await looks.see(SOMEBODY, NOBODY)

    async def away() -> Workforce:
        raise Unavailable("Prefect")

    standstills = Standstills(store=looks.world.store, workforce=away, clock=looks.world.clock)
    with pytest.raises(Unavailable):
        await standstills.look()
    assert await looks.stored() == [(Cause.NO_WORKER, -3, 1)]
