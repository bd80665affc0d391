"""The causes that are injected. Each makes a task that is due at an instant, and something happen to it.

An injection returns what is to be asked, and the one right answer. Those in `TOGETHER` disturb nothing but their own
task, so they are injected at the same time; those in `ALONE` disturb everything.
"""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from uuid import UUID

from prefect.client.schemas.actions import WorkPoolUpdate

from falcon_scheduler.adapters.prefect.names import POOL
from falcon_scheduler.core.domain.explanation import Cause
from falcon_scheduler.core.domain.task_definition import Overlap
from tests.chaos.stand import WORKERS
from tests.explain.bench import SLOTS, Asked, Bench
from tests.running.test_runs import from_tests

Inject = Callable[[Bench], Awaitable[Asked]]
TOGETHER: dict[str, Inject] = {}
ALONE: dict[str, Callable[[Bench], Awaitable[None]]] = {}


def together(inject: Inject) -> Inject:
    TOGETHER[inject.__name__.replace("_", " ")] = inject
    return inject


def alone(inject: Callable[[Bench], Awaitable[None]]) -> Callable[[Bench], Awaitable[None]]:
    ALONE[inject.__name__.replace("_", " ")] = inject
    return inject


@together
async def nothing_happens(bench: Bench) -> Asked:
    task, at = await bench.due()
    await bench.shop.ended((await bench.serving(task, at)).id)
    return Asked(task=task, at=at, cause=Cause.ON_TIME)


@together
async def a_pause(bench: Bench) -> Asked:
    task, at = await bench.due()
    await bench.moment()
    await bench.post(task, "pause")
    await bench.until(at, 1)
    return Asked(task=task, at=at, cause=Cause.PAUSED)


@together
async def a_pause_that_is_over(bench: Bench) -> Asked:
    task, at = await bench.due()
    await bench.moment()
    await bench.post(task, "pause")
    await bench.until(at, 2)
    await bench.post(task, "resume")
    return Asked(task=task, at=at, cause=Cause.PAUSED)


@together
async def a_disable(bench: Bench) -> Asked:
    task, at = await bench.due()
    await bench.moment()
    await bench.post(task, "disable")
    await bench.until(at, 1)
    return Asked(task=task, at=at, cause=Cause.DISABLED)


@together
async def a_pause_in_prefect(bench: Bench) -> Asked:
    task, at = await bench.due()
    await bench.prefect.pause_deployment(UUID(task.deployment_id or ""))
    await bench.until(at, 1)
    return Asked(task=task, at=at, cause=Cause.PAUSED)


@together
async def an_edit(bench: Bench) -> Asked:
    task, at = await bench.due()
    await bench.moment()
    answer = await bench.api.put(f"/tasks/{task.id}", json={"schedule": "0 0 0 1 1 *"})
    assert answer.status_code == 200, answer.text
    await bench.until(at, 1)
    return Asked(task=task, at=at, cause=Cause.SCHEDULE_CHANGED)


@together
async def a_deployment_that_is_deleted_and_restored(bench: Bench) -> Asked:
    task, at = await bench.due()
    await bench.prefect.delete_deployment(UUID(task.deployment_id or ""))
    answer = await bench.api.post("/reload")
    assert answer.status_code == 200, answer.text
    await bench.shop.ended((await bench.serving(task, at)).id)
    return Asked(task=task, at=at, cause=Cause.ON_TIME)


@together
async def a_stop_at_work(bench: Bench) -> Asked:
    file = bench.diary()
    task, at = await bench.due(config=bench.long(file))
    await bench.process(file)
    await bench.moment()
    await bench.post(task, "stop")
    await bench.shop.ended((await bench.serving(task, at)).id)
    return Asked(task=task, at=at, cause=Cause.CANCELLED)


@together
async def a_run_before_it(bench: Bench) -> Asked:
    task, at = await bench.due(config=bench.long(bench.diary()))
    front = await bench.in_front(task)
    skipped = await bench.shop.ended((await bench.serving(task, at)).id)
    assert skipped.is_skipped
    await bench.post(task, "stop")
    await bench.shop.ended(front.id)
    return Asked(task=task, at=at, cause=Cause.OVERLAP)


