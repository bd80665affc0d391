"""Runs, workers, facades and the whole machine die: history, Prefect and locks agree again."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import httpx
import psutil
import pytest

from falcon_scheduler.api_facade.office import OFFICE
from falcon_scheduler.core.domain.execution import Execution, ExecutionStatus
from falcon_scheduler.core.domain.outcome import DIED_ERROR
from falcon_scheduler.core.domain.task import Task
from falcon_scheduler.core.services.mirror.run_pictures import agrees
from tests.chaos.stand import FACADES, WORKERS, Stand
from tests.conftest import Scheduler, wait_until
from tests.running.test_runs import from_tests, lines_of

pytestmark = pytest.mark.slow


async def at_work(shop: Scheduler, task: Task, file: Path) -> tuple[Execution, int]:
    """An execution whose work has begun, and its process."""
    execution = await shop.execute(task)

    async def begun() -> list[str]:
        return lines_of(file)

    lines = await wait_until(begun, "the work began")
    await shop.running(execution.id)
    return execution, int(lines[-1].split()[1])


def is_gone(pid: int) -> bool:
    """Whether a process is no more; one that is dead and that nobody has buried counts as gone."""
    try:
        return psutil.Process(pid).status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


async def all_agree(shop: Scheduler, task: Task, execution_id: str) -> Execution:
    """The execution once MongoDB, Prefect and the lock agree that it is over."""
    ended = await shop.ended(execution_id)

    async def agreed() -> bool:
        run = await shop.services.engine.runs.find(execution_id)
        locked = await shop.services.stores.locks.holder(task.id)
        record = (await shop.services.tasks.get(task.id)).record
        over = run is not None and run.phase.is_terminal and agrees(run, ended)
        return over and locked is None and not record.active and record.total_runs == 1

    await wait_until(agreed, "MongoDB, Prefect and the lock agree")
    return ended


async def becomes_healthy(api: httpx.AsyncClient) -> None:
    """Wait until no alert about the outage is open: workers report every few seconds."""

    async def healthy() -> bool:
        return bool((await api.get("/status")).json()["status"] == "healthy")

    await wait_until(healthy, "the service is healthy again")


async def test_when_the_process_of_a_run_is_killed_all_agree_that_it_failed(shop: Scheduler, tmp_path: Path) -> None:
    task = await shop.task(config=from_tests("deaf", file=str(tmp_path / "diary"), seconds=120))
    execution, pid = await at_work(shop, task, tmp_path / "diary")
    os.kill(pid, signal.SIGKILL)
    ended = await all_agree(shop, task, execution.id)
    assert ended.status is ExecutionStatus.FAILED
    assert "Crashed" in ended.error


async def test_when_a_worker_is_killed_its_runs_die_with_it_and_all_agree(
    stand: Stand, shop: Scheduler, tmp_path: Path
) -> None:
    task = await shop.task(config=from_tests("diary", file=str(tmp_path / "diary"), seconds=120))
    execution, pid = await at_work(shop, task, tmp_path / "diary")
    name = next(each for each in WORKERS if any(process.pid == pid for process in stand.processes(each)))
    await stand.kill(name)
    try:
        ended = await all_agree(shop, task, execution.id)
        assert ended.status is ExecutionStatus.FAILED
        assert is_gone(pid)
        assert (await shop.run(await shop.task())).status is ExecutionStatus.COMPLETED  # by the other worker
    finally:
        await stand.start(name)


async def test_a_run_that_was_frozen_and_taken_for_dead_stops_when_it_wakes(shop: Scheduler, tmp_path: Path) -> None:
    task = await shop.task(config=from_tests("deaf", file=str(tmp_path / "diary"), seconds=90))
    execution, pid = await at_work(shop, task, tmp_path / "diary")
    os.kill(pid, signal.SIGSTOP)
    try:
        ended = await all_agree(shop, task, execution.id)
        assert ended.error == DIED_ERROR
    finally:
        os.kill(pid, signal.SIGCONT)

    async def gone() -> bool:
        return is_gone(pid)

    await wait_until(gone, "the process has stopped by itself")
    assert "end" not in lines_of(tmp_path / "diary")
    assert await shop.ended(execution.id) == ended


async def test_another_facade_takes_over_when_the_one_that_follows_prefect_is_killed(
    stand: Stand, shop: Scheduler, tmp_path: Path
) -> None:
    redis = shop.services.stores.redis
    key = f"scheduler:lease:{OFFICE}"

    async def held() -> str | None:
        found = await redis.get(key)
        return None if found is None else str(found)

    holder = await wait_until(held, "a facade holds the office")
    pid = int(holder.split(":")[1])
    name = next(each for each in FACADES if any(process.pid == pid for process in stand.processes(each)))
    await stand.kill(name)
    try:

        async def taken_over() -> bool:
            return await held() not in {None, holder}

        await wait_until(taken_over, "the other facade holds it")
        task = await shop.task(config=from_tests("diary", file=str(tmp_path / "diary"), seconds=120))
        execution, pid = await at_work(shop, task, tmp_path / "diary")
        os.kill(pid, signal.SIGKILL)
        assert (await all_agree(shop, task, execution.id)).status is ExecutionStatus.FAILED
    finally:
        await stand.start(name)


async def test_after_a_power_cut_everything_is_as_it_was_and_what_was_at_work_has_failed(
    stand: Stand, shop: Scheduler, api: httpx.AsyncClient, tmp_path: Path
) -> None:
    before = await shop.run(await shop.task())
    task = await shop.task(config=from_tests("diary", file=str(tmp_path / "diary"), seconds=120))
    execution, pid = await at_work(shop, task, tmp_path / "diary")
    await stand.kill_everything()
    await stand.start_everything()
    assert is_gone(pid)
    ended = await all_agree(shop, task, execution.id)
    assert ended.status is ExecutionStatus.FAILED
    assert await shop.ended(before.id) == before
    await becomes_healthy(api)
    assert (await shop.run(await shop.task())).status is ExecutionStatus.COMPLETED
