"""Creating, reading, changing and deleting tasks through the API."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import httpx
from pymongo.asynchronous.database import AsyncDatabase

from tests.api.conftest import faults
from tests.conftest import NEVER

DOCUMENTED = {
    "name": "API Health Check",
    "description": "Check external API health",
    "type": "http",
    "schedule": "0 */10 * * * *",
    "priority": "normal",
    "enabled": True,
    "config": {
        "url": "https://api.example.com/health",
        "method": "GET",
        "expected_code": 200,
        "timeout": "30s",
    },
    "tags": ["monitoring", "health"],
}
"""The document's own example."""
NOOP = {"function_name": "noop", "module": "builtin"}
DEFINITION = ("name", "description", "schedule", "priority", "enabled", "config")
SETTABLE = ("max_retries", "retry_interval", "timeout", "tags", "timezone", "overlap")


async def test_the_documented_example_creates_a_task(admin: httpx.AsyncClient) -> None:
    answer = await admin.post("/tasks", json=DOCUMENTED)
    task = answer.json()
    try:
        assert answer.status_code == 201
        assert answer.headers["location"] == f"/scheduler/tasks/{task['id']}"
        assert {name: task[name] for name in DEFINITION} == {name: DOCUMENTED[name] for name in DEFINITION}
        assert (task["status"], task["created_by"], task["updated_by"]) == ("pending", "the-admin", "the-admin")
        assert task["metadata"] == {
            "max_retries": 3,
            "retry_interval": "1m0s",
            "timeout": "5m0s",
            "timezone": "UTC",
            "overlap": "skip",
            "tags": ["monitoring", "health"],
            "is_system": False,
            "source": "api",
            "version": 1,
            "last_error": "",
            "success_count": 0,
            "failure_count": 0,
            "total_runs": 0,
            "average_runtime": "0s",
            "skipped_count": 0,
        }
        assert task["next_run"].endswith("0:00.000Z")
        assert (await admin.get(f"/tasks/{task['id']}")).json() == task
    finally:
        await admin.delete(f"/tasks/{task['id']}")


async def test_a_task_that_was_read_can_be_sent_back_as_an_update_without_its_read_only_fields(
    make: Callable[..., Any], admin: httpx.AsyncClient
) -> None:
    task = await make(tags=["a"], metadata={"timezone": "Europe/Berlin", "overlap": "queue", "timeout": "90s"})
    back = {name: task[name] for name in DEFINITION}
    back["metadata"] = {name: task["metadata"][name] for name in SETTABLE}
    answer = await admin.put(f"/tasks/{task['id']}", json=back)
    assert answer.status_code == 200
    assert answer.json() == task


async def test_an_update_replaces_only_what_is_given_and_counts_the_version(
    make: Callable[..., Any], admin: httpx.AsyncClient
) -> None:
    task = await make(description="before", metadata={"timeout": "2m", "max_retries": 1})
    answer = await admin.put(f"/tasks/{task['id']}", json={"description": "after", "metadata": {"timeout": "3m"}})
    changed = answer.json()
    expected = {**task, "description": "after", "updated_at": changed["updated_at"]}
    expected["metadata"] = {**task["metadata"], "timeout": "3m0s", "version": 2}
    assert changed == expected
    again = await admin.put(f"/tasks/{task['id']}", json={"description": "after"})
    assert again.json()["metadata"]["version"] == 2, "a change to what it is already is no change"
    assert faults(await admin.put(f"/tasks/{task['id']}", json={"name": None})) == {
        "name": "should be a valid string"
    }


async def test_a_stored_schedule_that_cannot_be_read_hides_no_task_and_can_be_repaired(
    make: Callable[..., Any], admin: httpx.AsyncClient, mongo_database: AsyncDatabase[dict[str, Any]]
) -> None:
    task = await make(schedule="@hourly", tags=["unreadable"])
    path = f"/tasks/{task['id']}"
    await mongo_database["scheduler_tasks"].update_one({"_id": task["id"]}, {"$set": {"schedule": "61 * * * * *"}})
    [listed] = (await admin.get("/tasks?tags=unreadable")).json()["tasks"]
    assert listed["schedule"] == "61 * * * * *"
    assert listed.get("next_run") is None
    assert (await admin.post("/reload")).json()["failed"] == []
    assert (await admin.post(f"{path}/disable")).status_code == 200
    enabled = (await admin.post(f"{path}/enable")).json()
    assert enabled["status"] == "failed"
    assert "second field '61'" in enabled["metadata"]["last_error"]
    assert "schedule" in faults(await admin.put(path, json={"schedule": "62 * * * * *"}))
    mended = (await admin.put(path, json={"schedule": "@hourly"})).json()
    assert mended["next_run"].endswith(":00:00.000Z")
    assert mended["status"] == "pending"


async def test_a_task_keeps_its_type_for_life(make: Callable[..., Any], admin: httpx.AsyncClient) -> None:
    task = await make()
    found = faults(await admin.put(f"/tasks/{task['id']}", json={"type": "http"}))
    assert found == {"type": "a task keeps its type for life; create another one"}


