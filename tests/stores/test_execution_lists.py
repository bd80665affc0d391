"""How every `ExecutionStore` and `OutcomeLog` lists executions, whatever server it is on."""

from __future__ import annotations

from datetime import datetime

import pytest

from falcon_scheduler.core.domain.execution import ExecutionStatus
from falcon_scheduler.core.domain.outcome import ExecutionOutcome
from falcon_scheduler.core.domain.skip import Skip
from falcon_scheduler.core.ports import ExecutionFilter, ExecutionStore, PageRequest
from tests.stores.conftest import StoresUnderTest
from tests.stores.samples import MINUTE, NOON, a_task, an_execution, ended, running

ALL = PageRequest(size=100)
SKIP = Skip.still_running("execution-1")


@pytest.fixture
def store(stores: StoresUnderTest) -> ExecutionStore:
    return stores.executions


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
    assert dict(await store.latest_of_tasks([task.id])) == {task.id: end.id}
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


async def test_the_latest_end_of_each_task_is_known(stores: StoresUnderTest) -> None:
    task, idle = await stores.tasks.insert(a_task()), await stores.tasks.insert(a_task())
    latest = ended(task.id, 9)
    await stores.executions.finish_all([ended(task.id, 1), latest, ended(task.id, 5), ended("no task", 2)])
    await stores.executions.begin(running(task.id, 20))
    asked = [task.id, idle.id, "gone"]
    assert dict(await stores.executions.latest_of_tasks(asked)) == {task.id: latest.id}
    assert dict(await stores.executions.latest_of_tasks([idle.id])) == {}


async def test_ends_are_read_in_the_order_in_which_they_ended(stores: StoresUnderTest) -> None:
    ends = [ended("a", minutes) for minutes in (5, 1, 3)]
    await stores.executions.finish_all(ends)
    await stores.executions.begin(running("a", 2))

    async def since(instant: datetime) -> list[str]:
        return [each.id async for each in stores.outcomes.ended_since(instant)]

    assert await since(NOON) == [ends[1].id, ends[2].id, ends[0].id]
    assert await since(NOON + 4 * MINUTE) == [ends[2].id, ends[0].id]  # it ended at this very instant
    assert await since(NOON + 60 * MINUTE) == []
    assert [each.id async for each in stores.outcomes.ended_since(NOON, {ends[1].id, "no end"})] == [
        ends[2].id,
        ends[0].id,
    ]


async def test_skips_are_added_up_by_task_type(stores: StoresUnderTest) -> None:
    for number, task_type in enumerate(["http", "http", "function"]):
        task = await stores.tasks.insert(a_task(type=task_type))
        await stores.tasks.change(task.id, lambda each, n=number: each.skipped(f"s{n}", NOON))  # type: ignore[misc]
    assert dict(await stores.outcomes.skips()) == {"http": 2, "function": 1}
