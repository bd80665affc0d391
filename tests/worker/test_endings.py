"""How runs end that are not left to end by themselves: cancelled, stopped with their worker, orphaned."""

from __future__ import annotations

import asyncio
import os
import signal
import uuid
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager
from pathlib import Path

import psutil
import pytest
from prefect.states import Cancelled, Suspended
from redis.asyncio import Redis

from falcon_scheduler.adapters.redis.client import open_redis
from falcon_scheduler.adapters.redis.wake import wake_workers, wakes
from falcon_scheduler.adapters.settings import Settings
from tests.conftest import wait_until
from tests.worker.conftest import Pool, StartWorker, WorkerProcess, is_alive, make_pool

pytestmark = pytest.mark.slow


def _text_of(note: Path) -> str | None:
    return note.read_text() if note.exists() else None


async def _written(note: Path) -> str:
    async def look() -> str | None:
        return await asyncio.to_thread(_text_of, note)

    text: str = await wait_until(look, f"{note} is written")
    return text


async def test_a_cancelled_run_cleans_up_and_knows_why(
    pool: Pool, warm_worker: WorkerProcess, tmp_path: Path
) -> None:
    run = await pool.run("sleep", note=str(tmp_path / "reason"))
    await pool.running(run)
    await pool.cancel(run)
    state = await pool.ended(run)
    assert state.is_cancelled()
    assert (tmp_path / "reason").read_text() == "cancelled"


async def test_a_sync_run_is_interrupted_by_its_cancellation(pool: Pool, warm_worker: WorkerProcess) -> None:
    run = await pool.run("sleep_sync")
    await pool.running(run)
    await pool.cancel(run)
    assert (await pool.ended(run)).is_cancelled()


@pytest.mark.parametrize("flow_name", ["deaf", "blocked"])
async def test_a_run_that_will_not_hear_is_killed_and_cancelled(
    pool: Pool, warm_worker: WorkerProcess, flow_name: str, tmp_path: Path
) -> None:
    run = await pool.run(flow_name, note=str(tmp_path / "pid"))
    pid = int(await _written(tmp_path / "pid"))
    await pool.cancel(run)
    assert (await pool.ended(run)).is_cancelled()
    assert not is_alive(pid)


async def test_nothing_that_a_cancelled_run_has_started_outlives_it(
    pool: Pool, warm_worker: WorkerProcess, tmp_path: Path
) -> None:
    run = await pool.run("forking", note=str(tmp_path / "pids"))
    pids = [int(pid) for pid in (await _written(tmp_path / "pids")).split()]
    assert all(is_alive(pid) for pid in pids)
    await pool.cancel(run)
    assert (await pool.ended(run)).is_cancelled()
    assert not [pid for pid in pids if is_alive(pid)]


async def test_a_run_forced_into_cancelled_is_ended_as_well(
    pool: Pool, warm_worker: WorkerProcess, tmp_path: Path
) -> None:
    run = await pool.run("forking", note=str(tmp_path / "pids"))
    pids = [int(pid) for pid in (await _written(tmp_path / "pids")).split()]
    await pool.client.set_flow_run_state(run, Cancelled(message="by hand"), force=True)

    async def gone() -> bool:
        return not [pid for pid in pids if is_alive(pid)]

    await wait_until(gone, "its processes are gone")
    assert (await pool.ended(run)).message == "by hand"


async def test_a_suspended_run_stops_at_its_next_step_and_can_be_resumed(
    pool: Pool, warm_worker: WorkerProcess
) -> None:
    run = await pool.run("sleep", seconds=3)
    await pool.running(run)
    await pool.client.set_flow_run_state(run, Suspended(timeout_seconds=600))
    await pool.logs(run, "Finished in state Suspended")
    assert (await pool.client.read_flow_run(run)).state_name == "Suspended"
    await pool.client.resume_flow_run(run)
    assert (await pool.ended(run)).is_completed()


