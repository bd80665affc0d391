"""`overlap: queue` is a queue: first asked or first due, first run, by the work's own log."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import UUID

import pytest
from prefect.states import Scheduled

from falcon_scheduler.adapters.prefect.names import AWAITING_TURN
from falcon_scheduler.core.domain.execution import ExecutionStatus
from falcon_scheduler.core.domain.task import Task
from falcon_scheduler.core.domain.task_definition import Overlap
from tests.conftest import ADMIN, Scheduler
from tests.running.test_runs import from_tests, lines_of

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("worker")]


async def asked_in_prefect(scheduler: Scheduler, task: Task, text: str) -> str:
    """A run asked for at Prefect's door, like that of its UI."""
    assert task.deployment_id is not None
    client = scheduler.services.engine.client
    given = {"task_id": task.id, "parameters": {"text": text}}
    return str((await client.create_flow_run_from_deployment(UUID(task.deployment_id), parameters=given)).id)


async def test_eight_that_are_asked_one_after_the_other_run_in_this_order_though_one_dies_and_one_is_cancelled(
    scheduler: Scheduler, tmp_path: Path
) -> None:
    file = tmp_path / "line"
    task = await scheduler.task(
        config=from_tests("in_line", file=str(file), text="?"), overlap=Overlap.QUEUE, max_retries=0
    )
    asked = []
    for number in range(8):
        if number == 2:
            asked.append(await asked_in_prefect(scheduler, task, "2"))
        else:
            asked.append((await scheduler.execute(task, text=str(number), dies=number == 3)).id)
        await asyncio.sleep(0.4)
    cancelled = (await scheduler.execute(task, text="cancelled")).id
    await scheduler.services.engine.runs.cancel(cancelled)
    last = (await scheduler.execute(task, text="8")).id
    ended = [await scheduler.ended(each) for each in (*asked, last)]
    assert lines_of(file) == [str(number) for number in range(9)]
    failed = [number for number, each in enumerate(ended) if each.status is not ExecutionStatus.COMPLETED]
    assert failed == [3]
    assert (await scheduler.services.tasks.get(task.id)).record.skipped_count == 0


async def test_a_run_that_is_given_the_only_slot_before_its_turn_gives_way_to_the_one_before_it(
    scheduler: Scheduler, tmp_path: Path
) -> None:
    """The first comes back to ask only later than workers look ahead, and the slot is free all that time."""
    file = tmp_path / "line"
    task = await scheduler.task(config=from_tests("in_line", file=str(file), text="?"), overlap=Overlap.QUEUE)
    await scheduler.services.tasks.pause(task.id, ADMIN)
    blocker = await scheduler.execute(task, text="0", seconds=3)
    first = (await scheduler.execute(task, text="1")).id
    later = Scheduled(name=AWAITING_TURN, scheduled_time=datetime.now(UTC) + timedelta(seconds=14))  # type: ignore[var-annotated]
    await scheduler.services.engine.client.set_flow_run_state(UUID(first), later, force=True)
    second = await asked_in_prefect(scheduler, task, "2")
    for each in (blocker.id, first, second):
        assert (await scheduler.ended(each)).status is ExecutionStatus.COMPLETED
    assert lines_of(file) == ["0", "1", "2"]


async def test_scheduled_and_manual_runs_stand_in_one_line(scheduler: Scheduler, tmp_path: Path) -> None:
    file = tmp_path / "line"
    task = await scheduler.task(
        config=from_tests("in_line", file=str(file), text="due"), overlap=Overlap.QUEUE, schedule="*/2 * * * * *"
    )
    manual = [(await scheduler.execute(task, text=f"asked {number}")).id for number in range(4)]
    for each in manual:
        assert (await scheduler.ended(each)).status is ExecutionStatus.COMPLETED
    await scheduler.services.tasks.pause(task.id, ADMIN)
    begun = [line for line in lines_of(file) if line.startswith("asked")]
    assert begun == [f"asked {number}" for number in range(4)]