@together
async def a_lock_of_a_stranger(bench: Bench) -> Asked:
    task, at = await bench.due()
    locks = bench.shop.services.stores.locks
    await bench.moment()
    await locks.acquire(task.id, "a stranger", timedelta(minutes=10))
    await bench.shop.ended((await bench.serving(task, at)).id)
    await locks.release_of(task.id, "a stranger")
    return Asked(task=task, at=at, cause=Cause.LOCK_HELD)


@together
async def an_address_that_nobody_serves(bench: Bench) -> Asked:
    config = {"url": "http://127.0.0.1:9/", "method": "GET", "timeout": "2s"}
    task, at = await bench.due(type="http", config=config, max_retries=0)
    await bench.shop.ended((await bench.serving(task, at)).id)
    return Asked(task=task, at=at, cause=Cause.FAILED)


@together
async def an_attempt_that_failed(bench: Bench) -> Asked:
    config = from_tests("failing", file=str(bench.diary()))
    task, at = await bench.due(config=config, max_retries=3, retry_interval=timedelta(minutes=30))
    await bench.serving(task, at)
    asked = Asked(task=task, at=at, cause=Cause.RETRYING)
    await bench.is_named(asked)
    await bench.post(task, "stop")
    await bench.shop.ended((await bench.serving(task, at)).id)
    return Asked(task=task, at=at, cause=Cause.CANCELLED)


@together
async def a_kill(bench: Bench) -> Asked:
    file = bench.diary()
    task, at = await bench.due(config=bench.long(file))
    pid = await bench.process(file)
    await bench.moment()
    os.kill(pid, signal.SIGKILL)
    await bench.shop.ended((await bench.serving(task, at)).id)
    return Asked(task=task, at=at, cause=Cause.KILLED)


@together
async def a_frozen_process(bench: Bench) -> Asked:
    file = bench.diary()
    task, at = await bench.due(config=bench.long(file))
    pid = await bench.process(file)
    await bench.serving(task, at, running=True)
    await bench.moment()
    os.kill(pid, signal.SIGSTOP)
    try:
        await bench.shop.ended((await bench.serving(task, at)).id)
    finally:
        os.kill(pid, signal.SIGCONT)
    return Asked(task=task, at=at, cause=Cause.LOST)


@together
async def a_run_that_replaces_it(bench: Bench) -> Asked:
    file = bench.diary()
    task, at = await bench.due(config=bench.long(file), overlap=Overlap.CANCEL_RUNNING)
    await bench.process(file)
    first = await bench.serving(task, at, running=True)
    await bench.moment()
    await bench.in_front(task)
    await bench.shop.ended(first.id)
    await bench.post(task, "stop")
    return Asked(task=task, execution_id=first.id, cause=Cause.REPLACED)


@together
async def a_run_that_goes_first(bench: Bench) -> Asked:
    task, at = await bench.due(config=bench.long(bench.diary()), overlap=Overlap.QUEUE)
    await bench.in_front(task)
    await bench.until(at, 2)
    asked = Asked(task=task, at=at, cause=Cause.BEHIND)
    await bench.is_named(asked)
    await bench.post(task, "stop")
    await bench.shop.ended((await bench.serving(task, at)).id)
    return Asked(task=task, at=at, cause=Cause.CANCELLED)


@together
async def clocks_that_change(bench: Bench) -> Asked:
    task = await bench.shop.task(schedule="0 30 2 * * *", timezone="America/New_York")
    skipped = datetime(2027, 3, 14, 7, 30, tzinfo=UTC)
    await bench.is_named(Asked(task=task, at=skipped, cause=Cause.CLOCK_SKIPPED))
    once = await bench.shop.task(schedule="0 30 1 * * *", timezone="America/New_York")
    first = datetime(2027, 11, 7, 5, 30, tzinfo=UTC)
    await bench.is_named(Asked(task=once, at=first, cause=Cause.DUE))
    return Asked(task=once, at=first + timedelta(hours=1), cause=Cause.CLOCK_REPEATED)


