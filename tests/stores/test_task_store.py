"""What every `TaskStore` does, whatever server it is on."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import date, timedelta
from typing import Any

import pytest

from falcon_scheduler.core.domain.owed import OwedRun
from falcon_scheduler.core.domain.priority import Priority
from falcon_scheduler.core.domain.task import Task, TaskStatus
from falcon_scheduler.core.domain.task_definition import After, Overlap
from falcon_scheduler.core.errors import NameTaken, TaskNotFound
from falcon_scheduler.core.ports import PageRequest, TaskFilter, TaskStore, Work
from falcon_scheduler.core.ports.paging import TaskOrder
from tests.stores.conftest import StoresUnderTest
from tests.stores.samples import MINUTE, NOON, a_task, deployed_as, ended


@pytest.fixture
def store(stores: StoresUnderTest) -> TaskStore:
    return stores.tasks


async def test_what_is_stored_is_read_again_as_it_was(store: TaskStore) -> None:
    task = a_task(
        description="Ärger, 天気",
        priority=Priority.HIGH,
        config={"url": "https://example.com", "headers": {"X-A.B": "1"}, "list": [1, 2.5, None, True]},
        tags=("a", "b"),
        max_retries=0,
        retry_interval=timedelta(seconds=90),
        timeout=timedelta(hours=24),
        timezone="Europe/Berlin",
        overlap=Overlap.QUEUE,
        start_at=NOON,
        end_at=NOON + timedelta(days=9, milliseconds=250),
        max_runs=7,
        jitter=timedelta(seconds=30),
        start_within=timedelta(minutes=5),
    )
    stored = await store.insert(task)
    assert await store.get(task.id) == stored

    def started(each: Task) -> Task:
        return each.started("e1", NOON, 5, by_schedule=True).with_paused(True, "me", NOON)

    changed = await store.change(task.id, started)
    assert changed.runs_left == 6
    assert changed.known_periods[0].rules == task.definition.time_rules
    assert await store.get(task.id) == changed
    cleared = await store.change(
        task.id, lambda each: replace(each.without_active("e1"), next_run=NOON, deployed=deployed_as(1))
    )
    assert await store.get(task.id) == cleared
    await store.change(task.id, lambda each: replace(each, next_run=None, deployed=None))
    assert (await store.get(task.id)).next_run is None
    assert (await store.get(task.id)).deployed is None


async def test_a_name_is_taken_once(store: TaskStore) -> None:
    first, second = await store.insert(a_task("one")), await store.insert(a_task("two"))
    with pytest.raises(NameTaken):
        await store.insert(a_task("one"))
    with pytest.raises(NameTaken):
        await store.change(second.id, lambda each: replace(each, definition=first.definition))
    assert (await store.get(second.id)).definition.name == "two"
    found = await store.named("one")
    assert found is not None
    assert found.id == first.id
    assert await store.named("On") is None


async def test_of_several_inserts_of_one_name_at_once_one_is_stored(store: TaskStore) -> None:
    outcomes = await asyncio.gather(*(store.insert(a_task("wanted")) for _ in range(5)), return_exceptions=True)
    assert sum(isinstance(each, NameTaken) for each in outcomes) == 4
    assert (await store.list(TaskFilter(), PageRequest())).total == 1


async def test_changes_at_the_same_time_are_all_kept(store: TaskStore) -> None:
    task = await store.insert(a_task())
    await asyncio.gather(*(store.change(task.id, lambda each, n=n: each.skipped(f"e{n}", NOON)) for n in range(12)))  # type: ignore[misc]
    assert (await store.get(task.id)).record.skipped_count == 12


async def test_a_change_that_changes_nothing_is_not_written(store: TaskStore) -> None:
    task = await store.insert(a_task())
    assert (await store.change(task.id, lambda each: each)).revision == task.revision
    assert (await store.change(task.id, lambda each: each.skipped("e", NOON))).revision == (task.revision or 0) + 1


async def test_a_change_of_a_task_as_it_is_known_never_overwrites_what_came_in_between(store: TaskStore) -> None:
    task = await store.insert(a_task())
    first = await store.change(task.id, lambda each: each.skipped("e1", NOON), task)
    second = await store.change(task.id, lambda each: each.skipped("e2", NOON), task)
    third = await store.change(task.id, lambda each: each.skipped("e3", NOON), second)
    assert [each.record.skipped_count for each in (first, second, third)] == [1, 2, 3]
    assert await store.get(task.id) == third


async def test_a_change_that_is_refused_or_not_needed_is_decided_on_the_task_as_it_is(store: TaskStore) -> None:
    task = await store.insert(a_task())
    await store.change(task.id, lambda each: each.skipped("e1", NOON))

    def once_skipped(each: Task) -> Task:
        if each.record.skipped_count == 0:
            raise ValueError("it was skipped before")
        return each.skipped("e2", NOON)

    assert (await store.change(task.id, once_skipped, task)).record.skipped_count == 2
    unless_skipped = await store.change(
        task.id, lambda each: each.skipped("e3", NOON) if each.record.skipped_count else each, task
    )
    assert unless_skipped.record.skipped_count == 3
    await store.delete(task.id)
    with pytest.raises(TaskNotFound):
        await store.change(task.id, lambda each: each.skipped("e4", NOON), task)


async def test_a_change_that_raises_writes_nothing(store: TaskStore) -> None:
    task = await store.insert(a_task())

    def refuse(_: object) -> Any:
        raise ValueError("not so")

    with pytest.raises(ValueError, match="not so"):
        await store.change(task.id, refuse)
    assert await store.get(task.id) == task


async def test_unknown_tasks_are_not_found(store: TaskStore) -> None:
    with pytest.raises(TaskNotFound):
        await store.get("nobody")
    with pytest.raises(TaskNotFound):
        await store.change("nobody", lambda each: each)
    assert await store.delete("nobody") is False


async def test_a_task_is_deleted_at_the_named_revision_only(store: TaskStore) -> None:
    task = await store.insert(a_task())
    changed = await store.change(task.id, lambda each: each.skipped("e", NOON))
    assert await store.delete(task.id, revision=task.revision) is False
    assert await store.delete(task.id, revision=changed.revision) is True
    other = await store.insert(a_task(task.definition.name))
    assert await store.delete(other.id) is True
    with pytest.raises(TaskNotFound):
        await store.get(other.id)


async def test_tasks_are_found_by_their_deployments(store: TaskStore) -> None:
    deployed = [await store.insert(replace(a_task(), deployed=deployed_as(number))) for number in range(3)]
    await store.insert(a_task())
    found = await store.of_deployments([str(deployed[0].deployment_id), str(deployed[2].deployment_id), "unknown"])
    assert found == {task.deployment_id: task for task in (deployed[0], deployed[2])}
    assert await store.of_deployments([]) == {}


async def test_tasks_are_found_by_their_ids(store: TaskStore) -> None:
    stored = [await store.insert(a_task()) for _ in range(3)]
    found = await store.of_ids({stored[0].id, stored[2].id, "unknown"})
    assert found == {task.id: task for task in (stored[0], stored[2])}
    assert await store.of_ids([]) == {}


async def test_tasks_at_work_are_found_until_their_executions_end(store: TaskStore) -> None:
    task = await store.insert(a_task())
    await store.insert(a_task())
    started = await store.change(task.id, lambda each: each.started("e1", NOON, 1))
    assert [*await store.active()] == [started]
    await store.change(task.id, lambda each: each.finished(ended(task.id, id="e1")))
    assert [*await store.active()] == []


async def test_lists_are_filtered_paged_and_newest_first(store: TaskStore) -> None:
    for number in range(5):
        await store.insert(a_task(f"job {number}", number, tags=("even",) if number % 2 == 0 else ("odd", "even")))
    await store.insert(a_task("Nightly (x*)", 9, type="function", priority=Priority.LOW, enabled=False))
    page = await store.list(TaskFilter(), PageRequest(page=1, size=4))
    assert [task.definition.name for task in page.items] == ["Nightly (x*)", "job 4", "job 3", "job 2"]
    assert (page.total, page.total_pages) == (6, 2)
    rest = await store.list(TaskFilter(), PageRequest(page=2, size=4))
    assert [task.definition.name for task in rest.items] == ["job 1", "job 0"]
    assert [*(await store.list(TaskFilter(), PageRequest(page=9))).items] == []

    async def names(**wanted: Any) -> set[str]:
        return {task.definition.name for task in (await store.list(TaskFilter(**wanted), PageRequest())).items}

    assert await names(tags=("even", "odd")) == {"job 1", "job 3"}
    assert await names(tags=("odd",)) == {"job 1", "job 3"}
    assert await names(query="(X*") == {"Nightly (x*)"}
    assert await names(types=("function",)) == {"Nightly (x*)"}
    assert await names(statuses=(TaskStatus.DISABLED,)) == {"Nightly (x*)"}
    assert await names(enabled=True, priorities=(Priority.LOW,)) == set()
    assert len(await names(types=("function", "http"), priorities=(Priority.LOW, Priority.NORMAL))) == 6
    assert len(await names(statuses=(TaskStatus.DISABLED, TaskStatus.PENDING))) == 6


async def test_a_list_is_in_the_order_that_is_asked_for(store: TaskStore) -> None:
    soon, late, never, other = [
        await store.insert(replace(a_task(name, number), next_run=next_run))
        for number, (name, next_run) in enumerate(
            [("d", NOON), ("c", NOON + MINUTE), ("b", None), ("a", NOON + 2 * MINUTE)]
        )
    ]
    await store.change(never.id, lambda each: each.started("e1", NOON, 1))
    await store.change(late.id, lambda each: each.started("e2", NOON + MINUTE, 1))

    async def names(order: TaskOrder, page: int = 1, size: int = 3) -> str:
        found = await store.list(TaskFilter(order=order), PageRequest(page=page, size=size))
        assert found.total == 4
        return "".join(task.definition.name for task in found.items)

    assert [await names(TaskOrder.NAME), await names(TaskOrder.NAME, 2)] == ["abc", "d"]
    assert [await names(TaskOrder.NEXT_RUN), await names(TaskOrder.NEXT_RUN, 2)] == ["dca", "b"]
    assert await names(TaskOrder.NEXT_RUN, 2, 2) == "ab", "the unplanned come after the last planned"
    assert (await names(TaskOrder.LAST_RUN))[:2] == "cb"
    assert await store.names([soon.id, other.id, "unknown"]) == {soon.id: "d", other.id: "a"}
    assert await store.names([]) == {}
    assert await store.work_of([soon.id, "unknown"]) == {soon.id: Work("http", soon.definition.config)}


async def test_tasks_of_the_same_instant_are_listed_by_id(store: TaskStore) -> None:
    ids = [(await store.insert(a_task(id=f"task-{letter}"))).id for letter in "cab"]
    assert [task.id for task in (await store.list(TaskFilter(), PageRequest())).items] == sorted(ids)


async def test_all_are_read_by_id_from_any_id_on(store: TaskStore) -> None:
    for letter in "dbca":
        await store.insert(a_task(id=letter))
    assert [task.id async for task in store.all()] == ["a", "b", "c", "d"]
    assert [task.id async for task in store.all(after="b")] == ["c", "d"]


async def test_tasks_that_can_not_run_are_known_once_all_were_read(store: TaskStore) -> None:
    sound, impeded = await store.insert(a_task()), await store.insert(a_task(schedule="never"))
    read = {task.id async for task in store.all()}
    assert read == {sound.id, impeded.id}
    assert [*store.impeded()] == [impeded.id]
    assert [*store.unreadable()] == []


async def test_tasks_are_found_by_how_their_ids_begin(store: TaskStore) -> None:
    for each in ("system-b", "system", "system-a", "systems-a", "a-system-a"):
        await store.insert(a_task(id=each))
    assert [task.id for task in await store.beginning_with("system-")] == ["system-a", "system-b"]


async def test_tasks_that_are_due_or_wait_for_their_plan_are_found(store: TaskStore) -> None:
    soon = await store.insert(replace(a_task(config={"url": "x"}), next_run=NOON))
    later = await store.insert(replace(a_task(), next_run=NOON + 5 * MINUTE, unplanned_since=NOON))
    await store.insert(a_task())
    assert [task.id async for task in store.due_before(NOON + MINUTE)] == [soon.id]
    assert [task.id async for task in store.due_before(NOON)] == []
    assert [task.id for task in await store.unplanned(NOON + MINUTE)] == [later.id]
    assert [*await store.unplanned(NOON)] == []


async def test_tasks_that_owe_runs_are_found_until_they_owe_none(store: TaskStore) -> None:
    runs = [OwedRun(at=NOON + number * MINUTE, request="r", again=number == 1) for number in range(2)]
    task, _ = await store.insert(a_task()), await store.insert(a_task())
    assert [*await store.owing()] == []
    owing = await store.change(task.id, lambda each: each.owing(runs))
    assert [*await store.owing()] == [owing]
    less = await store.change(task.id, lambda each: each.no_longer_owing(runs[:1]))
    assert less.owed == tuple(runs[1:])
    await store.change(task.id, lambda each: each.no_longer_owing(runs))
    assert [*await store.owing()] == []


async def test_enabled_tasks_that_are_to_end_are_found(store: TaskStore) -> None:
    ending = [await store.insert(a_task(after=each)) for each in (After.DISABLE, After.DELETE)]
    await store.insert(a_task(after=After.DELETE, enabled=False))
    await store.insert(a_task())
    assert sorted(task.id for task in await store.ending()) == sorted(task.id for task in ending)
    assert (await store.get(ending[0].id)).definition.after is After.DISABLE


async def test_tasks_and_their_day_are_counted(store: TaskStore) -> None:
    tasks = [await store.insert(a_task(enabled=number != 0)) for number in range(4)]
    await store.insert(a_task(schedule="never"))
    for number, task in enumerate(tasks):
        await store.change(
            task.id,
            lambda each, n=number: each.finished(ended(each.id, id=f"e{n}", succeeded=n % 2 == 0)),  # type: ignore[misc]
        )
    await store.change(tasks[1].id, lambda each: each.started("at work", NOON, 1))
    counts = await store.counts(NOON.date())
    assert (counts.total, counts.enabled, counts.running, counts.impeded) == (5, 4, 1, 1)
    assert (counts.completed, counts.failed, counts.runtime_total) == (2, 2, 4 * MINUTE)
    another_day = await store.counts(date(2026, 11, 22))
    assert (another_day.total, another_day.completed, another_day.runtime_total) == (5, 0, timedelta())
