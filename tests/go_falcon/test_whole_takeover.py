"""A stack of its own on the recorded database: the check, the first start, documents of any origin, the way back."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import hypothesis
import pytest
import pytest_asyncio
from hypothesis import strategies as st
from pymongo import AsyncMongoClient
from pymongo.asynchronous.database import AsyncDatabase
from pymongo.errors import PyMongoError

from falcon_scheduler.api_facade.auth.mint import Bearer, mint_token
from falcon_scheduler.core.domain.takeover import LEFTOVER_ERROR
from falcon_scheduler.core.services.mirror.mirror import SWEEP_INTERVAL
from falcon_scheduler.deployments.stack.embedded import PRODUCT, EmbeddedStack
from tests.conftest import wait_until
from tests.faults.conftest import environment
from tests.go_falcon import any_document
from tests.go_falcon.differences import FOREIGN_SYSTEM_TASKS, LEFTOVERS, difference, meant
from tests.go_falcon.recorded import COLLECTIONS, as_go_reads, documents, go_execution
from tests.system_tasks import SYSTEM_TASKS

pytestmark = pytest.mark.slow

SECRET = "go-falcon's secret, with which its tokens are signed"
HTTP_TASK = "000000012-1111-4222-8333-444444444444"
"""It is due once a day: a run by hand meets no other, which would have it skipped."""
BROKEN = ("00000005-1111-4222-8333-444444444444", "00000008-1111-4222-8333-444444444444")
CHANGED_BY_RUNS = {"status", "last_run", "metadata.last_error", "metadata.total_runs"} | {
    f"metadata.{outcome}_count" for outcome in ("success", "failure")
}
PLANTED = 150
"""Documents of any origin for each collection. Many can't be stored, for one has their id or their name already."""


@dataclass
class Shop:
    """The stack, its database, and a client with go-falcon's rights."""

    stack: EmbeddedStack
    database: AsyncDatabase[dict[str, Any]]
    api: httpx.AsyncClient
    environment: Mapping[str, str]

    async def migrate(self, *arguments: str) -> tuple[int | None, str]:
        """Exit code and output of `falcon-scheduler migrate go-falcon …`."""
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "falcon_scheduler.api_facade.cli", "migrate", "go-falcon", *arguments),
            env={**os.environ, **self.environment},
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
        output, _ = await process.communicate()
        return process.returncode, output.decode()

    async def get(self, path: str) -> Any:
        answer = await self.api.get(path)
        assert answer.status_code == 200, (path, answer.text)
        return answer.json()

    async def run(self, task_id: str) -> Any:
        """Execute a task and wait for the end of the execution."""

        async def asked() -> Any:
            answer = await self.api.post(f"/tasks/{task_id}/execute")
            if answer.status_code == 409:  # the first reload has not deployed the task yet
                return None
            assert answer.status_code == 202, answer.text
            return answer.json()["execution_id"]

        path = f"/executions/{await wait_until(asked, f'{task_id} is deployed')}"

        async def ended() -> Any:
            execution = (await self.api.get(path)).json()
            return execution if execution.get("status") in {"completed", "failed"} else None

        return await wait_until(ended, f"{path} has ended")


async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """The target of the recorded http tasks."""
    with suppress(ConnectionError, asyncio.IncompleteReadError):
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok")
        await writer.drain()
    writer.close()


@pytest_asyncio.fixture(scope="module")
async def shop(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Shop]:
    target = await asyncio.start_server(serve, "127.0.0.1", 0)
    port = target.sockets[0].getsockname()[1]
    own = {"JWT_SECRET": SECRET, "SCHEDULER_HTTP_ALLOW": "127.0.0.0/8", "MONGODB_DATABASE": "falcon"}
    with environment(own):
        async with EmbeddedStack(tmp_path_factory.mktemp("takeover"), parts=PRODUCT) as stack:
            await stack.stop_part("facade")
            client: AsyncMongoClient[dict[str, Any]] = AsyncMongoClient(
                stack.environment["MONGODB_URI"], tz_aware=True
            )
            database = client["falcon"]
            await plant_the_recorded_database(database, port)
            bearer = Bearer("fc", 90000001, "FC", is_super_admin=True)
            token = mint_token(SECRET, bearer, issued_at=datetime.now(UTC), ttl=timedelta(hours=1))
            facade: Any = stack.part("facade")
            async with httpx.AsyncClient(
                base_url=f"{facade.url}", headers={"Authorization": f"Bearer {token}"}, timeout=60
            ) as api:
                yield Shop(stack, database, api, {**own, **stack.environment})
            await client.close()
    target.close()


