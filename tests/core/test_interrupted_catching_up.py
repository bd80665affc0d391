"""Whatever fails while an outage is settled or a late run is counted, the same instants are owed, once each.

See `test_interrupted_operations`.
"""

from __future__ import annotations

from dataclasses import replace

import pytest

from falcon_scheduler.core.domain.catch_up import CatchUpRules
from tests.core.ledger_world import World, ran
from tests.core.test_after_outage import LAST, MINUTE, an_outage, owed_minutes, too_late
from tests.fakes.clock import NOON
from tests.fakes.faults import Fault, Faults
from tests.fakes.shop import Kept, Shop
from tests.fakes.trials import survived


@pytest.mark.parametrize("kind", Fault)
async def test_whatever_fails_while_an_outage_is_settled_the_same_instants_are_owed_once(kind: Fault) -> None:
    number, happened = 1, True
    while happened:
        world = World(faults=Faults())
        await an_outage(world, LAST)
        world.faults.kind, world.faults.at, world.faults.number = kind, number, 0
        await survived(world.settles())
        happened = bool(world.faults.happened)
        world.faults.at = None
        before = world.tasks.rows["t"]
        for each in before.owed:  # and some had started in between, as no other facade may
            assert each.held_until is not None
            settled = await world.watermark.read("ledger")
            assert settled is not None
            if settled >= each.held_until:
                await world.put(before.no_longer_owing([each]), replace(ran(25, late=3 * MINUTE), id="caught up"))
        await world.settles()
        later = world.tasks.rows["t"]
        started = "caught up" in world.executions.rows
        assert owed_minutes(later) == ([] if started else [25]), f"{kind} at call {number}"
        missed = sum(each.count for each in await world.fates() if each.fate == "missed")
        assert missed == (23 if started else 24), f"{kind} at call {number}"
        number += 1
    assert number > 5


async def test_a_second_settling_that_was_frozen_owes_nothing_more() -> None:
    world = World()
    await an_outage(world, LAST)
    await world.settles()
    task = world.tasks.rows["t"]
    await world.put(task.no_longer_owing(task.owed), ran(25, late=3 * MINUTE))
    await world.watermark.write("ledger", NOON)  # where the frozen one had read it
    await world.settles()
    assert world.tasks.rows["t"].owed == ()


@pytest.mark.parametrize("kind", Fault)
async def test_a_late_run_whose_count_is_interrupted_is_owed_once(kind: Fault) -> None:
    number, happened = 1, True
    while happened:
        kept = Kept()
        shop = Shop(kept, Faults())
        task = await shop.task(catch_up=CatchUpRules(after_outage=LAST))
        at = kept.clock.now()
        for minute in (0, 1):
            late = too_late(minute, at=at + 9 * MINUTE)
            await kept.executions.add(replace(ran(minute), task_id=task.id, occurrence=""))
            faults = Faults(kind=kind, at=number)
            await survived(Shop(kept, faults).counting.finish(replace(late, task_id=task.id)))
            happened = bool(faults.happened)
            await Shop(kept, Faults()).counting.finish(replace(late, task_id=task.id))
            await Shop(kept, Faults()).counting.count([kept.executions.rows[late.id]])
        assert owed_minutes(kept.tasks.rows[task.id]) == [1], f"{kind} at call {number}"
        number += 1
    assert number > 2
