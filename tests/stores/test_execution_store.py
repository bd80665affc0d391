"""What every `ExecutionStore` and `OutcomeLog` does, whatever server it is on."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import timedelta

import pytest

from falcon_scheduler.core.domain.attempt import with_begun, with_ended
from falcon_scheduler.core.domain.execution import ExecutionStatus, Trigger
from falcon_scheduler.core.domain.outcome import ExecutionOutcome
from falcon_scheduler.core.domain.skip import Skip
from falcon_scheduler.core.errors import ExecutionNotFound
from falcon_scheduler.core.ports import Beginning, ExecutionFilter, ExecutionStore, PageRequest
from tests.stores.conftest import StoresUnderTest
from tests.stores.samples import MINUTE, NOON, an_execution, ended, running

ALL = PageRequest(size=100)


@pytest.fixture
def store(stores: StoresUnderTest) -> ExecutionStore:
    return stores.executions


async def test_what_is_stored_is_read_again_as_it_was(store: ExecutionStore) -> None:
    execution = an_execution(
        "Ä",
        status=ExecutionStatus.RUNNING,
        trigger=Trigger.SCHEDULE,
        queued_at=NOON,
        scheduled_for=NOON - timedelta(milliseconds=5),
        worker_id="w",
        retry_count=2,
        lock_key="scheduler:lock:x",
        fencing_token=7,
        occurrence="task@noon",
        heartbeat_at=NOON,
        parameters={"list": [1, None, {"a": 2.5}]},
        detail={"status_code": 204, "rows": [1, 2]},
    )
    assert await store.begin(execution) is Beginning.BEGUN
    assert await store.get(execution.id) == execution
    end = execution.ended(ExecutionStatus.FAILED, NOON + MINUTE, output="天", error="no")
    assert await store.finish(end)
    assert await store.get(execution.id) == end
    assert dict(await store.of_ids([execution.id, "unknown"])) == {execution.id: end}
    with pytest.raises(ExecutionNotFound):
        await store.get("unknown")


async def test_an_execution_is_added_once(store: ExecutionStore) -> None:
    pending = an_execution()
    assert await store.add(pending)
    assert not await store.add(replace(pending, task_id="another"))
    assert (await store.get(pending.id)).task_id == pending.task_id


async def test_an_execution_begins_from_nothing_or_from_pending_and_may_say_so_twice(store: ExecutionStore) -> None:
    known, unknown = an_execution(), running()
    await store.add(known)
    begun = replace(known, status=ExecutionStatus.RUNNING, worker_id="w")
    assert await store.begin(begun) is Beginning.BEGUN
    assert await store.begin(begun) is Beginning.BEGUN
    assert await store.begin(unknown) is Beginning.BEGUN
    assert await store.get(known.id) == begun
    assert await store.running() == 2


async def test_an_execution_without_a_claim_is_begun_by_one_performer(store: ExecutionStore) -> None:
    first = running(performer="one")
    assert await store.begin(first) is Beginning.BEGUN
    assert await store.begin(first) is Beginning.BEGUN  # its answer was lost
    assert await store.begin(replace(first, performer="two")) is Beginning.ELSEWHERE
    assert await store.begin(replace(first, performer="")) is Beginning.ELSEWHERE
    assert (await store.get(first.id)).performer == "one"
    assert await store.unclaimed() == {first.id}
    assert await store.finish(replace(first, performer="").ended(ExecutionStatus.COMPLETED, NOON))
    assert await store.begin(first) is Beginning.ENDED
    assert await store.unclaimed() == set()


async def test_an_execution_with_a_claim_is_not_begun_without(store: ExecutionStore) -> None:
    claimed, waiting = running(), an_execution()
    await store.begin(claimed)
    await store.add(waiting)
    assert await store.begin(replace(claimed, performer="one")) is Beginning.ELSEWHERE
    begun = replace(waiting, status=ExecutionStatus.RUNNING, performer="one")
    assert await store.begin(begun) is Beginning.BEGUN
    assert await store.unclaimed() == {waiting.id}


async def test_an_end_never_changes(store: ExecutionStore) -> None:
    end = ended()
    assert await store.finish(end)
    assert not await store.finish(replace(end, status=ExecutionStatus.FAILED, error="later"))
    assert [*await store.finish_all([replace(end, error="later")])] == []
    assert await store.begin(replace(end, status=ExecutionStatus.RUNNING, completed_at=None)) is Beginning.ENDED
    assert not await store.add(an_execution(id=end.id))
    assert not await store.note(end.id, retry_count=9)
    assert await store.get(end.id) == end


async def test_of_several_ends_at_once_one_is_stored(store: ExecutionStore) -> None:
    begun = running()
    await store.begin(begun)
    ends = [begun.ended(ExecutionStatus.FAILED, NOON + MINUTE, error=f"{number}") for number in range(6)]
    stored = await asyncio.gather(*map(store.finish, ends))
    assert sum(stored) == 1
    assert await store.get(begun.id) == ends[stored.index(True)]


async def test_one_execution_begins_for_an_occurrence(store: ExecutionStore) -> None:
    candidates = [running(occurrence="task@noon") for _ in range(5)]
    outcomes = await asyncio.gather(*map(store.begin, candidates))
    assert sorted(outcomes) == [Beginning.BEGUN, *[Beginning.TAKEN] * 4]
    winner = candidates[outcomes.index(Beginning.BEGUN)]
    assert [*await store.unfinished()] == [winner]
    assert await store.begin(running(occurrence="task@one")) is Beginning.BEGUN


async def test_a_fenced_execution_can_not_end_by_its_own_word(store: ExecutionStore) -> None:
    late, end_of_another = running(), ended()
    await store.begin(late)
    await store.finish(end_of_another)
    await store.fence_off([late.id, end_of_another.id, "unknown"], 5)
    own_word = late.ended(ExecutionStatus.COMPLETED, NOON + MINUTE)
    assert not await store.finish(own_word, fenced=True)
    crashed = late.ended(ExecutionStatus.FAILED, NOON + MINUTE, error="its process is gone")
    assert await store.finish(crashed)
    assert await store.get(late.id) == crashed
    assert await store.get(end_of_another.id) == end_of_another


@pytest.mark.parametrize("many", [3, 25])
async def test_many_ends_are_stored_each_for_itself(store: ExecutionStore, many: int) -> None:
    begun, known = running(), ended()
    await store.begin(begun)
    await store.finish(known)
    new = [ended(minutes=number) for number in range(many)]
    end = begun.ended(ExecutionStatus.FAILED, NOON + MINUTE, error="crashed")
    stored = await store.finish_all([*new, end, replace(known, error="later")])
    assert {each.id for each in stored} == {each.id for each in (*new, end)}
    assert await store.get(begun.id) == end
    assert await store.get(known.id) == known
    assert {each.id for each in await store.uncounted(100)} == {each.id for each in (*new, end, known)}
    assert [*await store.finish_all([])] == []


async def test_an_end_is_uncounted_until_it_was_counted(store: ExecutionStore) -> None:
    ends = [ended() for _ in range(3)]
    await store.finish_all(ends)
    assert len(await store.uncounted(2)) == 2
    await store.mark_counted([ends[0].id, ends[1].id, "unknown"])
    assert [each.id for each in await store.uncounted(100)] == [ends[2].id]
    assert set(await store.still_uncounted([each.id for each in ends])) == {ends[2].id}


async def test_one_heartbeat_for_many_names_those_that_it_did_not_reach(store: ExecutionStore) -> None:
    begun, waiting, end = running(), an_execution(), ended()
    await store.begin(begun)
    await store.add(waiting)
    await store.finish(end)
    assert await store.note_alive([begun.id, waiting.id], NOON) == set()
    assert await store.note_alive([begun.id, end.id, "unknown"], NOON) == {end.id, "unknown"}
    assert (await store.get(begun.id)).heartbeat_at == (await store.get(waiting.id)).heartbeat_at == NOON
    assert (await store.get(end.id)).heartbeat_at == end.heartbeat_at


async def test_what_is_noted_of_an_unfinished_execution_stays_beside_what_was_known(store: ExecutionStore) -> None:
    begun = running(detail={"a": 1})
    await store.begin(begun)
    assert await store.note(begun.id, retry_count=1, heartbeat_at=NOON, detail={"progress": {"done": 3}})
    assert await store.note(begun.id, detail={"progress": {"done": 4}})
    noted = await store.get(begun.id)
    assert (noted.retry_count, noted.heartbeat_at) == (1, NOON)
    assert noted.detail == {"a": 1, "progress": {"done": 4}}
    assert not await store.note("unknown", retry_count=1)


SKIP = Skip.still_running("execution-1")


async def test_a_skip_is_stored_once_in_place_of_a_beginning_and_never_after_an_end(store: ExecutionStore) -> None:
    waiting, unknown, end = an_execution(parameters={"a": 1}), an_execution(), ended()
    await store.add(waiting)
    await store.finish(end)
    skipped = [each.skipped(SKIP, NOON + MINUTE) for each in (waiting, unknown)]
    assert [await store.finish(each) for each in skipped] == [True, True]
    assert not await store.finish(skipped[0].cancelled(NOON))
    assert not await store.finish(end.skipped(SKIP, NOON))
    assert await store.begin(replace(waiting, status=ExecutionStatus.RUNNING)) is Beginning.ENDED
    assert [await store.get(each.id) for each in skipped] == skipped
    assert {each.id for each in await store.uncounted(10)} == {*[each.id for each in skipped], end.id}


async def test_a_skip_whose_holder_is_not_known_is_found_until_it_is_named(store: ExecutionStore) -> None:
    unknown, old, known = (an_execution("a", minutes) for minutes in (1, -60, 1))
    for each in (unknown, old):
        await store.finish(each.skipped(Skip.still_running(""), NOON + MINUTE))
    await store.finish(known.skipped(SKIP, NOON + MINUTE))
    assert [each.id for each in await store.without_holder(NOON, 10)] == [unknown.id]
    for held_by in ("execution-2", "execution-3"):
        await store.name_holder(unknown.id, held_by)
    named = await store.get(unknown.id)
    assert named.skip is not None
    assert (named.skip.held_by, named.outcome) == ("execution-2", ExecutionOutcome.SKIPPED)
    assert not await store.without_holder(NOON, 10)
    assert (await store.get(known.id)).skip == SKIP


async def test_attempts_are_kept_and_may_be_noted_while_it_runs(store: ExecutionStore) -> None:
    begun = running(attempts=with_begun((), 1, NOON))
    await store.begin(begun)
    assert (await store.get(begun.id)).attempts == begun.attempts
    failed = with_ended(begun.attempts, NOON + MINUTE, ExecutionOutcome.FAILED, "no" * 1000, 503)
    assert len(failed[0].error) == 500
    second = with_begun(failed, 2, NOON + 2 * MINUTE)
    assert await store.note(begun.id, attempts=second)
    assert (await store.get(begun.id)).attempts == second
    end = replace(begun, attempts=second).ended(ExecutionStatus.COMPLETED, NOON + 3 * MINUTE)
    assert await store.finish(end)
    [first, last] = (await store.get(end.id)).attempts
    assert (first.outcome, first.status_code) == (ExecutionOutcome.FAILED, 503)
    assert (last.number, last.outcome, last.ended_at) == (2, ExecutionOutcome.COMPLETED, NOON + 3 * MINUTE)


async def test_retention_finds_the_oldest_counted_ends_by_task(store: ExecutionStore) -> None:
    old = [ended("a", 0), ended("b", 1), ended("a", 2), ended("b", 3)]
    uncounted, new = ended("a", 1), ended("a", 60)
    await store.finish_all([*old, uncounted, new])
    await store.mark_counted([each.id for each in (*old, new)])
    await store.begin(running("a", 0))
    found = await store.ended_before(NOON + 30 * MINUTE, keep=[old[0].id], limit=2)
    assert {task: [*ids] for task, ids in found.items()} == {"b": [old[1].id], "a": [old[2].id]}
    everything = await store.ended_before(NOON + 30 * MINUTE, keep=[], limit=100)
    assert {task: [*ids] for task, ids in everything.items()} == {
        "a": [old[0].id, old[2].id],
        "b": [old[1].id, old[3].id],
    }


async def test_what_is_deleted_is_gone_and_may_be_deleted_again(store: ExecutionStore) -> None:
    ends = [ended("a"), ended("a"), ended("b"), ended("b")]
    await store.finish_all(ends)
    await store.delete([ends[2].id, "unknown"])
    await store.delete([ends[2].id])
    assert await store.delete_of_task("a") == 2
    assert await store.delete_of_task("a") == 0
    assert [each.id for each in (await store.list(ExecutionFilter(), ALL)).items] == [ends[3].id]
    assert [each.id for each in await store.uncounted(100)] == [ends[3].id]
