"""What executions have logged, through the API."""

from __future__ import annotations

import uuid
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx

from falcon_scheduler.api_facade.composition.services import Services
from tests.api.conftest import faults


async def test_lines_come_page_by_page_and_go_on_where_the_last_answer_ended(
    make: Callable[..., Awaitable[Any]], admin: httpx.AsyncClient, services: Services
) -> None:
    task = await make()
    run = (await admin.post(f"/tasks/{task['id']}/execute")).json()["execution_id"]
    start = datetime.now(UTC)
    lines = [
        {
            "name": "tests",
            "level": 20 if number else 30,
            "message": f"line {number} <b>\u202e",
            "timestamp": (start + timedelta(milliseconds=number)).isoformat(),
            "flow_run_id": run,
        }
        for number in range(5)
    ]
    await services.engine.client.request("POST", "/logs/", json=lines)
    first = (await admin.get(f"/executions/{run}/logs", params={"limit": 3})).json()
    rest = (await admin.get(f"/executions/{run}/logs", params={"skip": first["next"]})).json()
    assert [each["message"] for each in first["lines"] + rest["lines"]] == [each["message"] for each in lines]
    assert [each["level"] for each in first["lines"]] == ["WARNING", "INFO", "INFO"]
    assert (rest["next"], rest["has_ended"]) == (5, False)
    assert (await admin.get(f"/executions/{run}/logs", params={"skip": 5})).json()["lines"] == []


async def test_an_unknown_execution_has_no_log(admin: httpx.AsyncClient) -> None:
    assert (await admin.get(f"/executions/{uuid.uuid4()}/logs")).status_code == 404
    assert faults(await admin.get("/executions/x/logs", params={"skip": -1, "limit": 201, "page": 1})).keys() == {
        *("query.skip", "query.limit", "query.page")
    }
