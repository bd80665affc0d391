"""Who sees the secrets in a task's config: those who may update it. Others see masks, which come back well."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from typing import Any

import httpx
import pytest_asyncio
from pymongo.asynchronous.database import AsyncDatabase

from falcon_scheduler.adapters.settings import Settings
from falcon_scheduler.api_facade.app import build_app
from falcon_scheduler.api_facade.composition.root import compose
from falcon_scheduler.api_facade.composition.services import Services
from falcon_scheduler.core.domain.principal import Permission
from falcon_scheduler.core.domain.redaction import CONCEALED
from tests.api.conftest import BASE, bearer, faults, token_of
from tests.api.grants import caller_with
from tests.conftest import NEVER

Make = Callable[..., Any]
Database = AsyncDatabase[dict[str, Any]]
CONFIG = {
    "url": "https://bob:pl4nted-1@example.com/hooks?token=pl4nted-2&page=1",
    "headers": {"X-Auth-Token": "pl4nted-3", "Accept": "application/json"},
}
SHOWN: dict[str, Any] = {
    "url": f"https://{CONCEALED}@example.com/hooks?token={CONCEALED}&page=1",
    "headers": {"X-Auth-Token": CONCEALED, "Accept": "application/json"},
}


@pytest_asyncio.fixture
async def updater(mongo_database: Database, settings: Settings) -> AsyncIterator[dict[str, str]]:
    async with caller_with(mongo_database, settings, Permission.UPDATE) as headers:
        yield headers


async def test_only_those_who_may_update_see_the_secrets_of_a_config(
    make: Make, client: httpx.AsyncClient, settings: Settings, mongo_database: Database, updater: dict[str, str]
) -> None:
    task = await make(type="http", config=CONFIG)
    path = f"{BASE}/tasks/{task['id']}"
    assert (await client.get(path, headers=updater)).json()["config"] == CONFIG
    permissions = (Permission.CREATE, Permission.CONTROL, Permission.EXECUTE, Permission.MANAGE, Permission.READ)
    async with caller_with(mongo_database, settings, *permissions) as everything_else:
        for headers in (bearer(token_of(settings)), everything_else):
            assert (await client.get(path, headers=headers)).json()["config"] == SHOWN
            listed = (await client.get(f"{BASE}/tasks", params={"q": task["name"]}, headers=headers)).json()
            assert listed["tasks"][0]["config"] == SHOWN
            exported = (await client.get(f"{BASE}/tasks/export", headers=headers)).json()["tasks"]
            assert [each["config"] for each in exported if each["name"] == task["name"]] == [SHOWN]
        paused = await client.post(f"{path}/pause", headers=everything_else)
        assert paused.json()["config"] == SHOWN, "an answer to a change shows no more than a read"
        audit = await client.get(f"{BASE}/audit", params={"task_id": task["id"]}, headers=everything_else)
        assert "pl4nted" not in audit.text
        body = {"name": f"{task['name']} again", "type": "http", "schedule": NEVER, "config": CONFIG}
        created = (await client.post(f"{BASE}/tasks", json=body, headers=everything_else)).json()
        assert created["config"] == SHOWN
    deleted = bearer(token_of(settings, super_admin=True))
    await client.delete(f"{BASE}/tasks/{created['id']}", headers=deleted)


async def test_masks_that_are_sent_back_keep_what_is_stored(
    make: Make, client: httpx.AsyncClient, updater: dict[str, str]
) -> None:
    task = await make(type="http", config=CONFIG)
    path = f"{BASE}/tasks/{task['id']}"
    wanted = {**SHOWN, "method": "POST", "headers": {**SHOWN["headers"], "Accept": "text/plain"}}
    changed = await client.put(path, json={"config": wanted}, headers=updater)
    assert changed.status_code == 200, changed.text
    assert changed.json()["config"] == {
        **CONFIG,
        "method": "POST",
        "headers": {"X-Auth-Token": "pl4nted-3", "Accept": "text/plain"},
    }


async def test_a_mask_without_a_stored_value_is_refused_by_its_field(
    make: Make, client: httpx.AsyncClient, admin: httpx.AsyncClient, updater: dict[str, str]
) -> None:
    task = await make(type="http", config=CONFIG)
    path = f"{BASE}/tasks/{task['id']}"
    moved = {"config": {"url": f"https://{CONCEALED}@evil.example/", "headers": {"X-Token": CONCEALED}}}
    found = faults(await client.put(path, json=moved, headers=updater))
    assert found.keys() == {"config.url", "config.headers.X-Token"}
    body = {"name": "never made", "type": "http", "schedule": NEVER, "config": SHOWN}
    assert faults(await admin.post("/tasks", json=body)).keys() == {"config.url", "config.headers.X-Auth-Token"}
    parameters = {"parameters": {"headers": {"X-Token": CONCEALED}}}
    assert faults(await admin.post(f"/tasks/{task['id']}/execute", json=parameters)).keys() == {
        "parameters.headers.X-Token"
    }


async def test_where_groups_grant_reading_a_token_alone_reads_nothing(
    services: Services, settings: Settings, mongo_database: Database
) -> None:
    granting = replace(settings, api=settings.api.model_copy(update={"api_read_permission": True}))
    app = build_app(compose(granting, services), granting)
    routes = ("/tasks", "/tasks/export", "/tasks/system-health-check", "/executions", "/executors", "/alerts")
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://api.test") as client:
        for route in routes:
            answer = await client.get(f"{BASE}{route}", headers=bearer(token_of(settings)))
            assert (answer.status_code, "scheduler:tasks:read" in answer.text) == (403, True), route
            for permission in (Permission.READ, Permission.EXECUTE):
                async with caller_with(mongo_database, settings, permission) as headers:
                    assert (await client.get(f"{BASE}{route}", headers=headers)).status_code == 200, route
        assert (await client.get(f"{BASE}/status")).status_code == 200
