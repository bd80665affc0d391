"""Runs that are started, repeated and cancelled in Prefect."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from prefect.client.orchestration import PrefectClient
from prefect.client.schemas.filters import LogFilter, LogFilterFlowRunId
from prefect.client.schemas.objects import State
from prefect.states import AwaitingRetry

from falcon_scheduler.core.domain.execution import ExecutionStatus, Trigger
from tests.conftest import Scheduler, function, wait_until


@pytest.mark.slow
@pytest.mark.usefixtures("worker")
async def test_a_quick_run_from_the_prefect_ui_appears_in_the_history(
    scheduler: Scheduler, client: PrefectClient
) -> None:
    task = await scheduler.task(config=function("echo", to="all"))
    assert task.deployment_id is not None
    flow_run = await client.create_flow_run_from_deployment(UUID(task.deployment_id))
    ended = await scheduler.ended(str(flow_run.id))
    assert ended.status is ExecutionStatus.COMPLETED
    assert ended.trigger is Trigger.PREFECT
    assert [each.id for each in await scheduler.history(task)] == [str(flow_run.id)]


@pytest.mark.slow
@pytest.mark.usefixtures("worker")
async def test_retry_in_prefect_of_a_run_that_ended_starts_another_and_changes_nothing_of_the_ended_one(
    scheduler: Scheduler, client: PrefectClient, tmp_path: Path
) -> None:
    config = {"function_name": "failing", "module": "tests", "parameters": {"file": str(tmp_path / "attempts")}}
    task = await scheduler.task(config=config, max_retries=0)
    ended = await scheduler.run(task)
    run_id = UUID(ended.id)

    async def shows_the_end() -> bool:
        return (await client.read_flow_run(run_id)).state_name == "Failed"

    await wait_until(shows_the_end, "Prefect shows the end of the run")
    before = (await client.read_flow_run(run_id)).state
    retry: State[Any] = AwaitingRetry(message="Retry from the UI")  # what the button of the UI sends
    await client.set_flow_run_state(run_id, retry, force=True)

    async def another() -> bool:
        history = await scheduler.history(task)
        return len(history) == 2 and all(each.status.is_terminal for each in history)

    await wait_until(another, "another execution has run and ended")
    await wait_until(shows_the_end, "Prefect shows the end of the run again")
    after = (await client.read_flow_run(run_id)).state
    assert before is not None
    assert after is not None
    assert (after.type, after.name, after.message) == (before.type, before.name, before.message)
    fresh = next(each for each in await scheduler.history(task) if each.id != ended.id)
    assert fresh.trigger is Trigger.PREFECT
    assert await scheduler.services.runs.get(ended.id) == ended
    record = (await scheduler.services.tasks.get(task.id)).record
    assert (record.failure_count, record.skipped_count) == (2, 0)

    async def said() -> list[Any]:
        wanted = LogFilter(flow_run_id=LogFilterFlowRunId(any_=[run_id]))
        lines = [each for each in await client.read_logs(wanted) if each.timestamp > retry.timestamp]
        return lines if any(fresh.id in each.message for each in lines) else []

    lines = await wait_until(said, "the log says what became of the retry")
    assert all(each.level < logging.ERROR for each in lines), [each.message for each in lines]


@pytest.mark.slow
async def test_a_run_that_waits_for_a_worker_is_pending_and_cancelling_it_in_prefect_ends_it(
    scheduler: Scheduler, client: PrefectClient, stack: Any
) -> None:
    await stack.stop_part("worker")
    try:
        task = await scheduler.task()
        assert task.deployment_id is not None
        flow_run = await client.create_flow_run_from_deployment(UUID(task.deployment_id))

        async def pending() -> bool:
            return [each.status for each in await scheduler.history(task)] == [ExecutionStatus.PENDING]

        await wait_until(pending, "the waiting run shows as pending")
        from prefect.states import Cancelled

        await client.set_flow_run_state(flow_run.id, Cancelled())
        ended = await scheduler.ended(str(flow_run.id))
        assert ended.error == "Task execution was cancelled"
    finally:
        await stack.start_part("worker")
