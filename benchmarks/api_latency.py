"""How long the API's reads take on a full database: `python -m benchmarks.api_latency [tasks] [executions]`.

Starts the embedded servers on a home that is thrown away, fills MongoDB, and asks over ASGI, one request at a time.
"first" is the first request of a kind, which finds nothing kept; the percentiles are of the 60 after it.
"""

from __future__ import annotations

import asyncio
import os
import statistics
import sys
import tempfile
import time
import uuid
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
from prefect.context import refresh_global_settings_context

from falcon_scheduler.adapters.mongo.client import EXECUTIONS, TASKS, Database
from falcon_scheduler.adapters.mongo.execution_documents import to_document as execution_document
from falcon_scheduler.adapters.mongo.task_documents import to_document as task_document
from falcon_scheduler.adapters.settings import Settings
from falcon_scheduler.api_facade.app import build_app
from falcon_scheduler.api_facade.auth.mint import Bearer, mint_token
from falcon_scheduler.api_facade.composition.root import compose
from falcon_scheduler.api_facade.composition.services import open_services
from falcon_scheduler.core.domain.execution import Execution, ExecutionStatus, Trigger
from falcon_scheduler.core.domain.task import Source, Task
from falcon_scheduler.core.domain.task_definition import TaskDefinition
from falcon_scheduler.deployments.stack.embedded import EmbeddedStack

SECRET = "a secret of the benchmark, which is long enough"  # noqa: S105 - of a server that is thrown away
REQUESTS = 60
BATCH = 250


async def main(tasks: int, executions: int) -> None:
    with tempfile.TemporaryDirectory() as home:
        async with EmbeddedStack(Path(home), parts={"postgres", "valkey", "mongo", "prefect"}) as stack:
            os.environ.update(stack.environment, JWT_SECRET=SECRET, API_RATE_LIMIT="0")
            refresh_global_settings_context()
            settings = Settings.load()
            async with open_services(settings) as services:
                await services.preparation.work()
                await fill(services.stores.database, tasks, executions)
                app = build_app(compose(settings, services), settings)
                operator = Bearer("bench", 1, "Bench", is_super_admin=True)
                token = mint_token(SECRET, operator, issued_at=datetime.now(UTC), ttl=timedelta(hours=1))
                async with httpx.AsyncClient(
                    transport=httpx.ASGITransport(app),
                    base_url="http://api.test/scheduler",
                    headers={"Authorization": f"Bearer {token}"},
                    timeout=120,
                ) as client:
                    await measure(client, tasks)


async def fill(database: Database, tasks: int, executions: int) -> None:
    began, now = time.monotonic(), datetime.now(UTC).replace(microsecond=0)
    for start in range(0, tasks, BATCH):
        rows = [task_row(number, now) for number in range(start, min(start + BATCH, tasks))]
        await database[TASKS].insert_many(rows, ordered=False)
    for start in range(0, executions, BATCH):
        rows = [execution_row(number, tasks, now) for number in range(start, min(start + BATCH, executions))]
        await database[EXECUTIONS].insert_many(rows, ordered=False)
    print(f"filled with {tasks} tasks and {executions} executions in {time.monotonic() - began:.0f} s")


def task_row(number: int, now: datetime) -> dict[str, Any]:
    at = now - timedelta(seconds=number)
    definition = TaskDefinition(
        name=f"task {number}",
        type="http",
        schedule=f"0 {number % 60} * * * *",
        config={"url": "https://api.example.com/health"},
        tags=("bench", f"shard-{number % 10}"),
    )
    task = Task(
        id=f"task-{number}",
        definition=definition,
        source=Source.API,
        created_at=at,
        updated_at=at,
        created_by="bench",
        updated_by="bench",
    )
    document = {name: value for name, value in task_document(task).items() if value is not None}
    return {"_id": task.id, "revision": 1, **document}


def execution_row(number: int, tasks: int, now: datetime) -> dict[str, Any]:
    at = now - timedelta(seconds=number)
    execution = Execution(
        id=str(uuid.uuid4()),
        task_id=f"task-{number % tasks}",
        status=ExecutionStatus.FAILED if number % 20 == 0 else ExecutionStatus.COMPLETED,
        started_at=at,
        completed_at=at + timedelta(milliseconds=300),
        trigger=Trigger.SCHEDULE,
        output="ok",
    )
    document = {name: value for name, value in execution_document(execution).items() if value is not None}
    return {"_id": execution.id, **document}


async def measure(client: httpx.AsyncClient, tasks: int) -> None:
    paths = (
        "/tasks",
        "/tasks?page_size=100",
        f"/tasks?page={tasks // 20}",
        "/tasks?tags=shard-3&status=pending",
        "/tasks?q=task%209",
        "/tasks/task-7",
        "/tasks/task-7/history",
        "/executions",
        "/executions?status=failed",
        "/executions?page=5000",
        "/stats",
        "/status",
    )
    print(f"{'GET':<40}{'first':>10}{'p50':>10}{'p95':>10}")
    for path in paths:
        times = []
        for _ in range(REQUESTS + 1):
            began = time.monotonic()
            answer = await client.get(path)
            times.append((time.monotonic() - began) * 1000)
            assert answer.status_code == 200, answer.text
            if sum(times[1:]) > 20_000:
                break
        first, *times = times
        p95 = statistics.quantiles(times, n=20)[-1] if len(times) > 1 else times[0]
        print(f"{path:<40}{first:>7.0f} ms{statistics.median(times):>7.0f} ms{p95:>7.0f} ms")


if __name__ == "__main__":
    given = [int(each) for each in sys.argv[1:]]
    asyncio.run(main(*(given + [10_000, 200_000][len(given) :])))
