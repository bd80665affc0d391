"""Documents of odd shape stop no list, sweep, reload or retention pass, are shown, can be repaired and deleted."""

from __future__ import annotations

import uuid
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest_asyncio
from bson import ObjectId
from pymongo.asynchronous.database import AsyncDatabase

from falcon_scheduler.adapters.mongo.client import EXECUTIONS, TASKS
from falcon_scheduler.core.domain.alert import AlertKind
from falcon_scheduler.core.ports import ExecutionFilter, PageRequest, TaskFilter
from tests.conftest import ADMIN, Scheduler, exists, function

NOW = datetime.now(UTC)
OLD = NOW - timedelta(days=400)
ODD_TASKS: dict[str, dict[str, Any]] = {
    "a name that is a number": {"name": 5},
    "tags that are no list": {"metadata": {"tags": 7}},
    "a length that is none": {"metadata": {"timeout": "soon"}},
    "a config that is a list": {"config": [1]},
    "counts that are text": {"metadata": {"success_count": "many"}},
    "bookkeeping of another shape": {"scheduler": {"deployed": {"id": "x", "other": 1}, "is_active": True}},
    "a day that is none": {"scheduler": {"today": {"day": "yesterday"}}},
}
ODD_EXECUTIONS: dict[str, dict[str, Any]] = {
    "a status that is none": {"status": "weird"},
    "a count that is text": {"retry_count": "twice"},
    "output that is a list": {"output": ["a"]},
    "metadata that is text": {"metadata": "none"},
}

IMPEDED = {"a length that is none", "a config that is a list"}
MENDING = {"config": function("echo"), "timeout": timedelta(minutes=5), "name": "mended", "tags": ()}


@pytest_asyncio.fixture
async def planted(scheduler: Scheduler, mongo_database: AsyncDatabase[dict[str, Any]]) -> AsyncIterator[str]:
    """All of them, beside a sound task. Gives a mark that is a part of their names."""
    mark = uuid.uuid4().hex[:8]
    tasks = [
        {
            "_id": f"bad-{mark}-{number}",
            "name": f"bad {mark} {number}",
            "type": "function",
            "schedule": "0 0 0 29 2 ?",
            "updated_at": NOW,
            "created_at": NOW,
            "enabled": True,
            **wrong,
        }
        for number, wrong in enumerate(ODD_TASKS.values())
    ]
    for task in tasks:
        if task["name"] == 5:
            task["name"] = [mark]  # unique still
    await mongo_database[TASKS].insert_many(tasks)
    executions = [
        {
            "_id": f"bad-{mark}-{number}",
            "task_id": f"bad-{mark}-0",
            "status": "failed",
            "started_at": OLD,
            "completed_at": OLD,
            "uncounted": True,
            **wrong,
        }
        for number, wrong in enumerate(ODD_EXECUTIONS.values())
    ]
    readable: dict[str, Any] = {
        "task_id": f"bad-{mark}-0",
        "status": "completed",
        "started_at": OLD,
        "completed_at": OLD,
        "metadata": {"trigger": "schedule"},  # written by this service, so no takeover spares it
    }
    executions += [{"_id": f"good-{mark}", **readable, "uncounted": True}, {"_id": f"old-{mark}", **readable}]
    executions += [{"_id": f"older-{mark}", **readable, "started_at": OLD - timedelta(days=1)}]
    await mongo_database[EXECUTIONS].insert_many(executions)
    yield mark
    await mongo_database[TASKS].delete_many({"_id": {"$regex": f"^bad-{mark}"}})
    await mongo_database[EXECUTIONS].delete_many({"task_id": f"bad-{mark}-0"})


async def test_they_stop_nothing_and_lists_show_them_all(
    scheduler: Scheduler, planted: str, mongo_database: AsyncDatabase[dict[str, Any]]
) -> None:
    services = scheduler.services
    sound = await scheduler.task()
    page = await services.tasks.list(TaskFilter(), PageRequest(size=100))
    shown = {task.id for task in page.items}
    assert {sound.id, *(f"bad-{planted}-{number}" for number in range(len(ODD_TASKS)))} <= shown
    runs = await services.runs.list(ExecutionFilter(task_id=f"bad-{planted}-0"), PageRequest(size=100))
    assert len(runs.items) == len(ODD_EXECUTIONS) + 3
    await services.mirror.history.sweep()
    await services.mirror.rescuer.look()
    await services.alerts.rules.look()
    outcome = await services.reconcile.reload()
    assert not [each for each in outcome.failed if planted in each]
    await services.mirror.retention.clean(timedelta(days=300))
    assert not await mongo_database[EXECUTIONS].find_one({"_id": f"old-{planted}"})
    await services.status.status()
    assert (await scheduler.services.tasks.get(sound.id)).definition == sound.definition


async def test_those_that_can_not_run_give_the_reason_and_each_can_be_repaired_stopped_and_deleted(
    scheduler: Scheduler, planted: str
) -> None:
    tasks = scheduler.services.tasks
    await scheduler.services.reconcile.reload()
    for number, impediment in enumerate(ODD_TASKS):
        task_id = f"bad-{planted}-{number}"
        task = await tasks.get(task_id)
        assert bool(task.impediments) == (impediment in IMPEDED), impediment
        assert (await tasks.disable(task_id, ADMIN)).definition.enabled is False
        await scheduler.services.runs.stop(task_id, ADMIN)
        mended = await tasks.update(task_id, MENDING, ADMIN)
        assert not mended.impediments
        await tasks.delete(task_id, ADMIN)
        assert not await exists(scheduler.services, task_id)


async def test_tasks_that_can_not_run_are_counted_and_alerted_on_once(scheduler: Scheduler, planted: str) -> None:
    services = scheduler.services
    await services.reconcile.reload()
    await services.mirror.mending.look()
    (alert,) = await services.alerts.service.opened([AlertKind.IMPEDED_TASKS])
    assert f"bad-{planted}-" in alert.text
    stats = await services.status.stats()
    assert stats.impeded_tasks >= len(IMPEDED)


async def test_values_that_json_does_not_know_read_as_text_and_what_is_no_time_as_none(
    scheduler: Scheduler, mongo_database: AsyncDatabase[dict[str, Any]]
) -> None:
    task = await scheduler.task()
    odd = {
        "config.id": ObjectId("0123456789abcdef01234567"),
        "config.nan": float("nan"),
        "last_run": "yesterday",
    }
    await mongo_database[TASKS].update_one({"_id": task.id}, {"$set": odd})
    read = await scheduler.services.tasks.get(task.id)
    assert (read.definition.config["id"], read.definition.config["nan"]) == ("0123456789abcdef01234567", "nan")
    assert read.record.last_run is None
