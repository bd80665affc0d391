"""Every call that react-falcon makes, with a browser's headers, and go-falcon's own documents read over HTTP.

Source of the calls: react-falcon 833c1d0, its scheduler hooks and the pages that use them.
"""

from __future__ import annotations

import re
import uuid
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import jwt
import pytest
import pytest_asyncio

from falcon_scheduler.adapters.mongo.indexes import ensure_indexes
from falcon_scheduler.adapters.settings import Settings
from falcon_scheduler.api_facade.app import build_app
from falcon_scheduler.api_facade.composition.root import compose
from falcon_scheduler.api_facade.composition.services import Services, open_services
from falcon_scheduler.core.services.tasks.seeding import SERVICE, Seeding
from tests.conftest import NEVER
from tests.go_falcon.deliberate import table, unexplained
from tests.go_falcon.recorded import COLLECTIONS, as_go_reads, documents
from tests.system_tasks import SYSTEM_TASKS

UI = "https://react.eveonline.it"
BROWSER = {"Origin": UI, "Sec-Fetch-Site": "same-site", "Content-Type": "application/json"}
SUPER_ADMIN, PLAYER = 90_000_001, 90_000_002
"""Characters of the recorded database."""
PAGE = (Path(__file__).parents[2] / "docs" / "go-falcon.md").read_text()
PAGE_FIELDS = {"total", "page", "page_size", "total_pages"}
OWN_STATS = {"next_scheduled_run", "impeded_tasks"}
"""The first may be missing in go-falcon too."""
STATS_FIELDS = {
    *("total_tasks", "enabled_tasks", "running_tasks", "completed_today", "failed_today", "average_runtime"),
    *("worker_count", "queue_size"),
}


def cookie_of(settings: Settings, character_id: int, **claims: object) -> dict[str, str]:
    """What go-falcon's auth module sets after a login. Source: eve-modules, section 9."""
    assert settings.api.jwt_secret
    now = datetime.now(UTC)
    names = {"user_id": f"user-{character_id - SUPER_ADMIN:04}", "character_id": character_id, "scopes": "publicData"}
    standard = {**names, "character_name": "Pilot", "iss": "go-falcon", "iat": now, "exp": now + timedelta(hours=24)}
    token = jwt.encode(standard | claims, settings.api.jwt_secret.get_secret_value(), algorithm="HS256")
    return {"falcon_auth_token": token}


def as_deployed(settings: Settings) -> Settings:
    """With the settings that docs/go-falcon.md gives."""
    return replace(settings, api=settings.api.model_copy(update={"api_trusted_origins": (UI,), "api_rate_limit": 0}))


def browser(services: Services, settings: Settings, **cookies: str) -> httpx.AsyncClient:
    """A page of the UI in a browser that has the cookie."""
    app = build_app(compose(settings, services), settings)
    return httpx.AsyncClient(
        transport=httpx.ASGITransport(app),
        base_url="https://go.eveonline.it/scheduler",
        headers=BROWSER,
        cookies=cookies,
    )


@pytest_asyncio.fixture(scope="module")
async def page(services: Services, settings: Settings) -> AsyncIterator[httpx.AsyncClient]:
    """The UI on the session's service."""
    ours = as_deployed(settings)
    async with browser(services, ours, **cookie_of(ours, 1, super_admin=True)) as client:
        yield client


@pytest_asyncio.fixture(scope="module")
async def taken_over(services: Services, settings: Settings) -> AsyncIterator[Services]:
    """The recorded database after a takeover; nothing runs in it."""
    name = f"test_{uuid.uuid4().hex[:12]}"
    own = replace(settings, mongo=settings.mongo.model_copy(update={"database": name}))
    async with open_services(own) as opened:
        database = opened.stores.database
        for collection in ("scheduler_tasks", "scheduler_executions", *COLLECTIONS):
            await database[collection].insert_many([dict(each) for each in documents(collection)])
        await ensure_indexes(database)
        await opened.takeover.take_over(SERVICE)
        await Seeding(tasks=opened.stores.tasks, clock=opened.stores.clock, audit=opened.audit).seed(SYSTEM_TASKS)
        yield opened


@pytest_asyncio.fixture(scope="module")
async def recorded(taken_over: Services, settings: Settings) -> AsyncIterator[httpx.AsyncClient]:
    """The UI on the recorded database, for its super administrator."""
    ours = as_deployed(settings)
    async with browser(taken_over, ours, **cookie_of(ours, SUPER_ADMIN)) as client:
        yield client


async def read(client: httpx.AsyncClient, path: str) -> Any:
    answer = await client.get(path)
    assert answer.status_code == 200, answer.text
    return answer.json()


