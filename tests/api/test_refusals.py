"""What Prefect refuses leaves nothing behind, and says why."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import httpx
import pytest

from falcon_scheduler.api_facade.composition.services import Services
from tests.api.test_runs import ended
from tests.conftest import NEVER

pytestmark = pytest.mark.slow


@asynccontextmanager
async def refusing(services: Services) -> AsyncIterator[None]:
    """Prefect refuses deployments. It is asked for a schedule that it does not take instead of the task's."""
    hooks = services.engine.client._client.event_hooks["request"]

    async def spoil(request: httpx.Request) -> None:
        creates = request.method == "POST" and request.url.path.endswith("/deployments/")
        if creates or (request.method == "PATCH" and "/deployments/" in request.url.path):
            body = json.loads(request.content)
            body["schedules"] = [{"schedule": {"cron": "see https://wiki.shop/cron"}}]
            content = json.dumps(body).encode()
            request.stream = httpx.ByteStream(content)
            request.headers["Content-Length"] = str(len(content))

    hooks.append(spoil)
    try:
        yield
    finally:
        hooks.remove(spoil)


def refused(answer: httpx.Response) -> str:
    """What a refusal says."""
    assert (answer.status_code, answer.json()["code"]) == (502, "engine_refused"), answer.text
    detail: str = answer.json()["detail"]
    assert "cron" in detail
    assert "://" not in detail
    return detail


async def test_a_create_that_prefect_refuses_leaves_nothing_behind(
    admin: httpx.AsyncClient, services: Services, number: Callable[[], int]
) -> None:
    body: dict[str, Any] = {
        "name": f"refused {number()}",
        "type": "function",
        "schedule": NEVER,
        "config": {"function_name": "echo", "module": "builtin"},
    }
    async with refusing(services):
        refused(await admin.post("/tasks", json=body))
        imported = (await admin.post("/tasks/import", json={"tasks": [body]})).json()
        assert (imported["imported"], imported["failed_tasks"][0]["code"]) == (0, "engine_refused")
    assert (await admin.get("/tasks", params={"q": body["name"]})).json()["total"] == 0
    outcome = await services.reconcile.reload()
    assert (outcome.created, outcome.failed) == (0, ())
    entry = (await admin.get("/audit", params={"page_size": 100})).json()["entries"]
    mine = [each for each in entry if (each.get("after") or {}).get("name") == body["name"]]
    assert [(each["outcome"], each["error"]) for each in mine] == [("refused", "engine_refused")] * 2
    made = await admin.post("/tasks", json=body)
    assert made.status_code == 201, "the name is free"
    await admin.delete(f"/tasks/{made.json()['id']}")


async def test_a_change_that_prefect_refuses_is_not_made(
    make: Callable[..., Any], admin: httpx.AsyncClient, services: Services
) -> None:
    task = await make(description="as it was")
    path = f"/tasks/{task['id']}"
    async with refusing(services):
        refused(await admin.put(path, json={"description": "otherwise", "schedule": "0 0 1 1 1 ?"}))
        after = (await admin.get(path)).json()
        assert after == task
        for change in ("pause", "disable"):
            refused(await admin.post(f"{path}/{change}"))
            assert (await admin.get(path)).json() == task
        body = {"tasks": [{**{name: task[name] for name in ("name", "type", "config")}, "schedule": "@hourly"}]}
        imported = (await admin.post("/tasks/import", json={**body, "overwrite": True})).json()
        assert imported["failed_tasks"][0]["code"] == "engine_refused"
        assert (await admin.get(path)).json() == task
    for change, back in (("pause", "resume"), ("disable", "enable")):
        assert (await admin.post(f"{path}/{change}")).status_code == 200
        held = (await admin.get(path)).json()
        async with refusing(services):
            refused(await admin.post(f"{path}/{back}"))
            assert (await admin.get(path)).json() == held
        assert (await admin.post(f"{path}/{back}")).status_code == 200


async def test_a_stop_cancels_although_prefect_refuses_the_pause(
    make: Callable[..., Any], admin: httpx.AsyncClient, services: Services
) -> None:
    config = {"function_name": "sleep", "module": "builtin", "parameters": {"duration": "5m"}}
    task = await make(config=config, metadata={"timeout": "10m"})
    asked = (await admin.post(f"/tasks/{task['id']}/execute")).json()
    async with refusing(services):
        refused(await admin.post(f"/tasks/{task['id']}/stop"))
    execution = await ended(admin, asked["execution_id"])
    assert (execution["status"], execution["error"]) == ("failed", "Task execution was cancelled")
