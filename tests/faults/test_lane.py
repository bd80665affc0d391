"""What happens to http runs in a lane when workers and servers go away: nothing else than to any run."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import AsyncIterator
from datetime import timedelta

import psutil
import pytest
import pytest_asyncio

from falcon_scheduler.core.domain.execution import ExecutionStatus
from falcon_scheduler.core.domain.outcome import CANCELLED_ERROR, DIED_ERROR
from falcon_scheduler.core.domain.task import Task
from tests.chaos.stand import WORKERS, Stand
from tests.conftest import ADMIN, Scheduler, wait_until
from tests.executors.web_server import WebServer, serving
from tests.faults.test_processes import all_agree, is_gone

pytestmark = pytest.mark.slow

CANCEL_GRACE_SECONDS = 3
"""Of the stand: SCHEDULER_CANCEL_GRACE."""


@pytest_asyncio.fixture
async def web() -> AsyncIterator[WebServer]:
    async with serving() as server:
        yield server


async def http_task(shop: Scheduler, url: str) -> Task:
    return await shop.task(type="http", config={"url": url}, max_retries=0, timeout=timedelta(minutes=5))


async def at_target(web: WebServer) -> None:
    async def look() -> bool:
        return bool(web.seen)

    await wait_until(look, "the request reached the target")


def lanes_of(stand: Stand, worker: str) -> list[psutil.Process]:
    """None while the worker starts."""
    return [each for each in stand.processes(worker) if each.name() == "falcon-lane"]


async def test_two_workers_share_http_runs_and_none_is_performed_twice(shop: Scheduler, web: WebServer) -> None:
    tasks = [await http_task(shop, web.url("/after/0.2")) for _ in range(16)]
    executions = [await shop.execute(task) for task in tasks]
    ends = [await shop.ended(execution.id) for execution in executions]
    assert {end.status for end in ends} == {ExecutionStatus.COMPLETED}
    asked = [seen.headers["x-scheduler-execution-id"] for seen in web.seen]
    assert sorted(asked) == sorted(end.id for end in ends)


async def test_when_a_worker_is_killed_its_lane_dies_with_it_and_all_agree(
    stand: Stand, shop: Scheduler, web: WebServer
) -> None:
    task = await http_task(shop, web.url("/silent"))
    execution = await shop.execute(task)
    await at_target(web)
    name = next(each for each in WORKERS if _has_connection(stand, each, web.port))
    (lane,) = lanes_of(stand, name)
    await stand.kill(name)
    try:
        ended = await all_agree(shop, task, execution.id)
        assert ended.status is ExecutionStatus.FAILED
        assert is_gone(lane.pid)
        other = await http_task(shop, web.url("/echo"))
        assert (await shop.run(other)).status is ExecutionStatus.COMPLETED
    finally:
        await stand.start(name)


def _has_connection(stand: Stand, worker: str, port: int) -> bool:
    connections = [each for lane in lanes_of(stand, worker) for each in lane.net_connections()]
    return any(each.raddr and each.raddr.port == port for each in connections)


async def test_a_lane_that_was_frozen_and_whose_runs_were_taken_for_dead_stops_them_when_it_wakes(
    stand: Stand, shop: Scheduler, web: WebServer
) -> None:
    task = await http_task(shop, web.url("/after/60"))
    execution = await shop.execute(task)
    await at_target(web)
    name = next(each for each in WORKERS if _has_connection(stand, each, web.port))
    frozen = stand.processes(name)
    for process in frozen:
        process.suspend()
    try:
        ended = await all_agree(shop, task, execution.id)
        assert ended.error == DIED_ERROR
    finally:
        for process in frozen:
            process.resume()

    async def broken_off() -> bool:
        return web.open_connections == 0

    await wait_until(broken_off, "the request is broken off")
    assert await shop.ended(execution.id) == ended


async def test_a_run_that_is_cancelled_while_mongodb_is_away_costs_no_other_run_of_its_lane_its_life(
    stand: Stand, shop: Scheduler, web: WebServer
) -> None:
    executions = [await shop.execute(await http_task(shop, web.url("/silent"))) for _ in range(6)]
    await open_requests(web, 6)
    stand.signal("mongo", signal.SIGSTOP)
    try:
        await shop.services.engine.runs.cancel(executions[0].id)
        await open_requests(web, 5)
        await asyncio.sleep(CANCEL_GRACE_SECONDS + 2)
    finally:
        stand.signal("mongo", signal.SIGCONT)
    assert (await shop.ended(executions[0].id)).error == CANCELLED_ERROR
    assert web.open_connections == 5
    for execution in executions[1:]:
        await shop.services.runs.cancel(execution.id, ADMIN)
        assert (await shop.ended(execution.id)).error == CANCELLED_ERROR


async def open_requests(web: WebServer, count: int) -> None:
    async def look() -> bool:
        return web.open_connections == count

    await wait_until(look, f"{count} requests are open")


async def test_while_redis_is_away_http_runs_go_on(stand: Stand, shop: Scheduler, web: WebServer) -> None:
    task = await http_task(shop, web.url("/echo"))
    await stand.stop("valkey")
    try:
        assert (await shop.run(task)).status is ExecutionStatus.COMPLETED
    finally:
        await stand.start("valkey")


async def test_the_end_of_an_http_run_that_could_not_reach_mongodb_is_recovered_from_prefect(
    stand: Stand, shop: Scheduler, web: WebServer
) -> None:
    task = await http_task(shop, web.url("/after/6"))
    execution = await shop.execute(task)
    await at_target(web)
    await stand.stop("mongo")
    try:

        async def ended_in_prefect() -> bool:
            run = await shop.services.engine.runs.find(execution.id)
            return run is not None and run.phase == "succeeded"

        await wait_until(ended_in_prefect, "the run ended without MongoDB", patience_seconds=120)
    finally:
        await stand.start("mongo")
    ended = await all_agree(shop, task, execution.id)
    assert (ended.status, ended.output) == (ExecutionStatus.COMPLETED, "at last")


async def test_the_end_of_an_http_run_reaches_prefect_when_it_answers_again(
    stand: Stand, shop: Scheduler, web: WebServer
) -> None:
    task = await http_task(shop, web.url("/after/6"))
    execution = await shop.execute(task)
    await at_target(web)
    await stand.stop("prefect")
    try:
        ended = await shop.ended(execution.id)
        assert (ended.status, ended.output) == (ExecutionStatus.COMPLETED, "at last")
    finally:
        await stand.start("prefect")
    await all_agree(shop, task, execution.id)
    assert len(web.seen) == 1