@together
async def the_end_of_the_schedule(bench: Bench) -> Asked:
    task, at = await bench.due()
    await bench.shop.ended((await bench.serving(task, at)).id)
    return Asked(task=task, at=at + timedelta(seconds=5), cause=Cause.ENDED)


@together
async def a_document_that_impedes_it(bench: Bench) -> Asked:
    task = await bench.shop.task(schedule="0 0 0 1 1 *")
    tasks = bench.shop.services.stores.database["scheduler_tasks"]
    await tasks.update_one({"_id": task.id}, {"$set": {"metadata.timeout": ["soon"], "timeout": ["soon"]}})
    coming = datetime(datetime.now(UTC).year + 2, 1, 1, tzinfo=UTC)
    asked = Asked(task=task, at=coming, cause=Cause.IMPEDED)
    await bench.is_named(asked)
    return asked


async def pool(bench: Bench, *, paused: bool) -> None:
    await bench.prefect.update_work_pool(POOL, WorkPoolUpdate(is_paused=paused))


@alone
async def a_paused_pool_and_a_run_removed_from_it(bench: Bench) -> None:
    await pool(bench, paused=True)
    try:
        task, at = await bench.due()
        waiting = await bench.serving(task, at)
        await bench.is_named(Asked(task=task, at=at, cause=Cause.POOL_PAUSED))
        await bench.prefect.delete_flow_run(UUID(waiting.id))
        await bench.shop.ended(waiting.id)
        await bench.is_named(Asked(task=task, at=at, cause=Cause.REMOVED))
    finally:
        await pool(bench, paused=False)


@alone
async def every_slot_in_use(bench: Bench) -> None:
    fillers = [await bench.shop.task(config=bench.long(bench.diary())) for _ in range(SLOTS)]
    try:
        for each in fillers:
            await bench.in_front(each)
        task, at = await bench.due()
        await bench.until(at, 1)
        await bench.is_named(Asked(task=task, at=at, cause=Cause.SLOTS_FULL))
    finally:
        for each in fillers:
            await bench.post(each, "stop")
    await bench.shop.ended((await bench.serving(task, at)).id)


@alone
async def redis_away(bench: Bench) -> None:
    await bench.stand.stop("valkey")
    try:
        task, at = await bench.due()
        await bench.shop.ended((await bench.serving(task, at)).id)
        await bench.is_named(Asked(task=task, at=at, cause=Cause.ON_TIME))
    finally:
        await bench.stand.start("valkey")


@alone
async def prefect_away(bench: Bench) -> None:
    task, at = await bench.due(config=bench.long(bench.diary()))
    await bench.stand.stop("prefect")
    try:
        await bench.until(at, 1)
        await bench.is_named(Asked(task=task, at=at, cause=Cause.ENGINE_AWAY))
    finally:
        await bench.stand.start("prefect")


@alone
async def the_database_of_prefect_away(bench: Bench) -> None:
    task, at = await bench.due(config=bench.long(bench.diary()))
    await bench.stand.stop("postgres")
    try:
        await bench.until(at, 1)
        await bench.is_named(Asked(task=task, at=at, cause=Cause.DATABASE_AWAY))
    finally:
        await bench.stand.start("postgres")


@alone
async def no_worker(bench: Bench) -> None:
    await asyncio.gather(*(bench.stand.stop(name) for name in WORKERS))
    try:
        task, at = await bench.due()
        await bench.until(at, 1)
        await bench.is_named(Asked(task=task, at=at, cause=Cause.NO_WORKER))
        await asyncio.sleep(25)  # until there is an alert, the evidence for later
    finally:
        await asyncio.gather(*(bench.stand.start(name) for name in WORKERS))
    await bench.shop.ended((await bench.serving(task, at)).id)
    await bench.is_named(Asked(task=task, at=at, cause=Cause.NO_WORKER))


@alone
async def mongodb_away(bench: Bench) -> None:
    task, at = await bench.due()
    await bench.until(at, -3)
    await bench.stand.stop("mongo")
    await asyncio.sleep(40)
    await bench.stand.start("mongo")
    await bench.is_named(Asked(task=task, at=at, cause=Cause.STORE_AWAY))
