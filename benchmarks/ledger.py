"""What the ledger costs a run, and what it costs the leader.

    python -m benchmarks.ledger            # about two minutes on two cores
    python -m benchmarks.ledger --embedded
    python -m benchmarks.ledger --uri mongodb://127.0.0.1:27017

Starts MongoDB, or the embedded document store, on a home that is thrown away, or uses a database of its own on the
given server. Prints the figures of docs/performance.md.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
import time
from contextlib import AsyncExitStack
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

from pymongo import monitoring

from falcon_scheduler.adapters.mongo.alerts import MongoAlertStore
from falcon_scheduler.adapters.mongo.audit import MongoAuditStore
from falcon_scheduler.adapters.mongo.client import EXECUTIONS, Database, open_database
from falcon_scheduler.adapters.mongo.executions import MongoExecutionStore
from falcon_scheduler.adapters.mongo.indexes import ensure_indexes
from falcon_scheduler.adapters.mongo.ledger import MongoLedgerStore
from falcon_scheduler.adapters.mongo.marks import MongoWatermark
from falcon_scheduler.adapters.mongo.tasks import MongoTaskStore
from falcon_scheduler.core.domain.execution import Execution, ExecutionStatus, Trigger
from falcon_scheduler.core.domain.task import Source, Task
from falcon_scheduler.core.domain.task_definition import TaskDefinition
from falcon_scheduler.core.services.ledger.authors import Authors
from falcon_scheduler.core.services.ledger.outages import Outages
from falcon_scheduler.core.services.ledger.settling import WATERMARK, Settling
from falcon_scheduler.deployments.stack.child import Child
from falcon_scheduler.deployments.stack.embedded import EmbeddedStack
from falcon_scheduler.deployments.stack.home import Home
from tests.stores.mongod import Mongod

OWN = ("task_id_1_metadata.scheduled_for_1", "metadata.scheduled_for_1")
"""The indexes that only the ledger needs."""
BEGIN = datetime(2026, 1, 5, 12, tzinfo=UTC)
MINUTE = timedelta(minutes=1)


def say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


class Commands(monitoring.CommandListener):
    """Counts what is sent to the server."""

    number = 0

    def started(self, event: monitoring.CommandStartedEvent) -> None:
        self.number += event.command_name not in {"hello", "ismaster", "ping"}

    def succeeded(self, event: monitoring.CommandSucceededEvent) -> None: ...

    def failed(self, event: monitoring.CommandFailedEvent) -> None: ...


class SetClock:
    """See `core.ports.Clock`."""

    def __init__(self, at: datetime) -> None:
        self.at = at

    def now(self) -> datetime:
        return self.at


def an_execution(number: int, task_id: str, at: datetime) -> Execution:
    return Execution(
        id=f"run-{task_id}-{number}",
        task_id=task_id,
        status=ExecutionStatus.RUNNING,
        started_at=at,
        scheduled_for=at,
        trigger=Trigger.SCHEDULE,
        occurrence=f"{task_id}/{at.isoformat()}",
    )


async def writes(database: Database, many: int, name: str) -> float:
    """Milliseconds for the two writes of a run: its start and its end."""
    store = MongoExecutionStore(database)
    began = time.perf_counter()
    for number in range(many):
        execution = an_execution(number, name, BEGIN + number * timedelta(seconds=1))
        await store.begin(execution)
        await store.finish(execution.ended(ExecutionStatus.COMPLETED, BEGIN))
    return (time.perf_counter() - began) / many * 1000


async def cost_of_indexes(database: Database, many: int) -> None:
    """The same runs with the ledger's indexes and without, in turn."""
    with_them, without = [], []
    if OWN[0] not in await database[EXECUTIONS].index_information():
        spent = await writes(database, many, "embedded")
        say(f"start and end of a run: {spent:.2f} ms; the ledger has no index there")
        return
    for turn in range(3):
        await ensure_indexes(database)
        with_them.append(await writes(database, many, f"with-{turn}"))
        for index in OWN:
            await database[EXECUTIONS].drop_index(index)
        without.append(await writes(database, many, f"without-{turn}"))
    await ensure_indexes(database)
    say(f"start and end of a run: {min(with_them):.2f} ms with the ledger's indexes, {min(without):.2f} ms without")


