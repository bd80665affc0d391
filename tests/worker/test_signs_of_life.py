"""A worker that was killed can't say so. It counts as dead soon, long before Prefect finds out."""

from __future__ import annotations

import os
import signal

import psutil
import pytest
from prefect.client.schemas.objects import WorkerStatus
from redis.asyncio import Redis

from falcon_scheduler.adapters.redis.client import open_redis
from falcon_scheduler.adapters.redis.workers import WorkerReport, report_slots, reports
from tests.conftest import wait_until
from tests.worker.conftest import Pool, StartWorker, make_pool

pytestmark = pytest.mark.slow


async def reported(redis: Redis, pool: Pool, worker: str) -> WorkerReport | None:
    return (await reports(redis, pool.name, [worker])).get(worker)


async def test_a_killed_worker_is_dead_while_prefect_still_has_it_online(
    pool: Pool, start_worker: StartWorker
) -> None:
    pool = await make_pool(pool.client)  # for this worker alone
    worker = start_worker(pool, limit=7)
    await worker.started()
    [known] = await pool.client.read_workers_for_work_pool(pool.name)
    password = os.environ["REDIS_PASSWORD"]
    async with open_redis("127.0.0.1", int(os.environ["REDIS_PORT"]), password, 0) as redis:

        async def lives() -> bool:
            report = await reported(redis, pool, known.name)
            return report is not None and report.slots == 7 and not report.is_dead

        async def is_dead() -> bool:
            report = await reported(redis, pool, known.name)
            return report is not None and report.is_dead

        await wait_until(lives, "the worker has reported that it lives")
        children = psutil.Process(worker.process.pid).children(recursive=True)
        worker.process.send_signal(signal.SIGKILL)
        await wait_until(is_dead, "the killed worker counts as dead")
        [known] = await pool.client.read_workers_for_work_pool(pool.name)
        assert known.status is WorkerStatus.ONLINE
        psutil.wait_procs(children, timeout=60)


async def test_a_worker_that_never_sent_a_sign_of_life_is_taken_at_prefects_word(pool: Pool) -> None:
    password = os.environ["REDIS_PASSWORD"]
    async with open_redis("127.0.0.1", int(os.environ["REDIS_PORT"]), password, 0) as redis:
        await report_slots(redis, pool.name, "of an earlier version", 4, 0)
        report = await reported(redis, pool, "of an earlier version")
    assert report == WorkerReport(slots=4, http_slots=0, is_dead=False)
