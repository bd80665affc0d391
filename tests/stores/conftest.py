"""Where the contract suites of the stores run: the embedded servers, MongoDB itself, and the fakes in memory.

A suite asks for `stores` (or `locks`, `lease`) and runs on each of them. A test of what only documents show asks for
`database` and runs on the two servers. Each test finds the database empty; the servers start once, without the rest
of the stack.
"""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

import pytest
import pytest_asyncio

from falcon_scheduler.adapters.mongo.alerts import MongoAlertStore
from falcon_scheduler.adapters.mongo.audit import MongoAuditStore
from falcon_scheduler.adapters.mongo.calendars import MongoCalendarStore
from falcon_scheduler.adapters.mongo.client import Database, open_database
from falcon_scheduler.adapters.mongo.executions import MongoExecutionStore
from falcon_scheduler.adapters.mongo.indexes import ensure_indexes
from falcon_scheduler.adapters.mongo.keyed import MongoKeyedRequestStore
from falcon_scheduler.adapters.mongo.ledger import MongoLedgerStore
from falcon_scheduler.adapters.mongo.marks import MongoWatermark
from falcon_scheduler.adapters.mongo.outcomes import MongoOutcomeLog
from falcon_scheduler.adapters.mongo.tasks import MongoTaskStore
from falcon_scheduler.core.ports import AuditStore, ExecutionStore, TaskStore, Watermark
from falcon_scheduler.core.ports.alerts import AlertStore
from falcon_scheduler.core.ports.calendars import CalendarStore
from falcon_scheduler.core.ports.keyed import KeyedRequestStore
from falcon_scheduler.core.ports.ledger import LedgerStore
from falcon_scheduler.core.ports.outcomes import OutcomeLog
from falcon_scheduler.deployments.stack.child import Child
from falcon_scheduler.deployments.stack.embedded import EmbeddedStack
from tests.fakes.alerts import MemoryAlertStore
from tests.fakes.calendars import MemoryCalendarStore
from tests.fakes.execution_store import MemoryExecutionStore
from tests.fakes.ledger import MemoryLedgerStore
from tests.fakes.records import MemoryAuditStore, MemoryKeyedRequestStore, MemoryOutcomeLog, MemoryWatermark
from tests.fakes.stores import MemoryTaskStore
from tests.stores.mongod import GIVEN_URI, HAS_WHEEL, Mongod

SERVERS = {"embedded": "embedded_database"} | (
    {"mongodb": "mongodb_database"} if HAS_WHEEL or GIVEN_URI in os.environ else {}
)
"""The servers, and the fixture that gives the database on each."""


@dataclass(frozen=True, kw_only=True)
class StoresUnderTest:
    """One implementation of each port, all on the same data."""

    tasks: TaskStore
    executions: ExecutionStore
    outcomes: OutcomeLog
    alerts: AlertStore
    audit: AuditStore
    keyed: KeyedRequestStore
    watermark: Watermark
    ledger: LedgerStore
    calendars: CalendarStore


@pytest_asyncio.fixture(scope="session")
async def servers(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[EmbeddedStack]:
    """The embedded MongoDB-compatible server and Valkey, on a home of their own."""
    async with EmbeddedStack(tmp_path_factory.mktemp("stores"), parts={"mongo", "valkey"}) as stack:
        yield stack


@pytest.fixture(scope="session")
def embedded_uri(servers: EmbeddedStack) -> str:
    return servers.environment["MONGODB_URI"]


@pytest_asyncio.fixture(scope="session")
async def mongodb_uri(servers: EmbeddedStack) -> AsyncIterator[str]:
    """MongoDB itself, on the home of the embedded servers: their guardian ends it if this process is killed."""
    if given := os.environ.get(GIVEN_URI):
        yield given
        return
    mongod = Mongod(servers.home)
    child = Child(mongod, {}, report=lambda line: None)
    await child.start()
    yield mongod.uri
    await child.stop()


@pytest_asyncio.fixture(scope="session")
async def embedded_database(embedded_uri: str) -> AsyncIterator[Database]:
    async with prepared(embedded_uri) as database:
        yield database


@pytest_asyncio.fixture(scope="session")
async def mongodb_database(mongodb_uri: str) -> AsyncIterator[Database]:
    async with prepared(mongodb_uri) as database:
        yield database


@asynccontextmanager
async def prepared(uri: str) -> AsyncIterator[Database]:
    async with open_database(uri, "contract_suites") as database:
        await database.client.drop_database(database.name)  # of an earlier session, on a server that was given
        await ensure_indexes(database)
        yield database


@pytest.fixture(params=SERVERS)
def opened_database(request: pytest.FixtureRequest) -> Database:
    """That of each server in turn, with what the last test left in it."""
    database: Database = request.getfixturevalue(SERVERS[request.param])
    return database


@pytest_asyncio.fixture
async def database(opened_database: Database) -> Database:
    """An empty database with its indexes, on each server in turn."""
    return await emptied(opened_database)


@pytest.fixture(params=[*SERVERS, "memory"])
def opened(request: pytest.FixtureRequest) -> Database | None:
    """The database of each server in turn; None for the stores in memory."""
    return None if request.param == "memory" else request.getfixturevalue(SERVERS[request.param])


@pytest_asyncio.fixture
async def stores(opened: Database | None) -> StoresUnderTest:
    """Every implementation of the stores in turn, empty."""
    if opened is None:
        return in_memory()
    return in_mongo(await emptied(opened))


async def emptied(database: Database) -> Database:
    for name in await database.list_collection_names():
        await database[name].delete_many({})
    return database


def in_mongo(database: Database) -> StoresUnderTest:
    return StoresUnderTest(
        tasks=MongoTaskStore(database),
        executions=MongoExecutionStore(database),
        outcomes=MongoOutcomeLog(database),
        alerts=MongoAlertStore(database),
        audit=MongoAuditStore(database),
        keyed=MongoKeyedRequestStore(database),
        watermark=MongoWatermark(database),
        ledger=MongoLedgerStore(database),
        calendars=MongoCalendarStore(database),
    )


def in_memory() -> StoresUnderTest:
    tasks = MemoryTaskStore()
    executions = MemoryExecutionStore(tasks)
    return StoresUnderTest(
        tasks=tasks,
        executions=executions,
        outcomes=MemoryOutcomeLog(tasks, executions),
        alerts=MemoryAlertStore(),
        audit=MemoryAuditStore(),
        keyed=MemoryKeyedRequestStore(),
        watermark=MemoryWatermark(),
        ledger=MemoryLedgerStore(executions),
        calendars=MemoryCalendarStore(),
    )
