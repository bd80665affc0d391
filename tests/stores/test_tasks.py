"""Tasks in a real MongoDB-protocol server."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import pytest_asyncio
from pymongo.asynchronous.database import AsyncDatabase

from falcon_scheduler.adapters.mongo.client import ensure_indexes
from falcon_scheduler.adapters.mongo.tasks import MongoTaskStore
from falcon_scheduler.core.domain.task import Overlap, Priority, Source, Task, TaskDefinition, TaskStatus
from falcon_scheduler.core.errors import NameTaken, TaskNotFound
from falcon_scheduler.core.ports import PageRequest, TaskFilter

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)
Database = AsyncDatabase[dict[str, Any]]


@pytest_asyncio.fixture
async def database(mongo_database: Database) -> AsyncIterator[Database]:
    """A database of the test's own."""
    own = mongo_database.client[f"test_{uuid.uuid4().hex[:12]}"]
    await ensure_indexes(own)
    yield own
    await mongo_database.client.drop_database(own.name)


@pytest.fixture
def store(database: Database) -> MongoTaskStore:
    return MongoTaskStore(database)


def a_task(name: str = "A", minutes: int = 0, **definition: Any) -> Task:
    at = NOON + timedelta(minutes=minutes)
    return Task(
        id=str(uuid.uuid4()),
        definition=TaskDefinition(
            name=name, type=definition.pop("type", "http"), schedule="0 0 * * * *", **definition
        ),
        source=Source.API,
        created_at=at,
        updated_at=at,
        created_by="somebody",
        updated_by="somebody",
    )


async def test_what_is_stored_is_read_again_as_it_was(store: MongoTaskStore) -> None:
    task = a_task(
        description="Ärger, 天気",
        priority=Priority.HIGH,
        config={"url": "https://example.com", "headers": {"X-A.B": "1"}, "list": [1, 2.5, None, True]},
        tags=("a", "b"),
        max_retries=0,
        retry_interval=timedelta(seconds=90),
        timeout=timedelta(hours=24),
        timezone="Europe/Berlin",
        overlap=Overlap.QUEUE,
    )
    stored = await store.insert(task)
    assert await store.get(task.id) == stored
    changed = await store.change(task.id, lambda each: each.started("e1", NOON, 5).with_paused(True, "me", NOON))
    assert await store.get(task.id) == changed


async def test_the_document_has_the_documented_shape(store: MongoTaskStore, database: Database) -> None:
    task = await store.insert(a_task(tags=("x",), retry_interval=timedelta(minutes=2)))
    document = await database["scheduler_tasks"].find_one({"_id": task.id})
    assert document is not None
    assert document["status"] == "pending"
    assert document["metadata"]["retry_interval"] == "2m0s"
    assert document["metadata"]["tags"] == ["x"]
    assert document["metadata"]["source"] == "api"
    assert document["metadata"]["version"] == 1
    assert document["created_at"] == NOON
    assert "last_run" not in document


async def test_a_name_is_taken_once(store: MongoTaskStore) -> None:
    first, second = await store.insert(a_task("one")), await store.insert(a_task("two"))
    with pytest.raises(NameTaken):
        await store.insert(a_task("one"))
    with pytest.raises(NameTaken):
        await store.change(second.id, lambda each: replace(each, definition=first.definition))
    assert (await store.get(second.id)).definition.name == "two"


async def test_changes_at_the_same_time_are_all_kept(store: MongoTaskStore) -> None:
    task = await store.insert(a_task())
    await asyncio.gather(*(store.change(task.id, lambda each, n=n: each.skipped(f"e{n}", NOON)) for n in range(12)))  # type: ignore[misc]
    assert (await store.get(task.id)).record.skipped_count == 12


async def test_a_change_that_changes_nothing_is_not_written(store: MongoTaskStore) -> None:
    task = await store.insert(a_task())
    assert (await store.change(task.id, lambda each: each)).revision == task.revision


async def test_unknown_tasks_are_not_found(store: MongoTaskStore) -> None:
    with pytest.raises(TaskNotFound):
        await store.get("nobody")
    with pytest.raises(TaskNotFound):
        await store.change("nobody", lambda each: each)
    await store.delete("nobody")


async def test_lists_are_filtered_paged_and_newest_first(store: MongoTaskStore) -> None:
    for number in range(5):
        await store.insert(a_task(f"job {number}", number, tags=("even",) if number % 2 == 0 else ("odd", "even")))
    await store.insert(a_task("Nightly (x*)", 9, type="function", priority=Priority.LOW, enabled=False))
    page = await store.list(TaskFilter(), PageRequest(page=1, size=4))
    assert [task.definition.name for task in page.items] == ["Nightly (x*)", "job 4", "job 3", "job 2"]
    assert (page.total, page.total_pages) == (6, 2)
    rest = await store.list(TaskFilter(), PageRequest(page=2, size=4))
    assert [task.definition.name for task in rest.items] == ["job 1", "job 0"]
    assert (await store.list(TaskFilter(), PageRequest(page=9))).items == []

    async def names(**wanted: Any) -> set[str]:
        return {task.definition.name for task in (await store.list(TaskFilter(**wanted), PageRequest())).items}

    assert await names(tags=("even", "odd")) == {"job 1", "job 3"}
    assert await names(query="(X*") == {"Nightly (x*)"}
    assert await names(type="function") == {"Nightly (x*)"}
    assert await names(status=TaskStatus.DISABLED) == {"Nightly (x*)"}
    assert await names(enabled=True, priority=Priority.LOW) == set()


async def test_a_document_of_the_go_service_opens_unchanged(store: MongoTaskStore, database: Database) -> None:
    await database["scheduler_tasks"].insert_one(
        {
            "_id": "old",
            "name": "From Go",
            "description": "",
            "type": "http",
            "schedule": "0 */5 * * * *",
            "status": "completed",
            "priority": "normal",
            "enabled": True,
            "config": {"url": "https://example.com"},
            "metadata": {
                "max_retries": 2,
                "retry_interval": 120_000_000_000,
                "timeout": 300_000_000_000,
                "tags": None,
                "is_system": False,
                "source": "api",
                "version": 3,
                "success_count": 8,
                "failure_count": 2,
                "total_runs": 10,
                "average_runtime": 1_500_000_000,
            },
            "last_run": NOON,
            "created_at": NOON,
            "updated_at": NOON,
            "created_by": "api",
        }
    )
    task = await store.get("old")
    assert task.definition.retry_interval == timedelta(minutes=2)
    assert task.record.average_runtime == timedelta(seconds=1.5)
    assert task.status is TaskStatus.COMPLETED
    changed = await store.change("old", lambda each: each.skipped("e1", NOON))
    assert (changed.version, changed.record.total_runs, changed.record.skipped_count) == (3, 10, 1)
