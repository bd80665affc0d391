"""What is away, full or paused for every task at once."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from uuid import UUID

import asyncpg  # type: ignore[import-untyped]  # it brings no types
from prefect.client.schemas.actions import WorkPoolUpdate
from sqlalchemy.engine import make_url

from falcon_scheduler.adapters.prefect.names import POOL
from falcon_scheduler.core.domain.execution import ExecutionStatus
from falcon_scheduler.core.domain.explanation import Cause
from falcon_scheduler.core.domain.priority import Priority
from falcon_scheduler.core.domain.task import Task
from falcon_scheduler.core.domain.task_definition import Overlap
from falcon_scheduler.core.services.ledger.execution_causes import LATE_AFTER, NEARBY
from tests.chaos.stand import WORKERS
from tests.conftest import NEVER, wait_until
from tests.explain.bench import PATIENCE_SECONDS, SLOTS, Asked, Bench, TooSlow
from tests.explain.by_people import deployment_of
from tests.explain.causes import alone, together

QUEUE_SIZE = 20
"""What the stack is started with: few, so that the queue is full soon."""
RELOADED_WITHIN = timedelta(seconds=60)
TAKEN_AHEAD = timedelta(seconds=30)
"""Workers take runs 10 s before they are due; this leaves time to pause a queue before that."""


async def pool(bench: Bench, *, paused: bool) -> None:
    await bench.prefect.update_work_pool(POOL, WorkPoolUpdate(is_paused=paused))


async def lose(bench: Bench, task: Task) -> None:
    """Remove a deployment from Prefect's database, as if that had been restored from an older copy."""
    url = make_url(bench.stand.environment["PREFECT_API_DATABASE_CONNECTION_URL"])
    database = await asyncpg.connect(url.set(drivername="postgresql").render_as_string(hide_password=False))
    try:
        await database.execute("DELETE FROM flow_run WHERE deployment_id = $1", deployment_of(task))
        await database.execute("DELETE FROM deployment WHERE id = $1", deployment_of(task))
    finally:
        await database.close()


@together
async def a_deployment_that_prefect_lost_and_got_back(bench: Bench) -> Asked:
    task, at = await replace(bench, lead=max(bench.lead, RELOADED_WITHIN)).due()
    await bench.moment()
    await lose(bench, task)
    reloaded = await bench.api.post("/reload")
    while reloaded.status_code != 200 or reloaded.json()["failed"]:  # Prefect was too busy to answer
        reloaded = await bench.api.post("/reload")
    bench.in_advance(at)
    return await bench.in_time(task, at)


@together
async def a_paused_work_queue(bench: Bench) -> Asked:
    """Workers hold what they took some seconds ahead, so the queue is paused before they may take it."""
    task, at = await replace(bench, lead=max(bench.lead, TAKEN_AHEAD)).due(priority=Priority.LOW)
    queue = await bench.prefect.read_work_queue_by_name("low", POOL)
    await bench.prefect.update_work_queue(queue.id, is_paused=True)
    try:
        bench.in_advance(at - TAKEN_AHEAD / 2)

        async def holds_it_back() -> bool:
            body = {"work_queue_names": ["low"], "scheduled_before": (at + LATE_AFTER).isoformat()}
            path = "/work_pools/{name}/get_scheduled_flow_runs"
            answer = await bench.prefect.request("POST", path, path_params={"name": POOL}, json=body)
            return not answer.json()

        await wait_until(holds_it_back, "Prefect gives no run of the queue to workers", PATIENCE_SECONDS)
        await bench.until(at, LATE_AFTER.total_seconds())
        if (await bench.serving(task, at)).status is not ExecutionStatus.PENDING:
            raise TooSlow("a worker had taken the run before the queue was paused")
        await bench.is_named(Asked(task=task, at=at, cause=Cause.QUEUE_PAUSED))
    finally:
        await bench.prefect.update_work_queue(queue.id, is_paused=False)
    await bench.served(task, at)
    return Asked(task=task, at=at, cause=Cause.QUEUE_PAUSED)


@alone
async def a_paused_pool_and_a_run_removed_from_it(bench: Bench) -> Asked:
    """Until the watch of the plan has examined the instant for the last time, it plans another run in its place."""
    await pool(bench, paused=True)
    try:
        task, at = await bench.due()
        waiting = await bench.serving(task, at)
        await bench.is_named(Asked(task=task, at=at, cause=Cause.POOL_PAUSED))
        await bench.until_settled(at)
        await bench.moment()
        await bench.prefect.delete_flow_run(UUID(waiting.id))
        await bench.shop.ended(waiting.id)
        await bench.is_named(Asked(task=task, at=at, cause=Cause.REMOVED))
    finally:
        await pool(bench, paused=False)
    return Asked(task=task, execution_id=waiting.id, cause=Cause.REMOVED)


