"""Running tasks end to end: real Prefect, a real worker process, real stores."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from pathlib import Path
from uuid import UUID

import psutil
import pytest

from falcon_scheduler.core.domain.execution import ExecutionStatus, Trigger
from falcon_scheduler.core.domain.outcome import CANCELLED_ERROR, CANCELLED_OUTPUT, ExecutionOutcome
from falcon_scheduler.core.domain.priority import Priority
from falcon_scheduler.core.domain.run import RunPhase
from falcon_scheduler.core.domain.skip import Skip, SkipReason
from falcon_scheduler.core.domain.task import TaskStatus
from falcon_scheduler.core.domain.task_definition import Overlap
from falcon_scheduler.core.errors import TaskDisabled
from tests.conftest import ADMIN, Scheduler, function, wait_until
from tests.executors.web_server import serving

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("worker")]


def from_tests(name: str, **parameters: object) -> dict[str, object]:
    return {"function_name": name, "module": "tests", "parameters": parameters}


def lines_of(file: Path) -> list[str]:
    return file.read_text().splitlines() if file.exists() else []


async def test_a_manual_run_goes_from_pending_to_completed_and_has_a_full_history(scheduler: Scheduler) -> None:
    task = await scheduler.task(config=function("echo", greeting="hello"))
    asked = await scheduler.execute(task, greeting="good morning")
    assert asked.status is ExecutionStatus.PENDING
    ended = await scheduler.ended(asked.id)
    assert ended.status is ExecutionStatus.COMPLETED
    assert ended.output == '{"greeting": "good morning"}'
    assert ended.trigger is Trigger.MANUAL
    assert ended.worker_id
    assert ended.lock_key == f"scheduler:lock:{task.id}"
    assert ended.fencing_token >= 1
    assert ended.duration is not None

    async def counted() -> bool:
        record = (await scheduler.services.tasks.get(task.id)).record
        return record.success_count == 1

    await wait_until(counted, "the task has counted the run")
    task = await scheduler.services.tasks.get(task.id)
    assert task.status is TaskStatus.COMPLETED
    assert task.record.last_run == ended.started_at
    assert not task.record.active


async def test_a_schedule_of_seconds_fires_and_its_history_says_when(scheduler: Scheduler) -> None:
    task = await scheduler.task(schedule="*/2 * * * * *")

    async def three() -> bool:
        ended = [each for each in await scheduler.history(task) if each.status.is_terminal]
        return len(ended) >= 3

    await wait_until(three, "three scheduled runs ended")
    await scheduler.services.tasks.pause(task.id, ADMIN)
    history = await scheduler.history(task)
    instants = [each.scheduled_for for each in history]
    assert len(set(instants)) == len(instants)
    assert all(instant is not None and instant.second % 2 == 0 and instant.microsecond == 0 for instant in instants)
    assert {each.trigger for each in history} == {Trigger.SCHEDULE}


async def test_a_failing_task_is_tried_again_and_ends_with_its_retry_count(
    scheduler: Scheduler, tmp_path: Path
) -> None:
    file = tmp_path / "attempts"
    task = await scheduler.task(
        config=from_tests("failing", file=str(file)), max_retries=2, retry_interval=timedelta(seconds=1)
    )
    ended = await scheduler.run(task)
    assert ended.status is ExecutionStatus.FAILED
    assert ended.retry_count == 2
    assert "attempt 3 went wrong" in ended.error
    assert len(lines_of(file)) == 3
    assert ended.outcome is ExecutionOutcome.FAILED
    assert [(each.number, each.outcome) for each in ended.attempts] == [
        (number, ExecutionOutcome.FAILED) for number in (1, 2, 3)
    ]
    assert all(f"attempt {each.number} went wrong" in each.error for each in ended.attempts)
    assert all(each.ended_at and each.ended_at >= each.started_at for each in ended.attempts)
    run = await scheduler.services.engine.runs.find(ended.id)
    assert run is not None
    assert run.attempts == 3, "each attempt counts in Prefect too"
    assert (await scheduler.services.tasks.get(task.id)).record.last_error == ended.error


async def test_a_task_that_succeeds_at_a_later_attempt_is_completed(scheduler: Scheduler, tmp_path: Path) -> None:
    task = await scheduler.task(
        config=from_tests("failing", file=str(tmp_path / "attempts"), succeed_at=2),
        retry_interval=timedelta(seconds=1),
    )
    ended = await scheduler.run(task)
    assert (ended.status, ended.retry_count, ended.error) == (ExecutionStatus.COMPLETED, 1, "")
    assert ended.output == "succeeded at attempt 2"


async def test_a_run_that_is_stopped_while_it_waits_for_a_retry_keeps_its_retry_count(
    scheduler: Scheduler, tmp_path: Path
) -> None:
    file = tmp_path / "attempts"
    task = await scheduler.task(config=from_tests("failing", file=str(file)), retry_interval=timedelta(minutes=10))
    asked = await scheduler.execute(task)

    async def waits() -> bool:
        known = await scheduler.services.stores.executions.of_ids([asked.id])
        return known[asked.id].retry_count == 1

    await wait_until(waits, "the first attempt failed")
    [attempt] = (await scheduler.services.runs.get(asked.id)).attempts
    assert (attempt.outcome, attempt.ended_at is not None) == (ExecutionOutcome.FAILED, True), "seen while it goes on"
    await scheduler.services.runs.stop(task.id, ADMIN)
    ended = await scheduler.ended(asked.id)
    assert (ended.error, ended.retry_count) == (CANCELLED_ERROR, 1)
    assert len(lines_of(file)) == 1


async def test_a_hanging_task_ends_at_its_timeout(scheduler: Scheduler, tmp_path: Path) -> None:
    task = await scheduler.task(
        config=from_tests("diary", file=str(tmp_path / "diary"), seconds=3600),
        timeout=timedelta(seconds=30),
        max_retries=0,
    )
    async with serving() as web:
        config = {"url": web.url("/slow-body"), "timeout": "1h"}
        slow = await scheduler.task("http", config=config, timeout=timedelta(seconds=30), max_retries=0)
        ended, broken_off = await asyncio.gather(scheduler.run(task), scheduler.run(slow))
    assert ended.status is ExecutionStatus.FAILED
    assert ended.error == broken_off.error == "Task timed out after 30s"
    assert lines_of(tmp_path / "diary") != []
    assert ended.outcome is broken_off.outcome is ExecutionOutcome.TIMED_OUT
    [attempt] = broken_off.attempts
    assert (attempt.outcome, attempt.status_code, attempt.error) == (
        ExecutionOutcome.TIMED_OUT,
        200,
        "Task timed out after 30s",
    )
    assert (broken_off.detail["phase"], broken_off.detail["status_code"]) == ("body", 200)
    assert set(broken_off.output) == {"."}, "what came of the answer is kept"


async def test_two_triggers_at_once_give_one_execution_and_one_skip(scheduler: Scheduler, tmp_path: Path) -> None:
    file = tmp_path / "diary"
    task = await scheduler.task(config=from_tests("diary", file=str(file), seconds=4))
    first, second = await asyncio.gather(scheduler.execute(task), scheduler.execute(task))

    async def one_of_each() -> bool:
        stored = await scheduler.services.tasks.get(task.id)
        return stored.record.skipped_count == 1 and stored.record.total_runs == 1

    async def holder_is_known() -> bool:
        skip = (await scheduler.services.runs.get(skipped)).skip
        return skip is not None and not skip.lacks_holder

    await wait_until(one_of_each, "one ran and one was skipped")
    history = await scheduler.history(task)
    assert len(history) == 1
    assert history[0].id in {first.id, second.id}
    assert [line.split()[0] for line in lines_of(file)] == ["start", "end"]
    skipped = ({first.id, second.id} - {history[0].id}).pop()
    await wait_until(holder_is_known, "the history names the execution that was at work")
    state = await scheduler.services.engine.runs.find(skipped)
    assert state is not None
    assert state.phase == "skipped"
    left_out = await scheduler.services.runs.get(skipped)
    assert (left_out.status, left_out.outcome) == (ExecutionStatus.FAILED, ExecutionOutcome.SKIPPED)
    assert left_out.skip is not None
    assert (left_out.skip.reason, left_out.skip.held_by) == (SkipReason.STILL_RUNNING, history[0].id)
    assert Skip.of_text(left_out.error).reason is SkipReason.STILL_RUNNING
    assert left_out.completed_at is not None
    assert left_out.attempts == ()


async def test_a_run_that_lasts_is_running_in_prefect_and_one_that_queues_is_so_at_once(
    scheduler: Scheduler, tmp_path: Path
) -> None:
    config = from_tests("diary", file=str(tmp_path / "diary"), seconds=120)
    lasting = await scheduler.execute(await scheduler.task(config=config))
    queueing = await scheduler.run(await scheduler.task(config=function("echo"), overlap=Overlap.QUEUE))

    async def is_shown() -> bool:
        run = await scheduler.services.engine.runs.find(lasting.id)
        return run is not None and run.phase is RunPhase.RUNNING

    await wait_until(is_shown, "Prefect shows the run as running")
    await scheduler.services.runs.cancel(lasting.id, ADMIN)
    assert (await scheduler.ended(lasting.id)).error == CANCELLED_ERROR
    states = await scheduler.services.engine.client.read_flow_run_states(UUID(queueing.id))
    assert "Running" in {state.name for state in states}


async def test_with_overlap_queue_both_run_one_after_the_other(scheduler: Scheduler, tmp_path: Path) -> None:
    file = tmp_path / "diary"
    task = await scheduler.task(config=from_tests("diary", file=str(file), seconds=1), overlap=Overlap.QUEUE)
    asked = await asyncio.gather(scheduler.execute(task), scheduler.execute(task))
    for execution in asked:
        assert (await scheduler.ended(execution.id)).status is ExecutionStatus.COMPLETED
    assert [line.split()[0] for line in lines_of(file)] == ["start", "end", "start", "end"]


async def test_with_overlap_cancel_running_the_newer_run_replaces_the_older(
    scheduler: Scheduler, tmp_path: Path
) -> None:
    file = tmp_path / "diary"
    config = from_tests("diary", file=str(file), seconds=120)
    task = await scheduler.task(config=config, overlap=Overlap.CANCEL_RUNNING)
    older = await scheduler.execute(task)
    await scheduler.running(older.id)
    newer = await scheduler.execute(task, seconds=0)
    assert (await scheduler.ended(older.id)).error == CANCELLED_ERROR
    assert (await scheduler.ended(newer.id)).status is ExecutionStatus.COMPLETED


@pytest.mark.parametrize("name", ["diary", "deaf"])
async def test_stop_ends_the_work_for_real_and_pauses_the_task(
    scheduler: Scheduler, tmp_path: Path, name: str
) -> None:
    file = tmp_path / "diary"
    task = await scheduler.task(config=from_tests(name, file=str(file), seconds=120))
    asked = await scheduler.execute(task)

    async def begun() -> bool:
        return bool(lines_of(file))

    await wait_until(begun, "the work began")
    pid = int((lines_of(file))[0].split()[1])
    outcome = await scheduler.services.runs.stop(task.id, ADMIN)
    assert outcome.cancelled == (asked.id,)
    ended = await scheduler.ended(asked.id)
    assert ended.status is ExecutionStatus.FAILED
    assert ended.error == CANCELLED_ERROR
    assert ended.output == CANCELLED_OUTPUT
    assert (await scheduler.services.tasks.get(task.id)).status is TaskStatus.PAUSED

    async def gone() -> bool:
        return not psutil.pid_exists(pid)

    await wait_until(gone, "the process of the run is gone")
    assert "end" not in lines_of(file)

    async def cancelled_in_prefect() -> bool:
        run = await scheduler.services.engine.runs.find(asked.id)
        return run is not None and run.phase == "cancelled"

    await wait_until(cancelled_in_prefect, "Prefect says so too")

    async def unlocked() -> bool:
        return await scheduler.services.stores.locks.holder(task.id) is None

    await wait_until(unlocked, "the lock is free")


@pytest.mark.parametrize("how", ["exit", "kill"])
async def test_a_run_that_dies_ends_as_failed_and_says_how(scheduler: Scheduler, how: str) -> None:
    task = await scheduler.task(config=from_tests("dying", how=how))
    ended = await scheduler.run(task)
    assert ended.status is ExecutionStatus.FAILED
    assert ended.error.startswith("Crashed")

    async def unlocked() -> bool:
        return await scheduler.services.stores.locks.holder(task.id) is None

    await wait_until(unlocked, "the lock is free")


async def test_priority_given_to_execute_chooses_the_queue_of_that_run(scheduler: Scheduler) -> None:
    task = await scheduler.task(priority=Priority.LOW)
    asked = await scheduler.services.runs.execute(task.id, parameters={}, priority=Priority.CRITICAL, by=ADMIN)
    await scheduler.ended(asked.id)
    flow_run = await scheduler.services.engine.client.read_flow_run(asked.id)  # type: ignore[arg-type]
    assert flow_run.work_queue_name == "critical"


async def test_a_disabled_task_can_not_be_run_by_hand(scheduler: Scheduler) -> None:
    task = await scheduler.task()
    await scheduler.services.tasks.disable(task.id, ADMIN)
    with pytest.raises(TaskDisabled):
        await scheduler.execute(task)


async def test_a_paused_task_can_be_run_by_hand_and_stays_paused(scheduler: Scheduler) -> None:
    task = await scheduler.task()
    await scheduler.services.tasks.pause(task.id, ADMIN)
    assert (await scheduler.run(task)).status is ExecutionStatus.COMPLETED
    assert (await scheduler.services.tasks.get(task.id)).status is TaskStatus.PAUSED
