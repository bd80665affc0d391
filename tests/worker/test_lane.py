"""http tasks are performed in a lane: many in one process, each with the promises of a run in one of its own."""

from __future__ import annotations

import os
import signal
from collections.abc import AsyncIterator
from datetime import timedelta
from uuid import UUID

import psutil
import pytest
import pytest_asyncio
from prefect.client.orchestration import PrefectClient
from prefect.client.schemas.filters import LogFilter, LogFilterFlowRunId
from prefect.states import Cancelling

from falcon_scheduler.core.domain.execution import Execution, ExecutionStatus
from falcon_scheduler.core.domain.outcome import CANCELLED_ERROR
from falcon_scheduler.core.domain.task import Task
from falcon_scheduler.core.domain.task_definition import Overlap
from falcon_scheduler.deployments.stack.embedded import EmbeddedStack
from tests.conftest import ADMIN, Scheduler, function, wait_until
from tests.executors.web_server import WebServer, serving

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("worker")]


@pytest_asyncio.fixture
async def web() -> AsyncIterator[WebServer]:
    async with serving() as server:
        yield server


@pytest_asyncio.fixture
async def prefect(scheduler: Scheduler) -> PrefectClient:
    return scheduler.services.engine.client


async def http_task(scheduler: Scheduler, url: str, **definition: object) -> Task:
    return await scheduler.task(type="http", config={"url": url}, **{"max_retries": 0, **definition})


async def at_target(web: WebServer, count: int = 1) -> None:
    """Until this many requests have reached the target."""

    async def look() -> bool:
        return len(web.seen) >= count

    await wait_until(look, f"{count} requests reached the target")


async def states(prefect: PrefectClient, execution_id: str) -> list[str | None]:
    """The names of the states that the run went through, once the last one is final."""

    async def look() -> list[str | None] | None:
        found = sorted(await prefect.read_flow_run_states(UUID(execution_id)), key=lambda state: state.timestamp)
        return [state.name for state in found] if found[-1].is_final() else None

    names: list[str | None] = await wait_until(look, f"run {execution_id} has ended in Prefect")
    return names


async def is_free(scheduler: Scheduler, task: Task) -> bool:
    """Whether nothing of a run is left at its task."""
    holder = await scheduler.services.stores.locks.holder(task.id)
    return holder is None and not (await scheduler.services.tasks.get(task.id)).record.active


def lanes(stack: EmbeddedStack) -> list[psutil.Process]:
    """The lanes of the worker."""
    pid = stack.pid("worker")
    assert pid is not None
    return [each for each in psutil.Process(pid).children(recursive=True) if each.name() == "falcon-lane"]


async def test_a_short_http_run_goes_from_scheduled_to_its_end_in_one_step(
    scheduler: Scheduler, prefect: PrefectClient, web: WebServer
) -> None:
    task = await http_task(scheduler, web.url("/echo"))
    ended = await scheduler.run(task)
    assert ended.status is ExecutionStatus.COMPLETED
    assert ended.worker_id
    assert ended.lock_key == f"scheduler:lock:{task.id}"
    assert ended.fencing_token >= 1
    assert len(web.seen) == 1
    names = await states(prefect, ended.id)
    assert [each for each in names if each != "Late"] == ["Scheduled", "Completed"]  # late where the machine is busy

    async def logged() -> bool:
        logs = await prefect.read_logs(LogFilter(flow_run_id=LogFilterFlowRunId(any_=[UUID(ended.id)])))
        return any("200" in log.message for log in logs)

    await wait_until(logged, "the log of the run is in Prefect")
    assert await is_free(scheduler, task)


async def test_a_lasting_http_run_is_running_in_prefect_and_its_timeout_ends_it(
    scheduler: Scheduler, prefect: PrefectClient, web: WebServer
) -> None:
    config = {"url": web.url("/silent"), "timeout": "4s"}
    task = await scheduler.task(type="http", config=config, max_retries=0)
    asked = await scheduler.execute(task)
    await at_target(web)
    await scheduler.running(asked.id)
    ended = await scheduler.ended(asked.id)
    assert ended.status is ExecutionStatus.FAILED
    assert "No complete answer within 4s" in ended.error
    assert (await states(prefect, asked.id))[-2:] == ["Running", "Failed"]


async def test_prefects_pause_right_after_its_beginning_does_not_end_an_http_run(
    scheduler: Scheduler, prefect: PrefectClient, web: WebServer
) -> None:
    """Prefect deletes all runs of the deployment that it calls Scheduled, and this one is among them."""
    task = await http_task(scheduler, web.url("/after/14"), schedule="*/5 * * * * *", overlap=Overlap.SKIP)
    await at_target(web)
    await prefect.pause_deployment(UUID(str(task.deployment_id)))

    async def ended() -> Execution | None:
        history = await scheduler.history(task)
        return history[-1] if history and history[-1].status.is_terminal else None

    first: Execution = await wait_until(ended, "the run has ended")
    assert first.status is ExecutionStatus.COMPLETED, first.error
    assert len(web.seen) == 1
    await wait_until(lambda: is_free(scheduler, task), "nothing of the run is left at its task")


async def test_a_failing_http_run_is_tried_again_and_prefect_shows_each_attempt(
    scheduler: Scheduler, prefect: PrefectClient, web: WebServer
) -> None:
    task = await http_task(scheduler, web.url("/status/503"), max_retries=2, retry_interval=timedelta(seconds=1))
    ended = await scheduler.run(task)
    assert (ended.status, ended.retry_count) == (ExecutionStatus.FAILED, 2)
    assert [seen.headers["x-scheduler-attempt"] for seen in web.seen] == ["1", "2", "3"]
    assert (await states(prefect, ended.id))[-3:] == ["Retrying", "Retrying", "Failed"]