@alone
async def a_run_that_can_not_be_read(bench: Bench) -> Asked:
    """Somebody asks in Prefect for a run whose parameters Prefect can't send; no other run is held back by it."""
    task, at = await bench.due(overlap=Overlap.QUEUE)
    await bench.moment()
    poison = await bench.prefect.create_flow_run_from_deployment(
        deployment_of(task), parameters={"parameters": {"x": 1e20}}
    )
    asked_at = datetime.now(UTC)
    execution = await bench.shop.ended(str(poison.id))
    if execution.started_at - asked_at >= LATE_AFTER - timedelta(seconds=1):
        raise TooSlow(f"it began {execution.started_at - asked_at} after it was asked for")
    await bench.is_named(Asked(task=task, execution_id=execution.id, cause=Cause.ON_TIME))
    return await bench.in_time(task, at)


@alone
async def a_full_queue(bench: Bench) -> Asked:
    await pool(bench, paused=True)
    task = await bench.shop.task(schedule=NEVER)
    try:
        for _ in range(QUEUE_SIZE + 20):
            asked_at = datetime.now(UTC)
            answer = await bench.api.post(f"/tasks/{task.id}/execute")
            if answer.status_code == 503 and answer.json()["code"] == "queue_full":
                break
        assert answer.status_code == 503, answer.text
        if datetime.now(UTC) - asked_at > NEARBY:
            raise TooSlow(f"the refusal took {datetime.now(UTC) - asked_at}, so its instant is not known")
    finally:
        await bench.post(task, "stop")
        await pool(bench, paused=False)
    return Asked(task=task, at=asked_at, cause=Cause.QUEUE_FULL)


@alone
async def every_slot_in_use(bench: Bench) -> None:
    fillers = [await bench.shop.task(config=bench.long()) for _ in range(SLOTS)]
    try:
        for each in fillers:
            await bench.in_front(each)
        task, at = await bench.due()
        await bench.until(at, 1)
        await bench.is_named(Asked(task=task, at=at, cause=Cause.SLOTS_FULL))
    finally:
        for each in fillers:
            await bench.post(each, "stop")
    await bench.served(task, at)


@alone
async def redis_away(bench: Bench) -> Asked:
    await bench.stand.stop("valkey")
    try:
        task, at = await bench.due()
        return await bench.in_time(task, at)
    finally:
        await bench.stand.start("valkey")


@alone
async def prefect_away(bench: Bench) -> None:
    await _asked_while_away(bench, "prefect", Cause.ENGINE_AWAY)


@alone
async def the_database_of_prefect_away(bench: Bench) -> None:
    await _asked_while_away(bench, "postgres", Cause.DATABASE_AWAY)


@alone
async def stopped_workers_and_none_left(bench: Bench) -> Asked:
    long, began_at = await bench.due(config=bench.long())
    await bench.serving(long, began_at, running=True)
    await bench.moment()
    return await _nobody_left(bench, bench.stand.stop, Asked(task=long, at=began_at, cause=Cause.WORKER_STOPPED))


@alone
async def killed_workers_and_none_left(bench: Bench) -> Asked:
    """Prefect takes them to be online for minutes."""
    await bench.moment()
    return await _nobody_left(bench, bench.stand.kill)


async def _nobody_left(bench: Bench, end: Callable[[str], Awaitable[None]], *also: Asked) -> Asked:
    """End all workers before an instant, ask for its cause, and again after they are back and it was late."""
    await asyncio.gather(*(end(name) for name in WORKERS))
    try:
        task, at = await bench.due()
        asked = Asked(task=task, at=at, cause=Cause.NO_WORKER)
        await bench.until(at, 1)
        for each in (asked, *also):
            await bench.is_named(each)
        await bench.until(at, LATE_AFTER.total_seconds())
    finally:
        await asyncio.gather(*(bench.stand.start(name) for name in WORKERS))
    await bench.served(task, at)
    return asked


@alone
async def a_pool_that_was_paused_for_a_while(bench: Bench) -> Asked:
    await bench.moment()
    await pool(bench, paused=True)
    try:
        task, at = await bench.due()
        await bench.until(at, LATE_AFTER.total_seconds())
    finally:
        await pool(bench, paused=False)
    await bench.served(task, at)
    return Asked(task=task, at=at, cause=Cause.POOL_PAUSED)


@alone
async def mongodb_away(bench: Bench) -> Asked:
    task, at = await bench.due()
    await bench.until(at, -3)
    await bench.stand.stop("mongo")
    await asyncio.sleep(40)
    await bench.stand.start("mongo")
    return Asked(task=task, at=at, cause=Cause.STORE_AWAY)


async def _asked_while_away(bench: Bench, part: str, cause: Cause) -> None:
    """Stop a server before an instant, and ask for the cause after it while the server is still away."""
    task, at = await bench.due(config=bench.long())
    await bench.stand.stop(part)
    try:
        bench.in_advance(at)
        await bench.until(at, 1)
        await bench.is_named(Asked(task=task, at=at, cause=cause))
    finally:
        await bench.stand.start(part)
    await bench.post(task, "stop")
