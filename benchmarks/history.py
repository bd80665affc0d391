"""How lists of executions grow with the history, on MongoDB itself.

    python -m benchmarks.history 10000 1000000                        # a few minutes
    python -m benchmarks.history 10000 1000000 --json history.json    # the figures as JSON too, for benchmarks.curves

Needs the MongoDB server of the development environment (docs/decisions/0017). It makes the executions of a thousand
tasks inside the server, with the product's indexes, and reads them as the routes do. For each read: how long it took
the first time and then, and how many index keys and documents MongoDB looked at, which holds on a busy machine too.
"""

from __future__ import annotations

import argparse
import asyncio
import tempfile
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from benchmarks import figures
from benchmarks.api_latency import execution_row
from benchmarks.every_second import say
from benchmarks.worker_stage import load, machine, percentile
from falcon_scheduler.adapters.mongo.client import EXECUTIONS, Database, open_database
from falcon_scheduler.adapters.mongo.executions import MongoExecutionStore
from falcon_scheduler.adapters.mongo.indexes import ensure_indexes
from falcon_scheduler.core.domain.execution import ExecutionStatus
from falcon_scheduler.core.domain.outcome import ExecutionOutcome
from falcon_scheduler.core.ports import ExecutionFilter, PageRequest
from falcon_scheduler.deployments.stack.child import Child
from falcon_scheduler.deployments.stack.home import Home
from tests.stores.mongod import Mongod

TASKS = 1000
SECONDS_BETWEEN = 2
"""From one execution to the next: a million of them cover 23 days."""
ROUNDS_AT_ONCE = 20
REPEATS = 40
BATCH = 500
"""As in a cleanup."""

Read = Callable[[], Awaitable[object]]


async def main(sizes: Sequence[int], json_file: Path | None) -> None:
    say(machine())
    levels: list[Mapping[str, object]] = []
    with tempfile.TemporaryDirectory(prefix="falcon-bench-") as folder:
        home = Home(Path(folder))
        with home.held():
            mongod = Mongod(home)
            child = Child(mongod, {}, report=say)
            await child.start()
            try:
                for size in sizes:
                    async with open_database(mongod.uri, f"history_{size}", timeout_seconds=60) as database:
                        levels.append({"executions": size, "reads": await measure(database, size)})
                    figures.store(json_file, "benchmarks.history", levels)
            finally:
                await child.stop()


async def measure(database: Database, size: int) -> Mapping[str, Mapping[str, int]]:
    """Fill, read, clean. Returns what each read cost."""
    now = datetime.now(UTC).replace(microsecond=0)
    await ensure_indexes(database)
    began = time.monotonic()
    await fill(database, size, now)
    say(f"--- {size} executions, stored in {time.monotonic() - began:.0f} s, {load()}")
    await database.command("profile", 2)
    say(f"{'read':<44}{'first':>9}{'p50':>9}{'p95':>9}{'keys':>9}{'documents':>11}")
    reading = reads(MongoExecutionStore(database), size, now)
    costs = {what: await timed(database, what, read) for what, read in reading.items()}
    await cleaned(MongoExecutionStore(database), size, now)
    return costs