async def _in_prefect(scheduler: Scheduler, execution: Execution) -> None:
    await scheduler.services.engine.client.set_flow_run_state(UUID(execution.id), Cancelling())


async def _by_stop(scheduler: Scheduler, execution: Execution) -> None:
    await scheduler.services.runs.stop(execution.task_id, ADMIN)


@pytest.mark.parametrize("cancel", [_in_prefect, _by_stop])
async def test_a_cancelled_http_run_breaks_its_request_off_and_frees_its_task(
    scheduler: Scheduler, prefect: PrefectClient, web: WebServer, cancel: object
) -> None:
    task = await http_task(scheduler, web.url("/silent"))
    asked = await scheduler.execute(task)
    await at_target(web)
    await cancel(scheduler, asked)  # type: ignore[operator]

    async def broken_off() -> bool:
        return web.open_connections == 0

    await wait_until(broken_off, "the request is broken off")
    ended = await scheduler.ended(asked.id)
    assert (ended.status, ended.error) == (ExecutionStatus.FAILED, CANCELLED_ERROR)
    assert (await states(prefect, asked.id))[-1] == "Cancelled"
    assert await is_free(scheduler, task)


async def test_a_run_that_replaces_another_cancels_it_in_the_same_lane(scheduler: Scheduler, web: WebServer) -> None:
    task = await http_task(scheduler, web.url("/silent"), overlap=Overlap.CANCEL_RUNNING)
    first = await scheduler.execute(task)
    await at_target(web)
    second = await scheduler.execute(task)
    assert (await scheduler.ended(first.id)).error == CANCELLED_ERROR
    await at_target(web, 2)
    assert web.seen[1].headers["x-scheduler-execution-id"] == second.id
    await scheduler.services.runs.stop(task.id, ADMIN)


async def test_queued_http_runs_run_one_after_the_other_in_order(scheduler: Scheduler, web: WebServer) -> None:
    task = await http_task(scheduler, web.url("/echo"), overlap=Overlap.QUEUE)
    asked = [await scheduler.execute(task) for _ in range(3)]
    for execution in asked:
        assert (await scheduler.ended(execution.id)).status is ExecutionStatus.COMPLETED
    assert [seen.headers["x-scheduler-execution-id"] for seen in web.seen] == [each.id for each in asked]


async def test_slow_http_runs_leave_the_process_slots_to_others(
    stack: EmbeddedStack, scheduler: Scheduler, web: WebServer
) -> None:
    """More of them than the worker has processes; all are in one lane."""
    slow = [await http_task(scheduler, web.url("/silent")) for _ in range(14)]
    for task in slow:
        await scheduler.execute(task)
    await at_target(web, len(slow))
    quick = await scheduler.task(config=function("echo", a=1))
    assert (await scheduler.run(quick)).status is ExecutionStatus.COMPLETED
    assert len(lanes(stack)) == 1
    for task in slow:
        await scheduler.services.runs.stop(task.id, ADMIN)


async def test_when_a_lane_is_killed_its_runs_fail_with_the_reason_and_the_next_run_finds_another(
    stack: EmbeddedStack, scheduler: Scheduler, prefect: PrefectClient, web: WebServer
) -> None:
    task = await http_task(scheduler, web.url("/silent"))
    asked = await scheduler.execute(task)
    await at_target(web)
    (lane,) = lanes(stack)
    lane.send_signal(signal.SIGKILL)
    ended = await scheduler.ended(asked.id)
    assert ended.status is ExecutionStatus.FAILED
    assert "The lane of the run was killed by signal 9" in ended.error
    assert (await states(prefect, asked.id))[-1] == "Crashed"
    quick = await http_task(scheduler, web.url("/echo"))
    assert (await scheduler.run(quick)).status is ExecutionStatus.COMPLETED

    async def free() -> bool:
        return await is_free(scheduler, task)

    await wait_until(free, "the task of the killed run is free")


async def test_a_lane_whose_loop_stands_still_is_killed_and_replaced(
    stack: EmbeddedStack, scheduler: Scheduler, web: WebServer
) -> None:
    task = await http_task(scheduler, web.url("/silent"))
    asked = await scheduler.execute(task)
    await at_target(web)
    (lane,) = lanes(stack)
    lane.suspend()
    ended = await scheduler.ended(asked.id)
    assert ended.status is ExecutionStatus.FAILED
    quick = await http_task(scheduler, web.url("/echo"))
    assert (await scheduler.run(quick)).status is ExecutionStatus.COMPLETED
    assert not psutil.pid_exists(lane.pid) or lane.status() == psutil.STATUS_ZOMBIE


async def test_an_http_run_with_job_variables_has_a_process_of_its_own(
    stack: EmbeddedStack, scheduler: Scheduler, prefect: PrefectClient, web: WebServer
) -> None:
    task = await http_task(scheduler, web.url("/silent"))
    asked = await prefect.create_flow_run_from_deployment(
        UUID(str(task.deployment_id)), job_variables={"env": {"NOTE": "here"}}
    )
    await at_target(web)
    pid = stack.pid("worker")
    assert pid is not None

    async def forked() -> bool:
        names = [os.fsdecode(each.name()) for each in psutil.Process(pid).children(recursive=True)]
        return len([name for name in names if name != "falcon-lane"]) >= 2  # the preloaded one and the run

    await wait_until(forked, "the run has a process")
    await scheduler.services.runs.stop(task.id, ADMIN)
    assert (await scheduler.ended(str(asked.id))).error == CANCELLED_ERROR
