"""What tasks look like as documents: as documented, and as the Go service writes them."""

from __future__ import annotations

from datetime import timedelta

from falcon_scheduler.adapters.mongo.client import Database
from falcon_scheduler.adapters.mongo.tasks import MongoTaskStore
from falcon_scheduler.core.domain.task import TaskStatus
from tests.stores.samples import NOON, a_task


async def test_the_document_has_the_documented_shape(database: Database) -> None:
    store = MongoTaskStore(database)
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


async def test_a_document_of_the_go_service_opens_unchanged(database: Database) -> None:
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
    store = MongoTaskStore(database)
    task = await store.get("old")
    assert task.definition.retry_interval == timedelta(minutes=2)
    assert task.record.average_runtime == timedelta(seconds=1.5)
    assert task.status is TaskStatus.COMPLETED
    changed = await store.change("old", lambda each: each.skipped("e1", NOON))
    assert (changed.version, changed.record.total_runs, changed.record.skipped_count) == (3, 10, 1)
