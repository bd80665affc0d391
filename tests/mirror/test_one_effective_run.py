"""One scheduled instant, one effective run; and an end counts only from the run that is the latest to have begun."""

from __future__ import annotations

import asyncio
import uuid
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from falcon_scheduler.core.domain.execution import Execution, ExecutionStatus, Trigger
from falcon_scheduler.core.ports import Beginning
from falcon_scheduler.core.services.runs.counting import OutcomeCounting
from tests.conftest import Scheduler


def execution(task_id: str, **fields: object) -> Execution:
    begun = Execution(
        id=str(uuid.uuid4()),
        task_id=task_id,
        status=ExecutionStatus.RUNNING,
        started_at=datetime.now(UTC).replace(microsecond=0),
        trigger=Trigger.SCHEDULE,
    )
    return replace(begun, **fields)  # type: ignore[arg-type]


async def test_of_two_runs_for_the_same_instant_one_begins(scheduler: Scheduler) -> None:
    store = scheduler.services.stores.executions
    task = await scheduler.task()
    name = f"{task.id}/1/2031-01-01T00:00:00Z"
    first, second = execution(task.id, occurrence=name), execution(task.id, occurrence=name)
    assert await store.begin(first) is Beginning.BEGUN
    assert await store.begin(first) is Beginning.BEGUN  # the same run may say so again
    assert await store.begin(second) is Beginning.TAKEN
    assert set(await store.of_ids([first.id, second.id])) == {first.id}


async def test_a_run_that_ended_can_not_begin_again(scheduler: Scheduler) -> None:
    store = scheduler.services.stores.executions
    task = await scheduler.task()
    over = execution(task.id).ended(ExecutionStatus.FAILED, datetime.now(UTC), error="first word")
    assert await store.finish(over)
    assert await store.begin(replace(over, status=ExecutionStatus.RUNNING)) is Beginning.ENDED
    assert not await store.finish(replace(over, status=ExecutionStatus.COMPLETED, error=""))
    assert (await store.get(over.id)).error == "first word"


async def test_a_run_that_was_fenced_off_can_not_end_by_its_own_word(scheduler: Scheduler) -> None:
    store = scheduler.services.stores.executions
    task = await scheduler.task()
    late = execution(task.id, fencing_token=4)
    assert await store.begin(late) is Beginning.BEGUN
    await store.fence_off([late.id], 5)
    ended = late.ended(ExecutionStatus.COMPLETED, datetime.now(UTC), output="done after all")
    assert not await store.finish(ended, fenced=True)
    assert (await store.get(late.id)).status is ExecutionStatus.RUNNING
    assert await store.finish(late.ended(ExecutionStatus.FAILED, datetime.now(UTC), error="superseded"))


async def test_ends_that_are_reported_many_at_once_and_again_count_once(scheduler: Scheduler) -> None:
    counting, store = scheduler.services.stores.counting, scheduler.services.stores.executions
    task = await scheduler.task()
    now = datetime.now(UTC).replace(microsecond=0)
    ends = [
        execution(task.id, started_at=now + timedelta(seconds=number)).ended(
            ExecutionStatus.COMPLETED if number % 4 else ExecutionStatus.FAILED, now + timedelta(seconds=number + 1)
        )
        for number in range(130)
    ]
    assert len(await counting.finish_all(ends)) == 130
    assert await counting.finish_all(ends[:60]) == []
    await counting.count(ends[-20:])
    record = (await scheduler.services.tasks.get(task.id)).record
    assert (record.success_count, record.failure_count) == (97, 33)
    assert record.last_run == ends[-1].started_at
    mine = [each for each in await store.uncounted(1000) if each.task_id == task.id]
    assert mine == []


async def test_two_who_count_the_same_ends_at_once_count_each_once(scheduler: Scheduler) -> None:
    stores = scheduler.services.stores
    task = await scheduler.task()
    now = datetime.now(UTC).replace(microsecond=0)
    ends = [
        execution(task.id, started_at=now + timedelta(seconds=number)).ended(
            ExecutionStatus.COMPLETED, now + timedelta(seconds=number + 1)
        )
        for number in range(260)
    ]
    await stores.executions.finish_all(ends)
    others = [OutcomeCounting(stores.tasks, stores.executions) for _ in range(3)]
    await asyncio.gather(*(other.count(ends) for other in others))
    assert (await stores.tasks.get(task.id)).record.success_count == 260
