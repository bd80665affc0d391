"""The check of the chaos run: that each fate in the ledger is true."""

from __future__ import annotations

from dataclasses import replace

from falcon_scheduler.core.domain.execution import ExecutionStatus
from falcon_scheduler.core.domain.occurrence import Fate
from tests.chaos.ledger import untrue
from tests.core.ledger_world import MINUTE, World, a_task, ran
from tests.fakes.clock import NOON


async def test_the_check_of_the_chaos_run_finds_each_untrue_fate() -> None:
    world = World()
    task = a_task()
    task = replace(task, definition=replace(task.definition, type="function"))
    await world.put(task)
    await world.begins()
    done = [ran(minute).ended(ExecutionStatus.COMPLETED, NOON + 9 * MINUTE) for minute in (0, 1, 5)]
    await world.put(*done)
    await world.passes(9)
    await world.settles()
    begun, end = {each.id for each in done}, NOON + 9 * MINUTE
    fates = await world.fates()
    assert untrue(task, fates, begun, NOON, end) == []
    assert len(untrue(task, fates, set(), NOON, end)) == 3, "these ended well and did no work"
    assert len(untrue(task, fates[1:], begun, NOON, end)) == 1, "an instant without a fate"
    assert len(untrue(task, [*fates, fates[0]], begun, NOON, end)) == 1, "an instant with two"
    skipped = [replace(fates[0], fate=Fate.SKIPPED), *fates[1:]]
    assert len(untrue(task, skipped, begun, NOON, end)) == 1, "work that was done for a skipped instant"
