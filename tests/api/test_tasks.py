"""Creating, reading, changing and deleting tasks through the API."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import httpx
import pytest
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


async def test_read_only_fields_are_refused_by_name(make: Callable[..., Any], admin: httpx.AsyncClient) -> None:
    task = await make()
    found = faults(await admin.put(f"/tasks/{task['id']}", json=task))
    readable = {"id", "status", "next_run", "created_at", "updated_at", "created_by", "updated_by"}
    assert {location for location in found if "." not in location} == {*readable, "type"}
    assert not [location for location in found if location.startswith("metadata")], "it is as it was read"
    created = {
        "name": "x",
        "type": "function",
        "schedule": NEVER,
        "metadata": {"is_system": True, "source": "system"},
    }
    refused = faults(await admin.post("/tasks", json=created))
    assert refused["metadata.is_system"] == refused["metadata.source"] == "is set by the service and can't be given"


async def test_whole_metadata_can_be_sent_back_and_what_the_service_counts_is_named_and_not_looked_at(
    make: Callable[..., Any], admin: httpx.AsyncClient
) -> None:
    task = await make(tags=["a"])
    counted = {"success_count": 99, "total_runs": 99, "version": 7, "average_runtime": "9h", "last_error": "none"}
    back = {"$schema": "https://api.test/schemas/Task.json", "metadata": {**task["metadata"], **counted}}
    answer = await admin.put(f"/tasks/{task['id']}", json=back)
    assert answer.json() == task, answer.text
    assert "metadata.success_count is set by the service" in answer.headers["warning"]
    assert "metadata.max_retries" not in answer.headers["warning"]
    null = await admin.put(
        f"/tasks/{task['id']}", json={"tags": None, "metadata": {"tags": None, "max_retries": 3.0}}
    )
    assert null.json() == task, "null is how Go writes no tags, and 3.0 is the integer 3"
    assert "warning" not in null.headers


async def test_every_fault_is_named_at_once_those_of_shape_and_those_of_meaning(admin: httpx.AsyncClient) -> None:
    body = {
        "name": "",
        "description": "x" * 501,
        "type": "http",
        "schedule": "61 * * * * *",
        "priority": "urgent",
        "enabled": "yes",
        "config": {"urll": "https://example.com"},
        "colour": "red",
        "metadata": {"max_retries": "3", "timeout": "1s", "retry_interval": True, "retries": 7},
        "tags": ["fine", "not§fine"],
    }
    found = faults(await admin.post("/tasks", json=body))
    assert found.keys() == {
        *("name", "description", "schedule", "priority", "enabled", "config.url", "config.urll", "colour", "tags.1"),
        *("metadata.max_retries", "metadata.timeout", "metadata.retry_interval", "metadata.retries"),
    }
    assert "61" in found["schedule"]


@pytest.mark.parametrize(
    ("body", "location"),
    [
        ({}, "name"),
        ({"name": None}, "name"),
        ({"type": "no such type"}, "type"),
        ({"type": "system", "config": {"task_name": "health_check"}}, "type"),
        ({"config": None}, "config"),
        ({"config": {"function_name": "system", "module": "os"}}, "config.function_name"),
        ({"metadata": []}, "metadata"),
        ({"metadata": {"timezone": "Mars/Olympus"}}, "metadata.timezone"),
        ({"metadata": {"overlap": "explode"}}, "metadata.overlap"),
        ({"metadata": {"max_retries": 11}}, "metadata.max_retries"),
        ({"metadata": {"max_retries": 1.5}}, "metadata.max_retries"),
        ({"metadata": {"retry_interval": "2h"}}, "metadata.retry_interval"),
        ({"metadata": {"timeout": 10**30}}, "metadata.timeout"),
        ({"metadata": {"timeout": "soon"}}, "metadata.timeout"),
        ({"metadata": {"tags": ["!"]}}, "metadata.tags.0"),
        ({"tags": ["a"], "metadata": {"tags": ["b"]}}, "metadata.tags"),
        ({"tags": "a,b"}, "tags"),
        ({"tags": [f"tag {i}" for i in range(51)]}, "tags"),
        ({"schedule": "* * * * *"}, "schedule"),
        ({"schedule": "0 0 0 30 2 *"}, "schedule"),
        ({"description": "nul \x00"}, "description"),
    ],
)
async def test_a_fault_is_named_by_its_place(admin: httpx.AsyncClient, body: dict[str, Any], location: str) -> None:
    sound = {"name": "a name", "type": "function", "schedule": NEVER, "config": NOOP}
    assert location in faults(await admin.post("/tasks", json=sound | body if body else {}))


async def test_durations_are_taken_as_text_and_as_nanoseconds(make: Callable[..., Any]) -> None:
    task = await make(metadata={"timeout": 90_000_000_000, "retry_interval": "1m30s"})
    assert (task["metadata"]["timeout"], task["metadata"]["retry_interval"]) == ("1m30s", "1m30s")


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


async def test_a_zone_that_would_not_count_is_refused_with_the_way_out(
    make: Callable[..., Any], admin: httpx.AsyncClient
) -> None:
    zoned = "CRON_TZ=Europe/Berlin 0 0 9 * * *"
    task = await make(schedule=zoned)
    path = f"/tasks/{task['id']}"
    answer = await admin.put(path, json={"metadata": {"timezone": "Asia/Tokyo"}})
    assert faults(answer) == {
        "metadata.timezone": "has no effect, as the schedule names its own zone, Europe/Berlin; "
        "give the schedule without it as well"
    }
    assert (await admin.put(path, json={"metadata": {"timezone": "Europe/Berlin"}})).status_code == 200
    both = {"schedule": "0 0 9 * * *", "metadata": {"timezone": "Asia/Tokyo"}}
    changed = (await admin.put(path, json=both)).json()
    assert changed["next_run"].endswith("T00:00:00.000Z")
    back = await admin.put(path, json={**both, "schedule": zoned})
    assert back.status_code == 200  # the zone as it is stored, which is what a client that sends all back gives
    assert back.json()["next_run"].split("T")[1] in {"07:00:00.000Z", "08:00:00.000Z"}


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


@pytest.mark.parametrize(
    ("query", "location"),
    [
        *[("page=0", "query.page"), ("page=x", "query.page"), ("page=1.0", "query.page"), ("page=", "query.page")],
        *[("page=99999999999999999999", "query.page"), ("page_size=101", "query.page_size")],
        *[("page=%D9%A1", "query.page"), ("page_size=%EF%BC%91", "query.page_size")],  # digits that are not ASCII
        *[("status=done", "query.status"), ("enabled=1", "query.enabled"), ("priority=", "query.priority")],
        *[("limit=101", "query.limit"), ("search=" + "x" * 101, "query.search")],
    ],
)
async def test_a_query_that_cannot_be_meant_is_refused(admin: httpx.AsyncClient, query: str, location: str) -> None:
    assert faults(await admin.get(f"/tasks?{query}")).keys() == {location}


async def test_an_answer_keeps_nulls_inside_a_config(make: Callable[..., Any], admin: httpx.AsyncClient) -> None:
    config = {"function_name": "echo", "module": "builtin", "parameters": {"nothing": None, "list": [None, 1]}}
    task = await make(config=config)
    assert (await admin.get(f"/tasks/{task['id']}")).json()["config"] == config


@pytest.mark.parametrize(
    "character", ["\x00", "\x07", "\x1b", "\x7f", "\x9b", "\u202e", "\u2066", "\u200b", "\ufeff", "\u2028"]
)
async def test_characters_that_nobody_sees_are_refused_and_named(admin: httpx.AsyncClient, character: str) -> None:
    text = f"pay{character}load"
    body = {"name": text, "description": text, "type": "function", "schedule": NEVER, "config": NOOP, "tags": [text]}
    found = faults(await admin.post("/tasks", json=body))
    assert {"name", "description", "tags.0"} <= found.keys()
    if character != "\x00":  # which no text of a body may hold
        assert all(f"U+{ord(character):04X}" in found[each] for each in ("name", "description", "tags.0"))


async def test_a_description_may_have_lines_and_be_in_any_script(make: Callable[..., Any]) -> None:
    text = "first line\r\n\tsecond\nسلام می\u200cخواهم 👩\u200d🚀 שלום\u200f"  # noqa: RUF001 - Persian and Hebrew
    assert (await make(description=text))["description"] == text


async def test_a_task_stored_before_a_rule_is_read_switched_and_changed_elsewhere(
    make: Callable[..., Any], admin: httpx.AsyncClient, mongo_database: AsyncDatabase[dict[str, Any]]
) -> None:
    task = await make()
    old = {"description": "old \u202etxet", "name": f"old \u202e{task['name']}"}
    await mongo_database["scheduler_tasks"].update_one({"_id": task["id"]}, {"$set": old})
    path = f"/tasks/{task['id']}"
    assert (await admin.get(path)).json()["description"] == old["description"]
    for switch in ("disable", "enable", "pause", "resume"):
        assert (await admin.post(f"{path}/{switch}")).status_code == 200
    changed = await admin.put(path, json={"schedule": "@hourly", "metadata": {"timeout": "2m"}})
    assert (changed.status_code, changed.json()["name"]) == (200, old["name"])
    assert faults(await admin.put(path, json={"description": old["description"]})).keys() == {"description"}
    assert (await admin.put(path, json={"description": "new", "name": task["name"]})).status_code == 200
