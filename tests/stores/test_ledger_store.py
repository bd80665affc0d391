"""What every `LedgerStore` does, whatever server it is on."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from falcon_scheduler.adapters.mongo.client import Database
from falcon_scheduler.core.domain.execution import Execution, ExecutionStatus, Trigger
from falcon_scheduler.core.domain.explanation import Cause
from falcon_scheduler.core.domain.occurrence import Fate, Occurrence, Reason
from falcon_scheduler.core.domain.outcome import NEVER_BEGAN_ERROR, ExecutionOutcome
from falcon_scheduler.core.domain.skip import Skip
from falcon_scheduler.core.ports.ledger import LedgerStore, Outage
from tests.stores.conftest import StoresUnderTest
from tests.stores.samples import MINUTE, NOON, an_execution

HOUR = timedelta(hours=1)


@pytest.fixture
def store(stores: StoresUnderTest) -> LedgerStore:
    return stores.ledger


def scheduled(task_id: str = "t", minutes: int = 0, **fields: Any) -> Execution:
    """A pending execution that was due so many minutes after noon."""
    due_at = NOON + minutes * MINUTE
    return an_execution(task_id, minutes, trigger=Trigger.SCHEDULE, scheduled_for=due_at, **fields)


def begun(task_id: str = "t", minutes: int = 0) -> Execution:
    execution = scheduled(task_id, minutes, status=ExecutionStatus.RUNNING)
    return replace(execution, occurrence=f"{task_id}/{minutes}", fencing_token=1)


def missed(task_id: str = "t", minutes: int = 0, **fields: Any) -> Occurrence:
    given = {"reason": Reason.ENGINE_AWAY, **fields}
    return Occurrence.without_run(task_id, NOON + minutes * MINUTE, **given)


async def test_an_execution_is_the_fate_of_its_occurrence(stores: StoresUnderTest, store: LedgerStore) -> None:
    ran, waiting, by_hand = begun(minutes=0), scheduled(minutes=1), an_execution("t", 2)
    skipped = scheduled(minutes=3).skipped(Skip.still_running(ran.id), NOON)
    served = scheduled(minutes=0).skipped(Skip.already_served(), NOON)
    lost = scheduled(minutes=4).failed(NOON + HOUR, NEVER_BEGAN_ERROR, ExecutionOutcome.CRASHED)
    stopped = scheduled(minutes=5).cancelled(NOON + HOUR)
    for each in (ran, waiting, by_hand, skipped, served, lost, stopped, begun("other", 1)):
        await stores.executions.add(each)
    found = (await store.fates(NOON, NOON + HOUR, task_id="t")).found
    assert [(each.at, each.fate, each.reason, each.execution_id) for each in found] == [
        (NOON, Fate.RAN, None, ran.id),
        (NOON + MINUTE, Fate.WAITING, None, waiting.id),
        (NOON + 3 * MINUTE, Fate.SKIPPED, Reason.OVERLAP, skipped.id),
        (NOON + 4 * MINUTE, Fate.MISSED, Reason.WORKER_DIED, lost.id),
        (NOON + 5 * MINUTE, Fate.SKIPPED, Reason.CANCELLED, stopped.id),
    ]
    assert {each.task_id for each in (await store.fates(NOON, NOON + HOUR)).found} == {"t", "other"}
    instants_by_task = await store.served(NOON, NOON + 5 * MINUTE)
    assert {task_id: {*instants} for task_id, instants in instants_by_task.items()} == {
        "t": {NOON + minute * MINUTE for minute in (0, 1, 3, 4)},
        "other": {NOON + MINUTE},
    }
    assert [each.id for each in await store.executions("t", NOON)] == sorted([ran.id, served.id])


async def test_a_limit_never_cuts_between_executions_of_one_instant(
    stores: StoresUnderTest, store: LedgerStore
) -> None:
    for task_id, minutes in (("a", 0), ("b", 0), ("c", 0), ("a", 1)):
        await stores.executions.add(begun(task_id, minutes))
    first = await store.fates(NOON, NOON + HOUR, limit=2)
    assert [each.task_id for each in first.found] == ["a", "b", "c"]
    second = await store.fates(first.until, NOON + HOUR, limit=2)
    assert [each.at for each in second.found] == [NOON + MINUTE]
    assert second.until == NOON + HOUR
    within = await store.fates(NOON, NOON + HOUR, limit=4)
    assert (len(within.found), within.until) == (3, NOON + MINUTE)


async def test_entries_are_found_by_any_part_of_theirs(store: LedgerStore) -> None:
    row = missed(minutes=0, until=NOON + 9 * MINUTE, count=10, by="u", since=NOON, text="away")
    await store.add([row, missed(minutes=20), missed("other", 5, reason=Reason.PAUSED)])
    assert [*await store.entries(NOON + 9 * MINUTE, NOON + 10 * MINUTE, task_id="t")] == [row]
    assert [*await store.entries(NOON + 10 * MINUTE, NOON + 20 * MINUTE, task_id="t")] == []
    assert [each.task_id for each in await store.entries(NOON, NOON + HOUR)] == ["t", "other", "t"]
    assert [*await store.entries(NOON, NOON + HOUR, task_id="t", limit=1)] == [row]


async def test_an_entry_is_stored_once_and_only_catching_up_replaces_it(store: LedgerStore) -> None:
    first = missed()
    await store.add([first, missed(minutes=1)])
    await store.add([missed(reason=Reason.PAUSED), missed(minutes=2)])
    assert [each.reason for each in await store.entries(NOON, NOON + HOUR)] == [Reason.ENGINE_AWAY] * 3
    await store.add([first.caught_up("run")])
    await store.add([first.caught_up("another"), first])
    [entry, *_] = await store.entries(NOON, NOON + HOUR)
    assert (entry.fate, entry.reason, entry.execution_id) == (Fate.CAUGHT_UP, Reason.ENGINE_AWAY, "run")


async def test_an_entry_is_lengthened_by_one_writer_only(store: LedgerStore) -> None:
    entry = missed()
    await store.add([entry])
    assert await store.extend(entry, NOON + MINUTE, 1)
    assert not await store.extend(entry, NOON + MINUTE, 1)
    assert not await store.extend(missed(minutes=30), NOON + HOUR, 1)
    [longer] = await store.entries(NOON, NOON + HOUR)
    assert (longer.until, longer.count) == (NOON + MINUTE, 2)


async def test_outages_are_found_by_any_part_of_theirs(store: LedgerStore) -> None:
    outage = Outage(cause=Cause.SERVICE_DOWN, since=NOON, until=NOON + MINUTE, text="nobody led")
    await store.add_outage(outage)
    await store.add_outage(outage)
    queues = [Outage(cause=Cause.QUEUE_PAUSED, queue=each, since=NOON, until=NOON) for each in ("high", "low")]
    for each in queues:
        await store.add_outage(each)
    assert sorted(each.queue for each in await store.outages(NOON, NOON + MINUTE)) == ["", "high", "low"]
    assert [*await store.outages(NOON + MINUTE, NOON + HOUR)] == [outage]
    assert [*await store.outages(NOON - HOUR, NOON)] == []


async def test_entries_are_removed_with_their_task_and_by_age(stores: StoresUnderTest, store: LedgerStore) -> None:
    await store.add([missed(), missed(minutes=1), missed(minutes=30), missed("other")])
    await store.add_outage(Outage(cause=Cause.SERVICE_DOWN, since=NOON, until=NOON))
    assert await stores.executions.delete_of_task("other") == 0
    assert await store.delete_before(NOON + 5 * MINUTE, 1) == 1
    assert await store.delete_before(NOON + 5 * MINUTE, 5) == 1
    assert await store.delete_before(NOON + 5 * MINUTE, 5) == 0
    assert [each.at for each in await store.entries(NOON, NOON + HOUR)] == [NOON + 30 * MINUTE]
    assert [*await store.outages(NOON, NOON + HOUR)] == []


async def test_the_embedded_server_is_given_no_index_that_a_long_history_would_wait_for(database: Database) -> None:
    build = await database.command("buildInfo")
    indexes = await database["scheduler_executions"].index_information()
    is_there = "metadata.scheduled_for_1" in indexes
    assert is_there is ("secantusVersion" not in build)