async def test_names_are_unique(make: Callable[..., Any], admin: httpx.AsyncClient) -> None:
    first, second = await make(), await make()
    body = {"name": first["name"], "type": "function", "schedule": NEVER, "config": NOOP}
    created = await admin.post("/tasks", json=body)
    assert (created.status_code, created.json()["code"]) == (409, "name_taken")
    renamed = await admin.put(f"/tasks/{second['id']}", json={"name": first["name"]})
    assert (renamed.status_code, renamed.json()["code"]) == (409, "name_taken")


async def test_a_deleted_task_is_gone(make: Callable[..., Any], admin: httpx.AsyncClient) -> None:
    task = await make()
    answer = await admin.delete(f"/tasks/{task['id']}")
    assert (answer.status_code, answer.json()) == (200, {"message": "Task deleted", "task_id": task["id"]})
    for path in ("", "/history"):
        assert (await admin.get(f"/tasks/{task['id']}{path}")).status_code == 404
    assert (await admin.delete(f"/tasks/{task['id']}")).status_code == 404


async def test_system_tasks_can_be_switched_but_not_changed_or_deleted(admin: httpx.AsyncClient) -> None:
    path = "/tasks/system-health-check"
    for answer in (await admin.put(path, json={"name": "mine"}), await admin.delete(path)):
        assert (answer.status_code, answer.json()["code"]) == (403, "system_task_protected")
    assert (await admin.post(f"{path}/pause")).json()["status"] == "paused"
    assert (await admin.post(f"{path}/resume")).json()["status"] != "paused"


async def test_switches_are_repeatable_and_show_at_once(make: Callable[..., Any], admin: httpx.AsyncClient) -> None:
    task = await make(schedule="0 0 0 1 1 *")
    path = f"/tasks/{task['id']}"
    for switch, status, fires in (
        ("pause", "paused", False),
        ("pause", "paused", False),
        ("disable", "disabled", False),
        ("enable", "paused", False),  # a pause survives being switched off and on
        ("resume", "pending", True),
        ("resume", "pending", True),
        ("enable", "pending", True),
    ):
        answer = await admin.post(f"{path}/{switch}")
        assert answer.status_code == 200, switch
        assert answer.json()["status"] == status, switch
        assert ("next_run" in answer.json()) is fires, switch
        assert (await admin.get(path)).json() == answer.json(), switch


async def test_unknown_ids_are_404_everywhere(admin: httpx.AsyncClient) -> None:
    paths = [
        *[("POST", f"/tasks/nobody/{each}") for each in ("pause", "resume", "enable", "disable", "execute", "stop")],
        *[("GET", f"/tasks/nobody{each}") for each in ("", "/history", "/executions/nothing")],
        *[("DELETE", "/tasks/nobody"), ("GET", "/executions/nothing"), ("GET", "/tasks/%00/history")],
    ]
    for method, path in paths:
        answer = await admin.request(method, path)
        assert answer.status_code == 404, (method, path)
    assert (await admin.put("/tasks/nobody", json={})).status_code == 404


async def test_filters_narrow_the_list_together(make: Callable[..., Any], admin: httpx.AsyncClient) -> None:
    red = await make(name="filters: Red one", tags=["filters", "red"], priority="high")
    blue = await make(name="filters: blue one", tags=["filters", "blue"], enabled=False)
    both = await make(name="filters: both", tags=["filters", "red", "blue"], priority="high")

    async def names(query: str) -> list[str]:
        answer = (await admin.get(f"/tasks?{query}")).json()
        assert answer["total"] == len(answer["tasks"])
        return [task["name"] for task in answer["tasks"]]

    assert await names("tags=filters") == [both["name"], blue["name"], red["name"]], "newest change first"
    assert await names("tags=filters,red") == [both["name"], red["name"]]
    assert await names("tags=blue&tags=red") == [both["name"]]
    assert await names("tags=filters&priority=high&enabled=true&type=function&status=pending") == [
        both["name"],
        red["name"],
    ]
    assert await names("tags=filters&enabled=false") == [blue["name"]]
    assert await names("tags=filters&status=disabled") == [blue["name"]]
    assert await names("q=FILTERS%3A%20r") == [red["name"]]
    assert await names("q=.*&tags=filters") == []
    await admin.put(f"/tasks/{red['id']}", json={"description": "moved up"})
    assert (await names("tags=filters"))[0] == red["name"]


async def test_pages_cover_everything_once_with_an_exact_total(
    make: Callable[..., Any], admin: httpx.AsyncClient
) -> None:
    made = [(await make(tags=["pages"]))["id"] for _ in range(5)]
    seen = []
    for page in (1, 2, 3):
        answer = (await admin.get(f"/tasks?tags=pages&page={page}&page_size=2")).json()
        assert (answer["total"], answer["total_pages"], answer["page"], answer["page_size"]) == (5, 3, page, 2)
        seen += [task["id"] for task in answer["tasks"]]
    assert seen == made[::-1]
    assert (await admin.get("/tasks?tags=pages&page=4&page_size=2")).json()["tasks"] == []


async def test_an_answer_keeps_nulls_inside_a_config(make: Callable[..., Any], admin: httpx.AsyncClient) -> None:
    config = {"function_name": "echo", "module": "builtin", "parameters": {"nothing": None, "list": [None, 1]}}
    task = await make(config=config)
    assert (await admin.get(f"/tasks/{task['id']}")).json()["config"] == config