async def plant_the_recorded_database(database: AsyncDatabase[dict[str, Any]], port: int) -> None:
    """Put it in the place of what the stack's own first start wrote. Its http tasks call the server of this test."""
    for name in await database.list_collection_names():
        await database[name].delete_many({})
    for name in ("scheduler_tasks", "scheduler_executions", *COLLECTIONS):
        await database[name].insert_many([dict(each) for each in documents(name)])
    async for task in database["scheduler_tasks"].find({"type": "http"}, {"config": 1}):
        url = task["config"]["url"].replace(":18190", f":{port}")
        await database["scheduler_tasks"].update_one({"_id": task["_id"]}, {"$set": {"config.url": url}})


async def test_the_check_lists_what_a_takeover_changes_and_writes_nothing(shop: Shop) -> None:
    code, output = await shop.migrate("check", "--json")
    findings = [json.loads(line) for line in output.splitlines() if line.startswith("{")]
    assert code == 1, output
    repairs = {each["document"].rpartition("/")[2] for each in findings if each["level"] == "repair"}
    assert set(BROKEN) <= repairs
    assert "27 tasks and 69 executions of go-falcon" in output
    tasks = await shop.database["scheduler_tasks"].find({}).to_list()
    assert not [task["_id"] for task in tasks if "revision" in task]


async def test_the_first_start_takes_the_database_over_and_its_tasks_go_on(shop: Shop) -> None:
    await shop.stack.start_part("facade")
    status = await shop.get("/status")
    assert status["metrics"]["total_tasks"] == 27
    page = await shop.get("/tasks?page_size=100")
    assert {each["_id"] for each in documents("scheduler_tasks")} == {task["id"] for task in page["tasks"]}

    async def seeded() -> bool:
        foreign = [(await shop.get(f"/tasks/{task_id}"))["status"] for task_id in FOREIGN_SYSTEM_TASKS]
        return set(foreign) == {"disabled"}

    await wait_until(seeded, "the system tasks of go-falcon alone are disabled")
    assert (await shop.get("/status"))["metrics"]["impeded_tasks"] == len(BROKEN) + 1
    for task_id in BROKEN:
        task = await shop.get(f"/tasks/{task_id}")
        assert task["status"] == "failed"
        assert task["metadata"]["last_error"].startswith("schedule: ")
    unknown = await shop.get("/tasks/00000007-1111-4222-8333-444444444444")
    assert (unknown["status"], unknown["metadata"]["last_error"][:6]) == ("failed", "type: ")
    for execution_id in LEFTOVERS:
        execution = await shop.get(f"/executions/{execution_id}")
        assert (execution["status"], execution["error"]) == ("failed", LEFTOVER_ERROR)
    execution = await shop.run(HTTP_TASK)
    assert execution["status"] == "completed", execution
    kinds = {alert["kind"] for alert in (await shop.get("/alerts?state=open"))["alerts"]}
    assert not kinds & {"other_scheduler", "late_run", "many_late_runs"}, "what was due before is go-falcon's"
    actions = {entry["action"] for entry in (await shop.get("/audit?page_size=100"))["entries"]}
    assert {"take_over", "retire", "update"} <= actions


