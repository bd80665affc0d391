"""How many runs a worker begins: of each kind by its limit, and in the lane few of which Prefect does not know."""

from __future__ import annotations

from uuid import uuid4

import anyio

from falcon_scheduler.flows.worker.slots import MOST_SCHEDULED, Slots


async def test_runs_in_the_lane_and_in_processes_take_no_slots_of_each_other() -> None:
    limiter = anyio.CapacityLimiter(2)
    slots = Slots(limiter, limiter.release_on_behalf_of, lane_count=3)
    shared, own = uuid4(), uuid4()
    slots.take(shared, in_lane=True)
    slots.take(own, in_lane=False)
    assert (slots.free(in_lane=True), slots.free(in_lane=False), slots.total) == (2, 1, 5)
    slots.release(own)
    slots.release(shared)
    assert (slots.free(in_lane=True), slots.free(in_lane=False)) == (3, 2)


async def test_so_many_runs_that_prefect_calls_scheduled_hide_no_others_from_a_poll() -> None:
    limiter = anyio.CapacityLimiter(1)
    slots = Slots(limiter, limiter.release_on_behalf_of, lane_count=300)
    begun = [uuid4() for _ in range(MOST_SCHEDULED)]
    for run in begun:
        assert slots.free(in_lane=True) > 0
        slots.take(run, in_lane=True)
    assert slots.free(in_lane=True) == 0
    assert slots.free(in_lane=False) == 1
    slots.note_known(begun[0])  # it lasts, and is shown Running
    slots.note_known(begun[0])
    slots.release(begun[1])
    assert slots.free(in_lane=True) == 2