async def settling(database: Database, commands: Commands, many: int) -> None:
    """The duty over ten minutes of tasks that are due each minute: all ran, then none of an hour."""
    tasks, clock = MongoTaskStore(database), SetClock(BEGIN)
    definition = TaskDefinition(name="", type="http", schedule="0 * * * * *")
    for number in range(many):
        task_id = f"task-{number:05}"
        task = Task(
            id=task_id,
            definition=replace(definition, name=task_id),
            source=Source.API,
            created_at=BEGIN,
            updated_at=BEGIN,
            created_by="b",
            updated_by="b",
        )
        await tasks.insert(task)
    store = MongoExecutionStore(database)
    for minute in range(10):
        at = BEGIN + minute * MINUTE
        runs = [an_execution(minute, f"task-{number:05}", at) for number in range(many)]
        await store.finish_all([each.ended(ExecutionStatus.COMPLETED, at) for each in runs])
    for begin, end, what in ((0, 10, "all ran"), (10, 70, "none ran")):
        await _settle(database, commands, clock, begin, end, many, what)


async def _settle(
    database: Database, commands: Commands, clock: SetClock, begin: int, end: int, many: int, what: str
) -> None:
    ledger, watermark = MongoLedgerStore(database), MongoWatermark(database)
    outages = Outages(store=ledger, alerts=MongoAlertStore(database), watermark=watermark, clock=clock)
    duty = Settling(
        store=ledger,
        tasks=MongoTaskStore(database),
        watermark=watermark,
        outages=outages,
        authors=Authors(MongoAuditStore(database)),
        clock=clock,
        grace=timedelta(),
        steady_for=timedelta(),
    )
    clock.at = BEGIN + end * MINUTE
    for name, at in ((WATERMARK, BEGIN + begin * MINUTE), ("mirror", clock.at), ("plan", clock.at)):
        await watermark.write(name, at)
    before, began, processor = commands.number, time.perf_counter(), time.process_time()
    await duty.settle()
    runs = (end - begin) * many
    say(
        f"settling {runs} instants of {many} tasks, {what}: {time.perf_counter() - began:.2f} s, "
        f"{(time.process_time() - processor) / runs * 1e6:.0f} µs of the processor and "
        f"{(commands.number - before) / runs:.4f} requests for each; "
        f"{await database['scheduler_occurrences'].count_documents({})} entries"
    )


async def _mongod(exits: AsyncExitStack, home: Home) -> str:
    """The address of a MongoDB on the home of a stack, whose guardian ends it too."""
    mongod = Mongod(home)
    child = Child(mongod, {}, report=lambda line: None)
    await child.start()
    exits.push_async_callback(child.stop)
    return mongod.uri


async def main(uri: str | None, embedded: bool, runs: int, tasks: int) -> None:
    commands = Commands()
    monitoring.register(commands)
    async with AsyncExitStack() as exits:
        if uri is None:
            home = Path(exits.enter_context(TemporaryDirectory()))
            stack = await exits.enter_async_context(EmbeddedStack(home, parts={"mongo"} if embedded else {"valkey"}))
            uri = stack.environment["MONGODB_URI"] if embedded else await _mongod(exits, stack.home)
        database = await exits.enter_async_context(open_database(uri, "benchmark_ledger"))
        await database.client.drop_database(database.name)
        await ensure_indexes(database)
        await cost_of_indexes(database, runs)
        await settling(database, commands, tasks)
        await database.client.drop_database(database.name)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--uri")
    parser.add_argument("--embedded", action="store_true")
    parser.add_argument("--runs", type=int, default=1000)
    parser.add_argument("--tasks", type=int, default=1000)
    given = parser.parse_args()
    asyncio.run(main(given.uri, given.embedded, given.runs, given.tasks))
