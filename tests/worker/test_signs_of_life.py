"""A worker that was killed can't say so. It counts as dead soon, long before Prefect finds out."""

from __future__ import annotations

import os
import signal
from datetime import UTC, datetime

import psutil
import pytest
from prefect.client.schemas.objects import WorkerStatus
from redis.asyncio import Redis

from falcon_scheduler.adapters.redis.client import open_redis
from falcon_scheduler.adapters.redis.locks import milliseconds
from falcon_scheduler.adapters.redis.workers import (
    ENDED_AFTER,
    WorkerReport,
    alive_key,
    report_end,
    report_life,
    report_slots,
    reports,
    slots_key,
)
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


async def test_a_stopped_worker_counts_as_dead_sooner(pool: Pool, start_worker: StartWorker) -> None:
    pool = await make_pool(pool.client)
    before = datetime.now(UTC)
    worker = start_worker(pool)
    await worker.started()
    [known] = await pool.client.read_workers_for_work_pool(pool.name)
    password = os.environ["REDIS_PASSWORD"]
    async with open_redis("127.0.0.1", int(os.environ["REDIS_PORT"]), password, 0) as redis:

        async def alive() -> WorkerReport | None:
            report = await reported(redis, pool, known.name)
            return report if report is not None and report.seen_at is not None else None

        report: WorkerReport = await wait_until(alive, "the worker has reported that it lives")
        assert report.began_at is not None
        assert report.seen_at is not None
        assert before < report.began_at <= report.seen_at <= datetime.now(UTC)
        worker.process.send_signal(signal.SIGTERM)
        worker.process.wait(timeout=60)
        assert await redis.pttl(alive_key(pool.name, known.name)) <= milliseconds(ENDED_AFTER)


async def test_a_dead_worker_stays_dead_when_its_number_of_slots_has_expired(pool: Pool) -> None:
    password = os.environ["REDIS_PASSWORD"]
    async with open_redis("127.0.0.1", int(os.environ["REDIS_PORT"]), password, 0) as redis:
        now = datetime.now(UTC)
        await report_slots(redis, pool.name, "dead", 4, 0)
        await report_life(redis, pool.name, "dead", now, now)
        await redis.delete(slots_key(pool.name, "dead"))
        alive = await reported(redis, pool, "dead")
        assert alive == WorkerReport(slots=None, http_slots=0, is_dead=False, began_at=now, seen_at=now)
        await report_end(redis, pool.name, "dead")

        async def is_dead() -> bool:
            return await reported(redis, pool, "dead") == WorkerReport(slots=None, http_slots=0, is_dead=True)

        await wait_until(is_dead, "its sign of life has expired")


async def test_a_worker_that_never_sent_a_sign_of_life_is_taken_at_prefects_word(pool: Pool) -> None:
    password = os.environ["REDIS_PASSWORD"]
    async with open_redis("127.0.0.1", int(os.environ["REDIS_PORT"]), password, 0) as redis:
        await report_slots(redis, pool.name, "of an earlier version", 4, 0)
        report = await reported(redis, pool, "of an earlier version")
    assert report == WorkerReport(slots=4, http_slots=0, is_dead=False)
