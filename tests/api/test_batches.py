"""Many tasks at once: bulk, export and import."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import httpx
import pytest

from tests.api.conftest import BASE, bearer, faults, token_of
from tests.conftest import NEVER

NOOP = {"function_name": "noop", "module": "builtin"}


def task(name: str, **fields: Any) -> dict[str, Any]:
    return {"name": name, "type": "function", "schedule": NEVER, "config": NOOP, **fields}


async def test_a_bulk_operation_lists_each_task(make: Callable[..., Any], admin: httpx.AsyncClient) -> None:
    first, second = (await make())["id"], (await make())["id"]
    ids = [first, "nobody", second, first]
    answer = (await admin.post("/tasks/bulk", json={"task_ids": ids, "operation": "pause"})).json()
    assert answer["success"] == [first, second]
    assert answer["failed"] == [
        {"task_id": "nobody", "code": "task_not_found", "error": "Task 'nobody' was not found"}
    ]
    assert (answer["total"], answer["success_count"], answer["failure_count"]) == (3, 2, 1)
    assert (await admin.get(f"/tasks/{second}")).json()["status"] == "paused"

    ids = [first, "system-health-check"]
    answer = (await admin.post("/tasks/bulk", json={"task_ids": ids, "operation": "delete"})).json()
    assert answer["success"] == [first]
    assert answer["failed"][0]["code"] == "system_task_protected"
    assert (await admin.get(f"/tasks/{first}")).status_code == 404


@pytest.mark.parametrize(
    ("body", "location"),
    [
        ({"task_ids": [], "operation": "pause"}, "task_ids"),
        ({"task_ids": ["x"] * 101, "operation": "pause"}, "task_ids"),
        ({"task_ids": [1], "operation": "pause"}, "task_ids.0"),
        ({"task_ids": ["x"], "operation": "explode"}, "operation"),
        ({"task_ids": ["x"]}, "operation"),
    ],
)
async def test_a_bulk_operation_that_cannot_be_meant_is_refused(
    admin: httpx.AsyncClient, body: Any, location: str
) -> None:
    assert location in faults(await admin.post("/tasks/bulk", json=body))


async def test_what_is_exported_can_be_imported_and_is_the_same(
    make: Callable[..., Any], admin: httpx.AsyncClient
) -> None:
    fields = {
        "description": "kept",
        "priority": "critical",
        "enabled": False,
        "metadata": {
            "max_retries": 1,
            "retry_interval": "30s",
            "timeout": "1h30m",
            "tags": ["export"],
            "timezone": "Europe/Berlin",
            "overlap": "queue",
        },
    }
    made = await make(**fields)
    exported = (await admin.get("/tasks/export")).json()
    mine = [each for each in exported["tasks"] if each["name"] == made["name"]]
    assert len(mine) == 1
    assert (mine[0]["id"], mine[0]["source"], mine[0]["paused"]) == (made["id"], "api", False)

    again = (await admin.post("/tasks/import", json={"tasks": mine})).json()
    assert (again["imported"], again["skipped_tasks"]) == (0, [made["name"]])

    await admin.delete(f"/tasks/{made['id']}")
    answer = (await admin.post("/tasks/import", json={"tasks": mine})).json()
    imported = (await admin.get(f"/tasks/{answer['imported_tasks'][0]['id']}")).json()
    own = {"created_at", "updated_at"}
    assert {k: v for k, v in imported.items() if k not in own} == {k: v for k, v in made.items() if k not in own}
    assert [
        each for each in (await admin.get("/tasks/export")).json()["tasks"] if each["name"] == made["name"]
    ] == mine
    await admin.delete(f"/tasks/{imported['id']}")


async def test_an_import_lists_each_task_and_changes_only_on_request(
    make: Callable[..., Any], admin: httpx.AsyncClient
) -> None:
    present = await make()
    bodies = [task(present["name"], description="changed"), task("", schedule="never"), {"name": 7}]
    kept = (await admin.post("/tasks/import", json={"tasks": bodies})).json()
    assert (kept["total"], kept["imported"], kept["skipped"], kept["failed"]) == (3, 0, 1, 2)
    assert [failure["position"] for failure in kept["failed_tasks"]] == [1, 2]
    assert {fault["location"] for fault in kept["failed_tasks"][0]["errors"]} == {"name", "schedule"}
    assert (await admin.get(f"/tasks/{present['id']}")).json()["description"] == ""

    changed = (await admin.post("/tasks/import", json={"tasks": bodies[:1], "overwrite": True})).json()
    assert changed["imported_tasks"] == [{"id": present["id"], "name": present["name"]}]
    assert (await admin.get(f"/tasks/{present['id']}")).json()["description"] == "changed"
    system = task("System Health Check")
    names = [each["name"] for each in (await admin.get("/tasks?type=system&page_size=100")).json()["tasks"]]
    system["name"] = names[0]
    refused = (await admin.post("/tasks/import", json={"tasks": [system], "overwrite": True})).json()
    assert refused["failed"] == 1, "a system task is not overwritten"


async def test_a_batch_needs_the_permission_of_what_it_does(
    client: httpx.AsyncClient, admin: httpx.AsyncClient, make: Callable[..., Any], mongo_database: Any, settings: Any
) -> None:
    group, character = "a group for batches", 5001
    await mongo_database["groups"].insert_one({"_id": group, "name": group, "is_active": True})
    await mongo_database["group_memberships"].insert_one(
        {"_id": group, "group_id": group, "character_id": character, "is_active": True}
    )
    permissions = ("scheduler:tasks:control", "scheduler:tasks:create")
    await mongo_database["group_permissions"].insert_many(
        [{"_id": each, "group_id": group, "permission_id": each, "is_active": True} for each in permissions]
    )
    headers = bearer(token_of(settings, character_id=character))
    present = await make()
    delete = {"task_ids": [present["id"]], "operation": "delete"}
    refused = await client.post(f"{BASE}/tasks/bulk", json=delete, headers=headers)
    assert (refused.status_code, "scheduler:tasks:delete" in refused.json()["detail"]) == (403, True)
    overwrite = {"tasks": [task(present["name"])], "overwrite": True}
    assert (await client.post(f"{BASE}/tasks/import", json=overwrite, headers=headers)).status_code == 403
    pause = {"task_ids": [present["id"]], "operation": "pause"}
    assert (await client.post(f"{BASE}/tasks/bulk", json=pause, headers=headers)).status_code == 200
    assert (await admin.get(f"/tasks/{present['id']}")).json()["description"] == ""
    await mongo_database["groups"].delete_one({"_id": group})
    await mongo_database["group_memberships"].delete_one({"_id": group})
    await mongo_database["group_permissions"].delete_many({"_id": {"$in": list(permissions)}})
