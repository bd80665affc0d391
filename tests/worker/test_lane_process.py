"""A lane with no server behind it: what it reports to its worker, and how it ends."""

from __future__ import annotations

import os
import signal
from collections.abc import AsyncIterator

import psutil
import pytest
from prefect.client.orchestration import PrefectClient

from falcon_scheduler.flows.interprocess.messages import RunPerformed
from falcon_scheduler.flows.worker.lane import LaneEnd
from falcon_scheduler.flows.worker.lane_keeper import LaneKeeper
from falcon_scheduler.flows.worker.launcher import Launcher
from falcon_scheduler.flows.worker.log_shipping import LogShipper
from tests.conftest import wait_until
from tests.worker.conftest import is_alive

pytestmark = pytest.mark.slow

RUN = "0198c0de-0000-7000-8000-000000000001"
FLOW_RUN = {"id": RUN, "flow_id": "0198c0de-0000-7000-8000-000000000002", "parameters": {"task_id": "t-1"}}


@pytest.fixture(scope="module")
async def launcher() -> AsyncIterator[Launcher]:
    nowhere = {"PREFECT_API_URL": "http://127.0.0.1:9/api", "MONGODB_URI": "mongodb://127.0.0.1:9", "REDIS_PORT": "9"}
    launcher = Launcher({**os.environ, **nowhere})
    await launcher.start()
    yield launcher
    await launcher.close()


@pytest.fixture
async def lanes(launcher: Launcher) -> AsyncIterator[LaneKeeper]:
    async with PrefectClient("http://127.0.0.1:9/api") as client:
        lanes = LaneKeeper(launcher, LogShipper(client), memory_bound_mb=2000)
        yield lanes
        await lanes.close()


async def test_a_run_that_is_interrupted_before_its_first_step_ends_without_a_state(lanes: LaneKeeper) -> None:
    run = (await lanes.lane()).perform(RUN, FLOW_RUN, "http-task")
    run.interrupt("cancelled")
    assert await run.events.get() == RunPerformed(RUN, None, None)


async def test_a_run_that_is_over_is_no_reason_to_kill_its_lane(lanes: LaneKeeper) -> None:
    """Its supervisor may still wait for Prefect to take the end, and get a cancellation then."""
    lane = await lanes.lane()
    run = lane.perform(RUN, FLOW_RUN, "http-task")
    assert run.is_at_work
    run.interrupt("cancelled")
    await run.events.get()
    run.kill()
    assert lane.is_usable
    other = lane.perform(RUN[:-1] + "2", FLOW_RUN | {"id": RUN[:-1] + "2"}, "http-task")
    other.interrupt("cancelled")
    assert isinstance(await other.events.get(), RunPerformed)


async def test_a_run_that_can_not_be_read_ends_alone(lanes: LaneKeeper) -> None:
    lane = await lanes.lane()
    event = await lane.perform("no id", {"id": "no id"}, "http-task").events.get()
    assert isinstance(event, RunPerformed)
    assert "can't be read" in (event.error or "")
    assert await lanes.lane() is lane


async def test_the_runs_of_a_killed_lane_hear_of_it_once_nothing_of_it_is_left(lanes: LaneKeeper) -> None:
    lane = await lanes.lane()
    ids = [RUN[:-1] + str(number) for number in range(3)]
    runs = [lane.perform(each, FLOW_RUN | {"id": each}, "http-task") for each in ids]
    os.kill(lane.process.pid, signal.SIGKILL)
    for run in runs:
        event = await run.events.get()
        assert isinstance(event, LaneEnd)
        assert (event.process.status, event.reason) == (signal.SIGKILL, "")
    assert not is_alive(lane.process.pid)


async def test_a_lane_that_has_grown_finishes_its_runs_and_takes_no_more(lanes: LaneKeeper) -> None:
    lane = await lanes.lane()
    in_use_mb = psutil.Process(lane.process.pid).memory_info().rss // 1024**2
    narrow = LaneKeeper(lanes._launcher, lanes._logs, memory_bound_mb=in_use_mb * 2 // 3)
    lane = await narrow.lane()
    run = lane.perform(RUN, FLOW_RUN, "http-task")

    async def retired() -> bool:
        return not lane.is_usable

    await wait_until(retired, "the lane gets no more runs")
    assert is_alive(lane.process.pid)
    assert await narrow.lane() is not lane
    run.interrupt("shutdown")
    await run.events.get()
    await lane.ended()
    await narrow.close()
    assert not is_alive(lane.process.pid)


async def test_a_lane_that_has_fallen_silent_gets_no_more_runs(lanes: LaneKeeper) -> None:
    lane = await lanes.lane()
    await lane.perform("no id", {"id": "no id"}, "http-task").events.get()
    os.kill(lane.process.pid, signal.SIGSTOP)

    async def silent() -> bool:
        return not lane.is_usable

    await wait_until(silent, "the lane is noticed to be silent")
    assert is_alive(lane.process.pid)
    assert await lanes.lane() is not lane
