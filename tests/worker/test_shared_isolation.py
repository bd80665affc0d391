"""Functions and executors that ask for it are performed in the lane, with the promises of a process of their own."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from prefect.client.schemas.filters import LogFilter, LogFilterFlowRunId

from falcon_scheduler.core.domain.execution import ExecutionStatus
from falcon_scheduler.core.domain.outcome import CANCELLED_ERROR
from falcon_scheduler.core.domain.task import Task
from falcon_scheduler.deployments.stack.embedded import EmbeddedStack
from tests.conftest import ADMIN, Scheduler, wait_until
from tests.running.test_runs import from_tests, lines_of
from tests.worker.test_lane import is_free, lanes

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("worker")]


async def shared(scheduler: Scheduler, file: Path, seconds: float = 0.0, **options: Any) -> Task:
    config = from_tests("beside", file=str(file), seconds=seconds)
    return await scheduler.task(config=config, max_retries=0, **options)


async def process_of(file: Path) -> int:
    async def begun() -> list[str]:
        return lines_of(file)

    return int((await wait_until(begun, "the work began"))[0].split()[1])


async def test_shared_runs_are_in_the_lane_and_others_are_not(
    stack: EmbeddedStack, scheduler: Scheduler, tmp_path: Path
) -> None:
    tasks = [
        await shared(scheduler, tmp_path / "a"),
        await scheduler.task(type="sharing", config={"file": str(tmp_path / "b")}),
        await scheduler.task(config=from_tests("diary", file=str(tmp_path / "c"))),
    ]
    ended = [await scheduler.run(task) for task in tasks]
    assert [each.status for each in ended] == [ExecutionStatus.COMPLETED] * 3
    assert [each.output for each in ended] == ["waited 0 s"] * 3
    [lane] = lanes(stack)
    pids = [await process_of(tmp_path / name) for name in "abc"]
    assert pids[:2] == [lane.pid] * 2
    assert pids[2] != lane.pid


async def test_a_shared_run_is_stopped_with_proof_while_the_one_beside_it_goes_on(
    scheduler: Scheduler, tmp_path: Path
) -> None:
    tasks = [await shared(scheduler, tmp_path / name, seconds=6) for name in "ab"]
    asked = [await scheduler.execute(task) for task in tasks]
    assert len({await process_of(tmp_path / name) for name in "ab"}) == 1
    await scheduler.services.runs.stop(tasks[0].id, ADMIN)
    stopped = await scheduler.ended(asked[0].id)
    assert (stopped.status, stopped.error) == (ExecutionStatus.FAILED, CANCELLED_ERROR)
    assert lines_of(tmp_path / "a")[1:] == ["cancelled"]
    await wait_until(lambda: is_free(scheduler, tasks[0]), "nothing of the stopped run is left at its task")
    assert (await scheduler.ended(asked[1].id)).status is ExecutionStatus.COMPLETED


async def test_a_shared_run_has_its_retries_and_a_log_of_its_own(scheduler: Scheduler, tmp_path: Path) -> None:
    config = from_tests("beside", file=str(tmp_path / "failing"), fails=True)
    task = await scheduler.task(config=config, max_retries=1, retry_interval=timedelta(seconds=1))
    ended = await scheduler.run(task)
    assert (ended.error, ended.retry_count) == ("ValueError: not this time", 1)

    async def logged() -> bool:
        wanted = LogFilter(flow_run_id=LogFilterFlowRunId(any_=[UUID(ended.id)]))
        logs = [log.message for log in await scheduler.services.engine.client.read_logs(wanted)]
        return {f"attempt {number} writes its diary" for number in (1, 2)} <= {*logs}

    await wait_until(logged, "both attempts are in the log of their own run")
