"""Calendars through the API, and tasks that use them."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import httpx
import pytest
import pytest_asyncio

from tests.api.conftest import faults

CALENDAR: dict[str, Any] = {
    "description": "days off",
    "dates": ["2090-12-25"],
    "ranges": [{"from": "2090-12-30", "to": "2091-01-01"}],
    "weekdays": [{"days": ["SUN", "SAT"], "from": "2090-01-01"}],
}
AT_NINE = "0 0 9 * * *"
START = "2090-12-29T12:00:00.000Z"


@pytest_asyncio.fixture
async def calendar(admin: httpx.AsyncClient) -> AsyncIterator[dict[str, Any]]:
    name = f"free-{uuid4().hex[:8]}"
    created = await admin.post("/calendars", json={**CALENDAR, "name": name})
    assert created.status_code == 201, created.text
    assert created.headers["location"].endswith(f"/calendars/{name}")
    yield created.json()
    await admin.delete(f"/calendars/{name}")


async def test_a_calendar_is_created_listed_changed_and_in_use_until_no_task_names_it(
    admin: httpx.AsyncClient, calendar: dict[str, Any], make: Callable[..., Awaitable[Any]]
) -> None:
    name = calendar["name"]
    assert {name: calendar[name] for name in CALENDAR} == {
        **CALENDAR,
        "weekdays": [{"days": ["SAT", "SUN"], "from": "2090-01-01"}],
    }
    assert (calendar["version"], calendar["entries"], calendar["tasks"]) == (1, 3, [])
    assert (await admin.post("/calendars", json={**CALENDAR, "name": name})).json()["code"] == "calendar_exists"
    listed = (await admin.get("/calendars")).json()
    assert [each["entries"] for each in listed["calendars"] if each["name"] == name] == [3]
    rules = {"exclude": [name], "on_excluded": "next_business_day"}
    task = await make(schedule=AT_NINE, metadata={"calendars": rules, "start_at": START})
    assert task["metadata"]["calendars"] == {"include": [], **rules}
    assert task["next_run"] == "2091-01-02T09:00:00.000Z"
    path = f"/tasks/{task['id']}"
    read = (await admin.get(path, params={"next_runs": 2})).json()
    assert (await admin.put(path, json={"metadata": read["metadata"]})).json()["metadata"] == read["metadata"]
    changed = (await admin.put(f"/calendars/{name}", json={"ranges": []})).json()
    assert (changed["version"], changed["dates"]) == (2, CALENDAR["dates"])
    assert [each["id"] for each in changed["tasks"]] == [task["id"]]
    followed = (await admin.get(path)).json()
    assert (followed["next_run"], followed["metadata"]["version"]) == ("2091-01-01T09:00:00.000Z", 2)
    assert (await admin.put(f"/calendars/{name}", json={"ranges": []})).json()["version"] == 2
    upcoming = (
        await admin.get(
            "/schedules/upcoming", params={"from": START, "to": "2091-01-02T00:00:00Z", "task_id": task["id"]}
        )
    ).json()
    assert [each["at"] for each in upcoming["runs"]] == ["2091-01-01T09:00:00.000Z"]
    refused = await admin.delete(f"/calendars/{name}")
    assert (refused.status_code, refused.json()["code"]) == (409, "calendar_in_use")
    assert task["name"] in refused.json()["detail"]
    exported = (await admin.get("/tasks/export")).json()["tasks"]
    [mine] = [each for each in exported if each["id"] == task["id"]]
    assert mine["metadata"]["calendars"] == {"include": [], **rules}
    imported = (await admin.post("/tasks/import", json={"tasks": [mine], "overwrite": True})).json()
    assert imported["imported"] == 1
    cleared = (await admin.put(path, json={"metadata": {"calendars": None}})).json()
    assert "calendars" not in cleared["metadata"]
    assert (await admin.delete(f"/calendars/{name}")).json()["name"] == name
    assert (await admin.get(f"/calendars/{name}")).json()["code"] == "calendar_not_found"
    [failed] = (await admin.post("/tasks/import", json={"tasks": [mine], "overwrite": True})).json()["failed_tasks"]
    assert failed["errors"][0]["location"] == "metadata.calendars.exclude.0"
    for action, side in (("calendar_create", "after"), ("calendar_update", "after"), ("calendar_delete", "before")):
        entries = (await admin.get("/audit", params={"action": action, "page_size": 5})).json()["entries"]
        assert f"calendar {name}" in entries[0][side]


async def test_today_as_a_free_day_is_explained_and_in_the_ledger(
    admin: httpx.AsyncClient, calendar: dict[str, Any], make: Callable[..., Awaitable[Any]]
) -> None:
    name = calendar["name"]
    now = datetime.now(UTC)
    days = {"from": f"{now - timedelta(days=1):%Y-%m-%d}", "to": f"{now + timedelta(days=1):%Y-%m-%d}"}
    await admin.put(f"/calendars/{name}", json={"ranges": [days]})
    task = await make(schedule="* * * * * *", metadata={"calendars": {"exclude": [name]}})
    assert task["next_run"] > days["to"]
    at = f"{now + timedelta(minutes=5):%Y-%m-%dT%H:%M:%SZ}"
    explained = (await admin.get(f"/tasks/{task['id']}/explain", params={"at": at})).json()
    assert explained["cause"] == "calendar"
    facts = {each["name"]: each["value"] for each in explained["facts"]}
    assert (facts["calendar"], facts["calendar_version"]) == (name, "2")
    preview = {"schedule": "0 0 0 * * *", "calendars": {"exclude": [name]}, "count": 1}
    shown = (await admin.post("/schedules/preview", json=preview)).json()
    assert shown["next_runs"][0][:10] > days["to"]


@pytest.mark.parametrize(
    ("body", "locations"),
    [
        ({}, {"name"}),
        ({"name": "Test Free", "dates": ["25.12.2090"]}, {"dates.0"}),
        ({"name": "Test Free"}, {"name"}),
        ({"name": "x", "ranges": [{"from": "2090-01-02"}]}, {"ranges.0.to"}),
        ({"name": "x", "ranges": [{"from": "2090-01-02", "to": "2090-01-01"}]}, {"ranges.0.to"}),
        ({"name": "x", "weekdays": [{"days": ["Sunday"]}, {"days": []}]}, {"weekdays.0.days.0", "weekdays.1.days"}),
        ({"name": "x", "dates": ["1066-10-14"], "when": "never"}, {"when"}),
        ({"name": "x", "dates": ["1066-10-14"]}, {"dates.0"}),
        ({"name": "x", "icalendar": "BEGIN:VCALENDAR\nBEGIN:VEVENT\nEND:VEVENT\nEND:VCALENDAR"}, {"icalendar"}),
        ({"name": "x", "weekdays": [{"days": ["MON"], "from": f"20{y}-01-01"} for y in range(10, 99)] * 6,
          "dates": [f"20{y}-01-{d:02}" for y in range(10, 99) for d in (1, 2, 3, 4, 5)]}, {"dates"}),
    ],
)  # fmt: skip
async def test_a_wrong_calendar_is_refused_by_its_field(
    admin: httpx.AsyncClient, body: dict[str, Any], locations: set[str]
) -> None:
    assert set(faults(await admin.post("/calendars", json=body))) == locations


def put_name(value: Any, name: str) -> Any:
    return [name if each == "test-free" else each for each in value] if isinstance(value, list) else value


@pytest.mark.parametrize(
    ("calendars", "locations"),
    [
        ({"exclude": ["no-such-calendar"]}, {"metadata.calendars.exclude.0"}),
        ({"include": ["Not A Name"], "exclude": "x"}, {"metadata.calendars.exclude"}),
        ({"include": ["Not A Name"]}, {"metadata.calendars.include.0"}),
        ({"include": ["test-free"], "exclude": ["test-free"]}, {"metadata.calendars.exclude.0"}),
        ({"exclude": ["a", "b", "c", "d", "e", "f"]}, {"metadata.calendars"}),
        ({"exclude": ["test-free"], "on_excluded": "run"}, {"metadata.calendars.on_excluded"}),
        ({"include": ["test-empty"]}, {"metadata.calendars"}),
    ],
)
async def test_wrong_calendars_of_a_task_are_refused_by_their_name(
    admin: httpx.AsyncClient, calendar: dict[str, Any], calendars: dict[str, Any], locations: set[str]
) -> None:
    calendars = {field: put_name(value, calendar["name"]) for field, value in calendars.items()}
    await admin.post("/calendars", json={"name": "test-empty"})
    body = {
        "name": "wrong calendars", "type": "function", "schedule": AT_NINE,
        "config": {"function_name": "noop", "module": "builtin"}, "metadata": {"calendars": calendars},
    }  # fmt: skip
    assert set(faults(await admin.post("/tasks", json=body))) == locations


async def test_an_icalendar_file_is_read_into_a_calendar(admin: httpx.AsyncClient, calendar: dict[str, Any]) -> None:
    name = calendar["name"]
    event = "BEGIN:VEVENT\r\nDTSTART;VALUE=DATE:20900501\r\nSUMMARY:Labour\r\nEND:VEVENT\r\n"
    text = f"BEGIN:VCALENDAR\r\n{event}END:VCALENDAR\r\n"
    changed = (await admin.put(f"/calendars/{name}", json={"icalendar": text, "dates": ["2090-01-01"]})).json()
    assert (changed["dates"], changed["ranges"]) == (["2090-01-01", "2090-05-01"], [])
    assert changed["weekdays"] == calendar["weekdays"]
