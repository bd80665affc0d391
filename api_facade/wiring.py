"""Composition root of the API process: settings to services, and the duties in the background."""

from __future__ import annotations

import asyncio
import os
import socket
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from prefect.client.orchestration import PrefectClient

from adapters.mongo.client import ensure_indexes
from adapters.mongo.client import ping as ping_mongo
from adapters.prefect.client import ensure_foundation, open_client, worker_slots
from adapters.prefect.client import ping as ping_prefect
from adapters.prefect.engine import PrefectRunEngine
from adapters.prefect.feed import PrefectChangeFeed
from adapters.probes import Probe
from adapters.redis.client import ping as ping_redis
from adapters.settings import Settings
from adapters.wiring import Stores, open_stores
from api_facade.background import Background, Duties
from api_facade.container import Container, compose
from core.services.mirror import Mirror
from core.services.reconcile import ReconcileService
from core.services.retention import RetentionService
from core.services.runs import RunService
from core.services.seeding import seed_system_tasks
from core.services.status import StatusService
from core.services.tasks import TaskService
from deployments.system_tasks import SYSTEM_TASKS
from flows.catalog import Catalog
from flows.executors.registry import Registry
from flows.worker import WarmProcessWorker


@asynccontextmanager
async def open_container(settings: Settings, *, with_background: bool = True) -> AsyncIterator[Container]:
    """Everything the routes need. Opening works while servers are away; the routes then answer 503."""
    async with open_stores(settings) as stores, open_client(settings.prefect.api_url) as client:
        engine = PrefectRunEngine(client, stores.clock)
        container = _services(settings, stores, client, engine)
        if not with_background:
            yield container
            return
        duties = _duties(settings, stores, client, engine)
        background = asyncio.create_task(Background(duties, _holder()).run())
        try:
            yield container
        finally:
            background.cancel()
            await asyncio.gather(background, return_exceptions=True)


async def prepare(stores: Stores, client: PrefectClient) -> None:
    """Make what everything stands on: indexes, the work pool, the system tasks. Safe to repeat and to race."""
    await ensure_indexes(stores.database)
    await ensure_foundation(client, WarmProcessWorker.get_default_base_job_template())
    await seed_system_tasks(SYSTEM_TASKS, tasks=stores.tasks, clock=stores.clock)


def _services(settings: Settings, stores: Stores, client: PrefectClient, engine: PrefectRunEngine) -> Container:
    catalog = Catalog(Registry.load(settings))
    tasks = TaskService(
        tasks=stores.tasks, executions=stores.executions, engine=engine, catalog=catalog, clock=stores.clock
    )
    return compose(
        settings=settings,
        database=stores.database,
        clock=stores.clock,
        catalog=catalog,
        tasks=tasks,
        runs=RunService(
            tasks=stores.tasks,
            executions=stores.executions,
            engine=engine,
            catalog=catalog,
            clock=stores.clock,
            counting=stores.counting,
            switches=tasks,
            queue_size=settings.scheduler.queue_size,
        ),
        reconcile=ReconcileService(tasks=stores.tasks, engine=engine, clock=stores.clock),
        status=StatusService(
            tasks=stores.tasks,
            executions=stores.executions,
            engine=engine,
            clock=stores.clock,
            probes=[
                Probe("mongodb", lambda: ping_mongo(stores.database)),
                Probe("redis", lambda: ping_redis(stores.redis)),
                Probe("prefect", lambda: ping_prefect(client)),
            ],
            worker_slots=lambda: worker_slots(client, settings.scheduler.worker_count),
        ),
    )


def _duties(settings: Settings, stores: Stores, client: PrefectClient, engine: PrefectRunEngine) -> Duties:
    return Duties(
        mirror=Mirror(
            tasks=stores.tasks,
            executions=stores.executions,
            engine=engine,
            locks=stores.locks,
            counting=stores.counting,
            watermark=stores.watermark,
            clock=stores.clock,
            stale_timeout=settings.scheduler.stale_timeout,
        ),
        reconcile=ReconcileService(tasks=stores.tasks, engine=engine, clock=stores.clock),
        retention=RetentionService(executions=stores.executions, engine=engine, clock=stores.clock),
        engine=engine,
        feed=PrefectChangeFeed(settings.prefect.api_url),
        lease=stores.lease,
        prepare=lambda: prepare(stores, client),
        cleanup_interval=settings.scheduler.cleanup_interval,
        keep_for=settings.scheduler.retention,
    )


def _holder() -> str:
    return f"{socket.gethostname()}:{os.getpid()}:{uuid.uuid4().hex[:8]}"
