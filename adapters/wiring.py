"""Opens the adapters from the settings, for every process. They are closed in the opposite order."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass

from redis.asyncio import Redis

from falcon_scheduler.adapters.clock import SystemClock
from falcon_scheduler.adapters.mongo.announcing import (
    AnnouncingAuditStore,
    AnnouncingExecutionStore,
    AnnouncingTaskStore,
)
from falcon_scheduler.adapters.mongo.audit import MongoAuditStore
from falcon_scheduler.adapters.mongo.calendars import MongoCalendarStore
from falcon_scheduler.adapters.mongo.client import Database, build_database, close_database
from falcon_scheduler.adapters.mongo.executions import MongoExecutionStore
from falcon_scheduler.adapters.mongo.go_falcon.database import MongoTakeoverRecord
from falcon_scheduler.adapters.mongo.keyed import MongoKeyedRequestStore
from falcon_scheduler.adapters.mongo.ledger import MongoLedgerStore
from falcon_scheduler.adapters.mongo.marks import MongoWatermark
from falcon_scheduler.adapters.mongo.tasks import MongoTaskStore
from falcon_scheduler.adapters.redis.client import build_redis
from falcon_scheduler.adapters.redis.events import RedisEventLog
from falcon_scheduler.adapters.redis.leases import RedisLease
from falcon_scheduler.adapters.redis.locks import RedisLockService
from falcon_scheduler.adapters.settings import Settings
from falcon_scheduler.adapters.system_tasks import World
from falcon_scheduler.core.services.runs.counting import OutcomeCounting
from falcon_scheduler.core.services.runs.pulse import Stores as PulseStores


@dataclass(frozen=True, slots=True, kw_only=True)
class Stores:
    """MongoDB and Redis, opened; no request has been sent yet."""

    clock: SystemClock
    database: Database
    redis: Redis
    tasks: MongoTaskStore
    executions: MongoExecutionStore
    audit: MongoAuditStore
    keyed: MongoKeyedRequestStore
    watermark: MongoWatermark
    ledger: MongoLedgerStore
    calendars: MongoCalendarStore
    takeovers: MongoTakeoverRecord
    locks: RedisLockService
    lease: RedisLease
    events: RedisEventLog
    counting: OutcomeCounting


@asynccontextmanager
async def open_stores(settings: Settings, built: Stores | None = None) -> AsyncIterator[Stores]:
    """Open both. Connections are made when they are first needed, so this works while a server is away.

    Args:
        settings: where the servers are.
        built: what `build_stores` made of the same settings, to be used here and nowhere else.
    """
    stores = built or build_stores(settings)
    async with AsyncExitStack() as exits:
        exits.push_async_callback(close_database, stores.database, settings.mongo.uri)
        exits.push_async_callback(stores.redis.aclose)
        exits.push_async_callback(stores.events.close)
        yield stores


def build_stores(settings: Settings) -> Stores:
    """The stores, for `open_stores`. May be built before a fork, for one of the forked processes to open."""
    database = build_database(settings.mongo.uri, settings.mongo.database)
    password = settings.redis.password
    redis = build_redis(
        settings.redis.host,
        settings.redis.port,
        password.get_secret_value() if password else None,
        settings.redis.db,
        username=settings.redis.username,
        tls=settings.redis.tls,
    )
    events = RedisEventLog(redis)
    tasks, executions = AnnouncingTaskStore(database, events), AnnouncingExecutionStore(database, events)
    return Stores(
        clock=SystemClock(),
        database=database,
        redis=redis,
        tasks=tasks,
        executions=executions,
        audit=AnnouncingAuditStore(database, events),
        keyed=MongoKeyedRequestStore(database),
        watermark=MongoWatermark(database),
        ledger=MongoLedgerStore(database),
        calendars=MongoCalendarStore(database),
        takeovers=MongoTakeoverRecord(database),
        locks=RedisLockService(redis),
        lease=RedisLease(redis),
        events=events,
        counting=OutcomeCounting(tasks, executions),
    )


def world_of(settings: Settings, stores: Stores) -> World:
    """What the plug-ins of system tasks may use."""
    return World(settings=settings, database=stores.database, redis=stores.redis, clock=stores.clock)


@asynccontextmanager
async def open_pulse_stores(settings: Settings) -> AsyncIterator[PulseStores]:
    """The stores of a pulse, on connections of its own."""
    async with open_stores(settings) as stores:
        yield stores.executions, stores.locks
