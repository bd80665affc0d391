"""Opens MongoDB; the names of the collections."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pymongo.lock
from pymongo import AsyncMongoClient
from pymongo.asynchronous.database import AsyncDatabase

from falcon_scheduler.adapters.cancellable_waits import heed_cancellations
from falcon_scheduler.adapters.mongo import derived_keys
from falcon_scheduler.adapters.mongo.errors import translated

Document = dict[str, Any]
Database = AsyncDatabase[Document]

TASKS = "scheduler_tasks"
EXECUTIONS = "scheduler_executions"
MARKS = "scheduler_marks"
ALERTS = "scheduler_alerts"
AUDIT = "scheduler_audit"
KEYED = "scheduler_keyed_requests"
OCCURRENCES = "scheduler_occurrences"
OUTAGES = "scheduler_outages"
CALENDARS = "scheduler_calendars"

_EMBEDDED_MARK = "secantusVersion"
"""In the build information of the embedded server. Source: secantus 0.7, `buildInfo`."""
_MAX_IDLE_MS = 60_000
"""A connection unused for longer is not used again. The server may have closed it (SecantusDB does after five
minutes, load balancers and firewalls do too). A write on a closed connection fails, and on a standalone server the
driver does not retry it."""


@asynccontextmanager
async def open_database(uri: str, name: str, *, timeout_seconds: float = 5) -> AsyncIterator[Database]:
    """The database, with aware datetimes. Opening does not connect; the first query does."""
    database = build_database(uri, name, timeout_seconds=timeout_seconds)
    try:
        yield database
    finally:
        await close_database(database, uri)


def build_database(uri: str, name: str, *, timeout_seconds: float = 5) -> Database:
    """The same, for `close_database` to close. May be built before a fork, for one of the forked processes to use."""
    heed_cancellations()
    setattr(pymongo.lock, "wait_for", asyncio.wait_for)  # noqa: B010 - a name that the module imported before
    client: AsyncMongoClient[Document] = AsyncMongoClient(
        uri,
        tz_aware=True,
        # Documents with a date beyond the year 9999 or with text that is no UTF-8 are decoded all the same. By
        # default one such document makes its whole batch unreadable.
        datetime_conversion="DATETIME_AUTO",
        unicode_decode_error_handler="replace",
        serverSelectionTimeoutMS=int(timeout_seconds * 1000),
        connectTimeoutMS=int(timeout_seconds * 1000),
        socketTimeoutMS=30_000,
        maxIdleTimeMS=_MAX_IDLE_MS,
        # Poll the server. The default mode (streaming) uses one more connection for each process to learn of
        # elections at once, and takes a process that was frozen for 15 seconds for disconnected.
        serverMonitoringMode="poll",
        appname="falcon-scheduler",
    )
    derived_keys.recall(client, uri)
    return client[name]


async def close_database(database: Database, uri: str) -> None:
    """Close its connections."""
    derived_keys.remember(database.client, uri)
    await database.client.close()


async def is_embedded(database: Database) -> bool:
    """Whether the server is the embedded one, which reads lists in another way. Raises `Unavailable`."""
    with translated():
        return _EMBEDDED_MARK in await database.command("buildInfo")


async def ping(database: Database) -> None:
    """Raises `Unavailable` when MongoDB does not answer."""
    with translated():
        await database.client.admin.command("ping")