async def test_every_recorded_task_is_shown_as_go_falcon_shows_it(recorded: httpx.AsyncClient) -> None:
    listed = {each["id"]: each for each in (await read(recorded, "/tasks?limit=100"))["tasks"]}
    assert listed.keys() >= as_go_reads("scheduler_tasks").keys()
    found: list[str] = []
    for task_id, go in as_go_reads("scheduler_tasks").items():
        here = await read(recorded, f"/tasks/{task_id}")
        assert {**here, "next_run": ""} == {**listed[task_id], "next_run": ""}
        assert here.get("next_run", "") >= listed[task_id].get("next_run", "")  # an instant may pass between the two
        found += unexplained("task", go, here)
    assert found == []


async def test_every_recorded_execution_is_shown_as_go_falcon_shows_it(recorded: httpx.AsyncClient) -> None:
    listed = (await read(recorded, "/executions?limit=100"))["executions"]
    assert {each["id"] for each in listed} == as_go_reads("scheduler_executions").keys()
    found: list[str] = []
    for here in listed:
        assert await read(recorded, f"/executions/{here['id']}") == here
        found += unexplained("execution", as_go_reads("scheduler_executions")[here["id"]], here)
    assert found == []


async def test_the_lists_hold_what_react_falcon_asks_for(recorded: httpx.AsyncClient) -> None:
    go = as_go_reads("scheduler_executions")
    of_task = {each["id"] for each in go.values() if each["task_id"] == "system-token-refresh"}
    history = await read(recorded, "/tasks/system-token-refresh/history?limit=100")
    assert {each["id"] for each in history["executions"]} == of_task
    assert (history["total"], history["page_size"]) == (len(of_task), 100)

    started = sorted(each["started_at"] for each in go.values())
    middle = started[len(started) // 2]
    late = await read(recorded, f"/executions?start_date={middle}&limit=1000")
    assert late["total"] == sum(each >= middle for each in started)
    assert not any("output" in each for each in late["executions"]), "long pages come without outputs"
    local = middle[:16]  # what a field of type datetime-local gives
    early = await read(recorded, f"/tasks/system-token-refresh/history?end_date={local}")
    assert early["total"] == sum(go[each]["started_at"] < f"{local}:00Z" for each in of_task)

    named = await read(recorded, "/tasks?page=1&limit=20&search=discord")
    assert {each["id"] for each in named["tasks"]} == {"system-discord-role-sync", "system-discord-token-refresh"}
    answer = await recorded.get("/executions?status=timeout&limit=500")
    assert {each["status"] for each in answer.json()["executions"]} == {"failed"}
    assert "query.status is answered with all that failed" in answer.headers["warning"]
    ended = await read(recorded, "/executions?status=success&limit=5")
    assert {each["status"] for each in ended["executions"]} == {"completed"}


async def test_a_player_without_a_permission_reads_and_changes_nothing(
    taken_over: Services, settings: Settings
) -> None:
    ours = as_deployed(settings)
    async with browser(taken_over, ours, **cookie_of(ours, PLAYER)) as client:
        assert (await client.get("/tasks")).status_code == 200
        assert (await client.post("/tasks/system-health-check/execute", json={})).status_code == 403


CALLS: Sequence[tuple[str, str]] = (
    *[("GET", path) for path in ("/scheduler-status", "/stats", "/tasks", "/executions")],
    *[("POST", "/tasks"), ("GET", "/tasks/x"), ("PUT", "/tasks/x"), ("DELETE", "/tasks/x")],
    *[("POST", f"/tasks/x/{action}") for action in ("enable", "disable", "pause", "resume", "stop", "execute")],
    *[("GET", "/tasks/x/history"), ("POST", "/tasks/bulk"), ("POST", "/tasks/import")],
)


@pytest.mark.parametrize(("method", "path"), CALLS)
async def test_a_browser_learns_that_the_page_may_call(page: httpx.AsyncClient, method: str, path: str) -> None:
    asking = {"Access-Control-Request-Method": method, "Access-Control-Request-Headers": "content-type"}
    answer = await page.options(path, headers=asking)
    assert answer.status_code == 200
    assert answer.headers["access-control-allow-origin"] == UI
    assert answer.headers["access-control-allow-credentials"] == "true"
    assert method in answer.headers["access-control-allow-methods"]
    assert "content-type" in answer.headers["access-control-allow-headers"].lower()
    foreign = await page.options(path, headers={**asking, "Origin": "https://evil.example"})
    assert "access-control-allow-origin" not in foreign.headers


async def test_every_call_of_a_tasks_life_is_answered(page: httpx.AsyncClient) -> None:
    name = f"client test {uuid.uuid4().hex[:8]}"
    body = {
        "$schema": "https://go.eveonline.it/schemas/TaskCreateRequest.json",
        "name": name,
        "description": "",
        "type": "function",
        "schedule": NEVER,
        "priority": "normal",
        "enabled": True,
        "tags": ["client"],
        "config": {"function_name": "noop", "module": "builtin"},
    }
    created = await page.post("/tasks", json=body)
    assert created.status_code == 201, created.text
    assert "access-control-allow-origin" in created.headers
    task, path = created.json(), f"/tasks/{created.json()['id']}"
    go = as_go_reads("scheduler_tasks")["00000001-1111-4222-8333-444444444444"]
    assert go.keys() - {"next_run"} <= task.keys()
    assert go["metadata"].keys() <= task["metadata"].keys()
    defaults = {
        name: go["metadata"][name] for name in ("max_retries", "retry_interval", "timeout", "is_system", "source")
    }
    assert task["metadata"].items() >= {**defaults, "version": 1, "tags": ["client"]}.items()
    try:
        assert await read(page, path) == task
        assert [each["id"] for each in (await read(page, f"/tasks?search={name}&page=1&limit=20"))["tasks"]] == [
            task["id"]
        ]
        await _switch_and_run(page, path)
        changed = await page.put(
            path, json={"description": "changed", "metadata": task["metadata"], "tags": ["client"]}
        )
        assert changed.json()["description"] == "changed", changed.text
        bulk = await page.post("/tasks/bulk", json={"operation": "disable", "task_ids": [task["id"]]})
        assert bulk.json().keys() == {"success", "failed", "total", "success_count", "failure_count"}
        again = await page.post("/tasks/import", json={"tasks": [body], "overwrite": False})
        assert again.json()["skipped_tasks"] == [name], again.text
        assert (await page.post(f"{path}/execute", json={})).status_code == 409, "it is disabled"
        assert (await page.post("/tasks", json=body)).status_code == 409
    finally:
        deleted = await page.delete(path)
    assert deleted.json().keys() == {"message", "task_id"}
    for answer in (await page.get(path), await page.get(f"{path}/history"), await page.post(f"{path}/stop")):
        assert (answer.status_code, answer.headers["access-control-allow-origin"]) == (404, UI)


async def _switch_and_run(page: httpx.AsyncClient, path: str) -> None:
    for action, status in (
        ("pause", "paused"),
        ("resume", "pending"),
        ("disable", "disabled"),
        ("enable", "pending"),
    ):
        answer = await page.post(f"{path}/{action}")
        assert (answer.status_code, answer.json()["status"]) == (200, status), answer.text
    bodies: tuple[dict[str, Any], ...] = ({"json": {}}, {}, {"json": {"parameters": {}, "priority": "high"}})
    for sent in bodies:
        execution = await page.post(f"{path}/execute", **sent)
        assert execution.status_code == 202, execution.text
        assert execution.json().keys() >= {"execution_id", "status", "message", "started_at"}
        assert execution.json()["status"] == "pending"
    stopped = await page.post(f"{path}/stop")
    assert stopped.json().keys() >= {"message", "task_id"}
    history = await read(page, f"{path}/history?page=1&limit=20&start_date=2026-01-01T00:00&end_date=2099-01-01")
    assert history.keys() == {*PAGE_FIELDS, "executions"}


async def test_status_and_numbers_have_go_falcons_fields(page: httpx.AsyncClient) -> None:
    short = await read(page, "/scheduler-status")
    assert (short["module"], short["status"], short["engine"]) == ("scheduler", "running", True)
    assert short.keys() == {"module", "status", "version", "engine"}
    stats = await read(page, "/stats")
    assert stats.keys() - OWN_STATS == STATS_FIELDS
    status = await read(page, "/status")
    assert status.keys() == {"module", "status", "message", "dependencies", "metrics", "last_checked"}
    dependencies = {"database", "database_latency", "redis", "redis_latency", "engine"}
    assert status["dependencies"].keys() - {"engine_latency"} == dependencies
    assert status["metrics"].keys() - OWN_STATS == {
        *STATS_FIELDS,
        *("active_workers", "memory_usage_mb", "success_rate"),
    }
    assert isinstance(status["metrics"]["success_rate"], float)


@pytest.mark.parametrize(
    ("sent", "refused"),
    [
        ({"parameters": {}, "max_retries": 3, "timeout": 300, "priority": 5}, {"parameters", "timeout", "priority"}),
        ({"type": "data_sync"}, {"type"}),
        ({"schedule": "0 0 * * *"}, {"schedule"}),
    ],
    ids=["values of another kind", "a type that is none", "a schedule of five fields"],
)
async def test_what_its_form_sends_and_go_falcon_refuses_is_refused_by_name(
    page: httpx.AsyncClient, sent: Mapping[str, Any], refused: set[str]
) -> None:
    config = {"function_name": "noop", "module": "builtin"}
    body = {"name": "never made", "type": "function", "schedule": NEVER, "config": config, **sent}
    answer = await page.post("/tasks", json=body)
    assert answer.status_code == 400
    assert answer.json()["detail"], "what the page shows"
    assert {fault["location"] for fault in answer.json()["errors"]} >= refused


async def test_the_page_of_the_takeover_names_every_difference_and_no_other() -> None:
    section = re.search(r"^## What differs\n(.*?)(?=^## )", PAGE, re.MULTILINE | re.DOTALL)
    assert section is not None
    rows = [line for line in section[1].splitlines() if line.startswith("|")][2:]
    assert rows == table()
