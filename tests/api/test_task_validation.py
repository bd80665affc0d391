"""What is refused of a task that a client sends, and where each fault is."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import httpx
import pytest
from pymongo.asynchronous.database import AsyncDatabase

from tests.api.conftest import faults
from tests.conftest import NEVER

NOOP = {"function_name": "noop", "module": "builtin"}


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