async def test_a_broken_task_is_repaired_by_the_one_field_that_is_wrong(shop: Shop) -> None:
    """Its long name and its tags break our rules; a PUT is judged by what it sends."""
    answer = await shop.api.put(f"/tasks/{BROKEN[1]}", json={"schedule": "0 */5 * * * *"})
    assert answer.status_code == 200, answer.text
    assert answer.json()["next_run"]
    odd = next(each["_id"] for each in documents("scheduler_tasks") if each["name"].startswith("u9 "))
    answer = await shop.api.put(f"/tasks/{odd}", json={"description": "described anew"})
    assert answer.status_code == 200, answer.text


async def test_documents_of_any_origin_keep_neither_the_service_nor_other_tasks_from_work(shop: Shop) -> None:
    planted = 0
    for collection, strategy in (
        ("scheduler_tasks", any_document.tasks),
        ("scheduler_executions", any_document.executions),
    ):
        for document_id, document in some(st.tuples(any_document.ids, strategy), PLANTED):
            with suppress(PyMongoError, OverflowError):  # an id or a name that is taken, a value that is too large
                document.setdefault("name", f"planted {planted}")  # of those without a name only one can be stored
                await shop.database[collection].insert_one({"_id": document_id, **document})
                planted += 1
    assert planted > PLANTED // 3
    answer = await shop.api.post("/reload")
    assert answer.status_code == 200, answer.text
    for path in ("/tasks?page_size=100", "/executions?page_size=100", "/stats", "/tasks?status=failed&page_size=100"):
        await shop.get(path)
    execution = await shop.run(HTTP_TASK)
    assert execution["status"] == "completed", execution
    (ready,) = [await shop.api.get(str(shop.api.base_url).removesuffix("scheduler/") + "readyz")]
    assert ready.status_code == 200, ready.text
    status = await shop.get("/status")
    assert status["status"] in {"healthy", "degraded"}
    await asyncio.sleep(SWEEP_INTERVAL.total_seconds() + 5)  # whatever was planted, a sweep has come by since
    log = shop.stack.home.log("facade").read_text()
    assert "Could not sweep" not in log
    failing = [each for each in (await shop.get("/alerts?state=open"))["alerts"] if each["kind"] == "duty_failing"]
    assert not failing, failing


async def test_the_way_back_asks_for_a_stopped_service_and_gives_documents_that_go_falcon_reads(shop: Shop) -> None:
    code, output = await shop.migrate("back")
    assert code != 0
    assert "stop every facade first" in output
    recorded = {each["_id"] for each in documents("scheduler_tasks")}
    ended = {each["_id"] for each in documents("scheduler_executions")}
    await shop.stack.stop_part("worker")
    await shop.stack.stop_part("facade")
    await shop.database["scheduler_tasks"].delete_many({"_id": {"$nin": [*recorded]}})
    await shop.database["scheduler_executions"].delete_many({"_id": {"$nin": [*ended]}})
    await asyncio.sleep(5)  # the lease of a facade that was ended at once runs out by itself
    code, output = await shop.migrate("back")
    assert code == 0, output
    changed = {HTTP_TASK, BROKEN[1]}
    for document in await shop.database["scheduler_tasks"].find({}).to_list():
        assert document["_id"] in SYSTEM_TASKS or "revision" not in document
        left = difference(document) - meant(document)
        if document["_id"] not in changed and not document["name"].startswith("u9 "):
            assert left <= {"next_run", "config", *CHANGED_BY_RUNS}, (document["_id"], left)
    for document in await shop.database["scheduler_executions"].find({}).to_list():
        read, before = go_execution(document), dict(as_go_reads("scheduler_executions")[document["_id"]])
        if document["_id"] in LEFTOVERS:
            before |= {"status": "failed", "error": LEFTOVER_ERROR, "completed_at": before["started_at"]}
        assert read == before


def some(strategy: st.SearchStrategy[Any], count: int) -> list[Any]:
    """Values of a strategy, the same at each run."""
    found: list[Any] = []

    @hypothesis.seed(20261126)
    @hypothesis.settings(
        max_examples=count,
        database=None,
        phases=[hypothesis.Phase.generate],
        suppress_health_check=list(hypothesis.HealthCheck),
    )
    @hypothesis.given(strategy)
    def collect(value: Any) -> None:
        found.append(value)

    collect()
    return found