async def test_a_run_cancelled_while_it_waits_never_begins(narrow_pool: Pool, tmp_path: Path) -> None:
    blocker = await narrow_pool.run("sleep", seconds=600)
    await narrow_pool.running(blocker)
    waiting = await narrow_pool.run("sign", note=str(tmp_path / "signed"))
    await narrow_pool.cancel(waiting)
    after = await narrow_pool.run("nothing")
    await narrow_pool.cancel(blocker)
    assert (await narrow_pool.ended(after)).is_completed()
    assert (await narrow_pool.ended(waiting)).is_cancelled()
    assert not (tmp_path / "signed").exists()


async def test_a_stopped_worker_ends_its_runs_as_crashed_and_leaves_the_waiting_ones_to_another(
    pool: Pool, start_worker: StartWorker, tmp_path: Path
) -> None:
    own_pool = await make_pool(pool.client)
    worker = start_worker(own_pool, limit=1, SCHEDULER_SHUTDOWN_GRACE="1s")
    under_way = await own_pool.run("sleep", note=str(tmp_path / "reason"))
    await own_pool.running(under_way)
    waiting = await own_pool.run("nothing")
    await worker.stop()
    state = await own_pool.ended(under_way)
    assert state.is_crashed()
    assert "worker was stopped" in str(state.message)
    assert (tmp_path / "reason").read_text() == "shutdown"
    second = start_worker(own_pool, limit=1)
    assert (await own_pool.ended(waiting)).is_completed()
    await second.stop()


async def test_runs_that_can_finish_within_the_grace_do(pool: Pool, start_worker: StartWorker) -> None:
    own_pool = await make_pool(pool.client)
    worker = start_worker(own_pool, limit=1, SCHEDULER_SHUTDOWN_GRACE="60s")
    run = await own_pool.run("sleep", seconds=3)
    await own_pool.running(run)
    await worker.stop()
    assert (await own_pool.ended(run)).is_completed()


async def test_runs_of_a_worker_that_is_killed_are_killed_and_crashed(
    pool: Pool, start_worker: StartWorker, tmp_path: Path
) -> None:
    own_pool = await make_pool(pool.client)
    worker = start_worker(own_pool)
    run = await own_pool.run("forking", note=str(tmp_path / "pids"))
    pids = [int(pid) for pid in (await _written(tmp_path / "pids")).split()]
    await own_pool.running(run)
    await worker.stop(signal.SIGKILL)
    state = await own_pool.ended(run)
    assert state.is_crashed()
    assert "worker died" in str(state.message)
    assert not [pid for pid in pids if is_alive(pid)]


async def test_a_worker_whose_preloaded_process_is_killed_crashes_its_runs_and_goes_on(
    pool: Pool, start_worker: StartWorker, tmp_path: Path
) -> None:
    own_pool = await make_pool(pool.client)
    worker = start_worker(own_pool)
    run = await own_pool.run("forking", note=str(tmp_path / "pids"))
    pids = [int(pid) for pid in (await _written(tmp_path / "pids")).split()]
    [preloaded] = psutil.Process(worker.process.pid).children()
    preloaded.kill()
    assert (await own_pool.ended(run)).is_crashed()
    *members, daemon = pids
    os.kill(daemon, signal.SIGKILL)  # it had left the group, and whoever would have known is dead
    assert not [pid for pid in members if is_alive(pid)]
    assert (await own_pool.ended(await own_pool.run("nothing"))).is_completed()
    await worker.stop()


async def test_wake_ups_reach_whoever_listens_on_the_pool(settings: Settings) -> None:
    pool, run = f"pool-{uuid.uuid4().hex[:6]}", str(uuid.uuid4())
    async with _redis(settings) as listening, _redis(settings) as speaking:
        heard = asyncio.create_task(_first(wakes(listening, pool)))

        async def somebody_heard() -> bool:
            return await wake_workers(speaking, pool, run) > 0

        await wait_until(somebody_heard, "a listener is there")
        assert await heard == run


def _redis(settings: Settings) -> AbstractAsyncContextManager[Redis]:
    password = settings.redis.password.get_secret_value() if settings.redis.password else None
    return open_redis(settings.redis.host, settings.redis.port, password, settings.redis.db)


async def _first(messages: AsyncIterator[str]) -> str:
    return await anext(messages)
