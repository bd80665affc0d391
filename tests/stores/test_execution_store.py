"""What every `ExecutionStore` and `OutcomeLog` does, whatever server it is on."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from falcon_scheduler.core.domain.attempt import with_begun, with_ended
from falcon_scheduler.core.domain.execution import ExecutionStatus, Trigger
from falcon_scheduler.core.domain.outcome import ExecutionOutcome
from falcon_scheduler.core.domain.skip import Skip
from falcon_scheduler.core.errors import ExecutionNotFound
from falcon_scheduler.core.ports import Beginning, ExecutionFilter, ExecutionStore, PageRequest
from tests.stores.conftest import StoresUnderTest
from tests.stores.samples import MINUTE, NOON, a_task, an_execution, ended, running

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


async def test_skips_are_in_no_list_but_that_of_skips(stores: StoresUnderTest) -> None:
    store = stores.executions
    task = await stores.tasks.insert(a_task())
    end, skipped = ended(task.id, 1), an_execution(task.id, 2).skipped(SKIP, NOON + 3 * MINUTE)
    await store.finish_all([end, skipped])
    await store.mark_counted([end.id, skipped.id])

    async def listed(**wanted: object) -> list[str]:
        page = await store.list(ExecutionFilter(**wanted), ALL)  # type: ignore[arg-type]
        assert page.total == len(page.items)
        return [each.id for each in page.items]

    for task_id in (None, task.id):
        assert await listed(task_id=task_id) == [end.id]
        assert await listed(task_id=task_id, statuses=(ExecutionStatus.FAILED,)) == []
        assert await listed(task_id=task_id, outcomes=(ExecutionOutcome.SKIPPED,)) == [skipped.id]
        both = (ExecutionOutcome.COMPLETED, ExecutionOutcome.SKIPPED)
        assert await listed(task_id=task_id, outcomes=both) == [skipped.id, end.id]
    assert await store.running() == 0
    assert [*await store.unfinished()] == []
    assert dict(await store.latest_of_tasks()) == {task.id: end.id}
    late = NOON + 60 * MINUTE
    assert dict(await store.ended_before(late, keep=(), limit=9)) == {task.id: [end.id]}
    assert [each.id async for each in stores.outcomes.ended_since(NOON)] == [end.id]
    assert await store.delete_skipped_before(NOON + 2 * MINUTE, 9) == 0
    assert await store.delete_skipped_before(late, 9) == 1
    assert await store.delete_skipped_before(late, 9) == 0
    assert await listed(outcomes=tuple(ExecutionOutcome)) == [end.id]


async def test_executions_are_listed_by_outcome(store: ExecutionStore) -> None:
    begun = {each: an_execution(minutes=number) for number, each in enumerate(ExecutionOutcome)}
    made = {
        outcome: each.skipped(SKIP, NOON)
        if outcome is ExecutionOutcome.SKIPPED
        else each.ended(ExecutionStatus.COMPLETED, NOON)
        if outcome is ExecutionOutcome.COMPLETED
        else each.failed(NOON, "Crashed: the text does not decide", outcome)
        for outcome, each in begun.items()
    }
    await store.finish_all([*made.values()])
    await store.add(an_execution(minutes=30))

    async def listed(*outcomes: ExecutionOutcome, statuses: tuple[ExecutionStatus, ...] = ()) -> set[str]:
        page = await store.list(ExecutionFilter(outcomes=outcomes, statuses=statuses), ALL)
        assert page.total == len(page.items)
        return {each.id for each in page.items}

    for outcome, each in made.items():
        assert await listed(outcome) == {each.id}
        assert (await store.get(each.id)).outcome is outcome
    crashed, timed_out = ExecutionOutcome.CRASHED, ExecutionOutcome.TIMED_OUT
    assert await listed(crashed, timed_out) == {made[crashed].id, made[timed_out].id}
    assert await listed(*ExecutionOutcome) == {each.id for each in made.values()}
    completed = (ExecutionStatus.COMPLETED,)
    assert await listed(*ExecutionOutcome, statuses=completed) == {made[ExecutionOutcome.COMPLETED].id}
    assert await listed(crashed, statuses=completed) == set()


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


async def test_unfinished_ones_are_listed_oldest_first(store: ExecutionStore) -> None:
    later, sooner, other = an_execution("a", 5), running("a", 1), running("b", 3)
    await store.add(later)
    for each in (sooner, other):
        await store.begin(each)
    await store.finish(ended("a", 2))
    assert [each.id for each in await store.unfinished()] == [sooner.id, other.id, later.id]
    assert [each.id for each in await store.unfinished("a")] == [sooner.id, later.id]
    assert await store.running() == 2


async def test_lists_are_filtered_paged_and_newest_first(store: ExecutionStore) -> None:
    ids = [f"e{number}" for number in range(6)]
    for number, each in enumerate(ids):
        await store.finish(ended("even" if number % 2 == 0 else "odd", number, id=each, succeeded=number != 3))

    async def listed(size: int = 100, number: int = 1, **wanted: object) -> list[str]:
        page = await store.list(ExecutionFilter(**wanted), PageRequest(page=number, size=size))  # type: ignore[arg-type]
        return [each.id for each in page.items]

    assert await listed() == ids[::-1]
    assert await listed(4, 2) == ["e1", "e0"]
    assert await listed(task_id="odd") == ["e5", "e3", "e1"]
    assert await listed(task_id="odd", statuses=(ExecutionStatus.FAILED,)) == ["e3"]
    assert await listed(since=NOON + MINUTE, until=NOON + 3 * MINUTE) == ["e2", "e1"]
    assert (await store.list(ExecutionFilter(task_id="even"), PageRequest(size=1))).total == 3


async def test_executions_of_the_same_instant_are_listed_by_id(store: ExecutionStore) -> None:
    for letter in "cab":
        await store.add(an_execution(id=letter))
    assert [each.id for each in (await store.list(ExecutionFilter(), ALL)).items] == ["a", "b", "c"]


async def walked(store: ExecutionStore, wanted: ExecutionFilter, size: int) -> list[list[str]]:
    """The ids of each page, from the first to the last, each read behind the one before."""
    page = await store.list(wanted, PageRequest(size=size))
    pages = [[each.id for each in page.items]]
    while page.following is not None:
        page = await store.list(wanted, PageRequest(size=size), page.following)
        pages.append([each.id for each in page.items])
    return pages


async def test_a_list_can_be_read_on_behind_each_page(store: ExecutionStore) -> None:
    for number, letter in enumerate("edcba"):
        await store.finish(ended("even" if number % 2 == 0 else "odd", number // 3, id=letter, succeeded=number != 1))
    skip = an_execution("odd", 1, id="s").skipped(Skip.of_text("held"), NOON)
    await store.finish(skip)

    assert await walked(store, ExecutionFilter(), 2) == [["a", "b"], ["c", "d"], ["e"]]
    assert await walked(store, ExecutionFilter(), 1) == [["a"], ["b"], ["c"], ["d"], ["e"]]
    assert await walked(store, ExecutionFilter(), 5) == [["a", "b", "c", "d", "e"]]
    assert await walked(store, ExecutionFilter(task_id="even"), 2) == [["a", "c"], ["e"]]
    assert await walked(store, ExecutionFilter(statuses=(ExecutionStatus.COMPLETED,)), 2) == [["a", "b"], ["c", "e"]]
    assert await walked(store, ExecutionFilter(since=NOON, until=NOON + MINUTE), 2) == [["c", "d"], ["e"]]
    assert await walked(store, ExecutionFilter(outcomes=(ExecutionOutcome.SKIPPED,)), 1) == [["s"]]
    assert await walked(store, ExecutionFilter(task_id="nobody"), 2) == [[]]


async def test_what_is_added_or_deleted_between_two_pages_moves_no_other_entry(store: ExecutionStore) -> None:
    for number, letter in enumerate("edcba"):
        await store.finish(ended("a", number, id=letter))
    first = await store.list(ExecutionFilter(), PageRequest(size=2))
    await store.finish(ended("a", 9, id="newer"))
    await store.delete(["b"])  # the last of the page
    rest = await store.list(ExecutionFilter(), PageRequest(size=2), first.following)
    assert [each.id for each in rest.items] == ["c", "d"]
    assert rest.total == 5
    last = await store.list(ExecutionFilter(), PageRequest(size=2), rest.following)
    assert [each.id for each in last.items] == ["e"]
    assert last.following is None


async def test_a_position_outside_of_the_times_of_a_list_is_no_fault(store: ExecutionStore) -> None:
    for number, letter in enumerate("cba"):
        await store.finish(ended("a", number, id=letter))
    within = ExecutionFilter(since=NOON, until=NOON + 2 * MINUTE)
    newer = await store.list(within, PageRequest(size=5), (NOON + 9 * MINUTE, "x"))
    older = await store.list(within, PageRequest(size=5), (NOON - 9 * MINUTE, "x"))
    assert ([each.id for each in newer.items], [each.id for each in older.items]) == (["b", "c"], [])


async def test_a_brief_page_leaves_out_what_is_large(store: ExecutionStore) -> None:
    await store.finish(ended(parameters={"a": 1}))
    [brief] = (await store.list(ExecutionFilter(), PageRequest(brief=True))).items
    [whole] = (await store.list(ExecutionFilter(), PageRequest())).items
    assert (brief.output, brief.parameters) == ("", {})
    assert (whole.output, whole.parameters) == ("out", {"a": 1})


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


async def test_the_latest_end_of_each_task_is_known(stores: StoresUnderTest) -> None:
    task, idle = await stores.tasks.insert(a_task()), await stores.tasks.insert(a_task())
    latest = ended(task.id, 9)
    await stores.executions.finish_all([ended(task.id, 1), latest, ended(task.id, 5), ended("no task", 2)])
    await stores.executions.begin(running(task.id, 20))
    assert dict(await stores.executions.latest_of_tasks()) == {task.id: latest.id}
    assert idle.id not in await stores.executions.latest_of_tasks()


async def test_ends_are_read_in_the_order_in_which_they_ended(stores: StoresUnderTest) -> None:
    ends = [ended("a", minutes) for minutes in (5, 1, 3)]
    await stores.executions.finish_all(ends)
    await stores.executions.begin(running("a", 2))

    async def since(instant: datetime) -> list[str]:
        return [each.id async for each in stores.outcomes.ended_since(instant)]

    assert await since(NOON) == [ends[1].id, ends[2].id, ends[0].id]
    assert await since(NOON + 4 * MINUTE) == [ends[2].id, ends[0].id]  # it ended at this very instant
    assert await since(NOON + 60 * MINUTE) == []


async def test_skips_are_added_up_by_task_type(stores: StoresUnderTest) -> None:
    for number, task_type in enumerate(["http", "http", "function"]):
        task = await stores.tasks.insert(a_task(type=task_type))
        await stores.tasks.change(task.id, lambda each, n=number: each.skipped(f"s{n}", NOON))  # type: ignore[misc]
    assert dict(await stores.outcomes.skips()) == {"http": 2, "function": 1}