async def fill(database: Database, size: int, now: datetime) -> None:
    """A thousand rows are sent, one of each task; the server makes the others of them, further and further back."""
    rows = [execution_row(number, TASKS, now) for number in range(min(TASKS, size))]
    for number, row in enumerate(rows):
        row["_id"] = f"0-{number}"
        row["started_at"] = now - timedelta(seconds=number * SECONDS_BETWEEN)
        row["completed_at"] = row["started_at"] + timedelta(milliseconds=300)
    await database["rows"].insert_many(rows)
    rounds = -(-size // TASKS)
    for start in range(0, rounds, ROUNDS_AT_ONCE):
        await database["rows"].aggregate(further_back(start, min(start + ROUNDS_AT_ONCE, rounds)))
    await database.drop_collection("rows")


def further_back(first: int, last: int) -> list[dict[str, Any]]:
    """Stores the rows again and again, each time further back."""
    back = {"$multiply": ["$round", TASKS * SECONDS_BETWEEN * 1000]}
    return [
        {"$set": {"round": {"$range": [first, last]}}},
        {"$unwind": "$round"},
        {
            "$set": {
                "_id": {"$concat": [{"$toString": "$round"}, "-", "$_id"]},
                "started_at": {"$subtract": ["$started_at", back]},
                "completed_at": {"$subtract": ["$completed_at", back]},
            }
        },
        {"$unset": ["round"]},
        {"$merge": {"into": EXECUTIONS, "whenMatched": "fail"}},
    ]


def reads(store: MongoExecutionStore, size: int, now: datetime) -> Mapping[str, Read]:
    """What the routes read, by what it is."""
    failed = ExecutionFilter(statuses=(ExecutionStatus.FAILED,))
    crashed = ExecutionFilter(outcomes=(ExecutionOutcome.TIMED_OUT,))
    middle = now - timedelta(seconds=size // 2 * SECONDS_BETWEEN)
    day = ExecutionFilter(since=middle, until=middle + timedelta(days=1))
    one = ExecutionFilter(task_id="task-7")
    last = size // 20

    def page(wanted: ExecutionFilter, number: int = 1) -> Read:
        return lambda: store.list(wanted, PageRequest(page=number, brief=True))

    deep = (now - timedelta(seconds=last // 2 * 20 * SECONDS_BETWEEN), "")

    def behind(wanted: ExecutionFilter) -> Read:
        return lambda: store.list(wanted, PageRequest(brief=True), deep)

    return {
        "the newest": page(ExecutionFilter()),
        "the newest that failed": page(failed),
        "the newest that timed out": page(crashed),
        "of a task": page(one),
        "of a task, failed": page(ExecutionFilter(task_id="task-7", statuses=(ExecutionStatus.FAILED,))),
        "of a day in the middle": page(day),
        "page 100": page(ExecutionFilter(), 100),
        f"page {last // 2}": page(ExecutionFilter(), last // 2),
        f"page {last}": page(ExecutionFilter(), last),
        f"behind page {last // 2}": behind(ExecutionFilter()),
        f"behind page {last // 2}, failed": behind(failed),
        f"behind page {last // 2}, of a task": behind(one),
        "failed, its last page": page(failed, max(size // 400, 1)),
        "unfinished of a task": lambda: store.unfinished("task-7"),
        "how many run": store.running,
        "not counted yet": lambda: store.uncounted(100),
    }


async def timed(database: Database, what: str, read: Read) -> Mapping[str, int]:
    """Print and return what it costs: milliseconds, index keys and documents."""
    times: list[float] = []
    before = datetime.now(UTC)
    for _ in range(REPEATS + 1):
        began = time.monotonic()
        await read()
        times.append((time.monotonic() - began) * 1000)
        if sum(times) > 20_000:
            break
        if len(times) == 1:
            keys, documents = await looked_at(database, before)
    first, *later = times
    later = later or [first]
    p50, p95 = percentile(later, 50), percentile(later, 95)
    say(f"{what:<44}{first:>6.0f} ms{p50:>6.0f} ms{p95:>6.0f} ms{keys:>9}{documents:>11}")
    return {
        "first_ms": round(first),
        "p50_ms": round(p50),
        "p95_ms": round(p95),
        "keys": keys,
        "documents": documents,
    }


async def looked_at(database: Database, since: datetime) -> tuple[int, int]:
    """Index keys and documents of the queries since then, from MongoDB's profile."""
    wanted: dict[str, Any] = {"ts": {"$gte": since}, "ns": f"{database.name}.{EXECUTIONS}"}
    entries = await database["system.profile"].find(wanted).to_list()
    return sum(each.get("keysExamined", 0) for each in entries), sum(each.get("docsExamined", 0) for each in entries)


async def cleaned(store: MongoExecutionStore, size: int, now: datetime) -> None:
    """Remove the oldest tenth in batches, as the cleanup does, and read the newest page in between."""
    before = now - timedelta(seconds=int(size * 0.9) * SECONDS_BETWEEN)
    batches, reads_beside, removed = [], [], 0
    while True:
        began = time.monotonic()
        found = await store.ended_before(before, keep=(), limit=BATCH)
        ids = [each for some in found.values() for each in some]
        if not ids:
            break
        await store.delete(ids)
        batches.append((time.monotonic() - began) * 1000)
        removed += len(ids)
        began = time.monotonic()
        await store.list(ExecutionFilter(), PageRequest(brief=True))
        reads_beside.append((time.monotonic() - began) * 1000)
    each = f"p50 {percentile(batches, 50):.0f} ms, p95 {percentile(batches, 95):.0f} ms"
    beside = f"a list in between: {max(reads_beside):.0f} ms at most"
    say(f"cleanup: {removed} removed in batches of {BATCH}: {each}; {beside}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("sizes", type=int, nargs="*", default=[10_000, 1_000_000], help="numbers of executions")
    parser.add_argument("--json", type=Path, help="write the figures to this file too")
    given = parser.parse_args()
    asyncio.run(main(given.sizes, given.json))
