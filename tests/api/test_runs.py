"""Executing, stopping and reading executions through the API."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx
import pytest

from falcon_scheduler.api_facade.composition.services import Services
from tests.api.conftest import faults
from tests.conftest import wait_until
from tests.stores.samples import ended as past

DIARY = {"function_name": "diary", "module": "tests"}


async def ended(admin: httpx.AsyncClient, execution_id: str) -> Any:
    """The execution, once it has ended."""

    async def look() -> Any:
        execution = (await admin.get(f"/executions/{execution_id}")).json()
        return execution if execution["status"] in {"completed", "failed"} else None

    return await wait_until(look, f"execution {execution_id} has ended")


@pytest.mark.slow
@pytest.mark.usefixtures("worker")
async def test_an_execution_is_asked_for_followed_and_found_in_every_list(
    make: Callable[..., Any], admin: httpx.AsyncClient
) -> None:
    task = await make()
    asked = await admin.post(f"/tasks/{task['id']}/execute", json={"parameters": {"more": 1}, "priority": "high"})
    assert asked.status_code == 202
    accepted = asked.json()
    assert accepted["status"] == "pending"
    assert (await admin.get(f"/executions/{accepted['execution_id']}")).status_code == 200, "known at once"

    execution = await ended(admin, accepted["execution_id"])
    assert (execution["status"], execution["task_id"], execution["retry_count"]) == ("completed", task["id"], 0)
    assert "more" in execution["output"]
    assert execution["metadata"]["trigger"] == "manual"
    assert execution["metadata"]["parameters"] == {"more": 1}
    assert execution["metadata"]["lock_key"] == f"scheduler:lock:{task['id']}"
    assert execution["duration"].endswith("s")
    assert execution["completed_at"] >= execution["started_at"]

    started_at = datetime.fromisoformat(execution["started_at"])
    around = [quote((started_at + timedelta(seconds=each)).isoformat()) for each in (-1, 1)]
    for path in (
        f"/tasks/{task['id']}/history",
        f"/tasks/{task['id']}/history?status=completed",
        f"/executions?task_id={task['id']}",
        f"/executions?task_id={task['id']}&from={around[0]}&to={around[1]}&status=completed",
        f"/executions?task_id={task['id']}&from=0001-01-01T00:00:00Z&to=9999-12-31T23:59:59.999999Z",
    ):
        answer = (await admin.get(path)).json()
        assert (answer["total"], answer["executions"]) == (1, [execution]), path
    for path in (
        f"/tasks/{task['id']}/history?status=failed",
        f"/executions?task_id={task['id']}&to={around[0]}",
        f"/executions?task_id={task['id']}&from={around[1]}",
    ):
        assert (await admin.get(path)).json()["total"] == 0, path
    assert (await admin.get(f"/tasks/{task['id']}/executions/{execution['id']}")).json() == execution
    other = await make()
    assert (await admin.get(f"/tasks/{other['id']}/executions/{execution['id']}")).status_code == 404
    after = (await admin.get(f"/tasks/{task['id']}")).json()
    assert (after["status"], after["metadata"]["success_count"]) == ("completed", 1)
    assert after["last_run"] == execution["started_at"]
    assert after["updated_at"] == task["updated_at"], "a run does not reorder the list"


@pytest.mark.slow
@pytest.mark.usefixtures("worker")
async def test_stop_cancels_what_runs_and_pauses_the_task(
    make: Callable[..., Any], admin: httpx.AsyncClient, tmp_path: Path
) -> None:
    diary = tmp_path / "diary"
    task = await make(config={**DIARY, "parameters": {"file": str(diary), "seconds": 120}})
    asked = (await admin.post(f"/tasks/{task['id']}/execute")).json()

    async def at_work() -> bool:
        return diary.exists()

    await wait_until(at_work, "the work has begun")
    stopped = await admin.post(f"/tasks/{task['id']}/stop")
    assert stopped.json() == {
        "message": "Task stopped and paused",
        "task_id": task["id"],
        "cancelled_executions": 1,
    }
    execution = await ended(admin, asked["execution_id"])
    assert execution["status"] == "failed"
    assert execution["error"] == "Task execution was cancelled"
    assert execution["output"] == "Execution stopped by user request"
    assert (await admin.get(f"/tasks/{task['id']}")).json()["status"] == "paused"
    assert (await admin.post(f"/tasks/{task['id']}/stop")).json()["cancelled_executions"] == 0


async def test_a_disabled_task_is_not_run(make: Callable[..., Any], admin: httpx.AsyncClient) -> None:
    task = await make(enabled=False)
    answer = await admin.post(f"/tasks/{task['id']}/execute")
    assert (answer.status_code, answer.json()["code"]) == (409, "task_disabled")


@pytest.mark.parametrize(
    ("body", "location"),
    [
        ({"parameters": []}, "parameters"),
        ({"parameters": {"$where": 1}}, "parameters.$where"),
        ({"priority": "now"}, "priority"),
        ({"when": "now"}, "when"),
        ([], "body"),
    ],
)
async def test_an_execute_that_cannot_be_meant_is_refused(
    make: Callable[..., Any], admin: httpx.AsyncClient, body: Any, location: str
) -> None:
    task = await make()
    assert location in faults(await admin.post(f"/tasks/{task['id']}/execute", json=body))


async def test_a_list_is_read_on_behind_each_page(
    make: Callable[..., Any], admin: httpx.AsyncClient, services: Services
) -> None:
    task = await make()
    ids = [f"{task['id']}-{number}" for number in range(5)]
    await services.stores.executions.finish_all(
        [past(task["id"], number, id=each) for number, each in enumerate(ids)]
    )
    for path, query in (("/executions", {"task_id": task["id"]}), (f"/tasks/{task['id']}/history", {})):
        pages = [(await admin.get(path, params={**query, "page_size": 2})).json()]
        while after := pages[-1].get("next"):
            pages.append((await admin.get(path, params={**query, "page_size": 2, "after": after})).json())
        assert [[each["id"] for each in page["executions"]] for page in pages] == [
            ids[:2:-1],
            ids[2:0:-1],
            ids[:1],
        ]
        assert {(page["total"], page["page"], page["total_pages"]) for page in pages} == {(5, 1, 3)}


@pytest.mark.parametrize(
    ("query", "location"),
    [
        ("from=yesterday", "query.from"),
        ("from=2026-01-01", "query.from"),
        ("to=2026-01-01T00:00:00", "query.to"),
        ("from=1700000000", "query.from"),
        ("from=2026-01-01T00:00:00Z&to=2026-01-01T00:00:00Z", "query.to"),
        ("from=2026-13-01T00:00:00Z", "query.from"),
        ("from=0001-01-01T00:00:00%2B03:04", "query.from"),
        ("to=9999-12-31T23:59:59-00:01", "query.to"),
        ("status=paused", "query.status"),
        ("page_size=0", "query.page_size"),
        ("after=yesterday", "query.after"),
        ("after=2026-01-01T00:00:00/x", "query.after"),
        ("after=0001-01-01T00:00:00%2B03:04/x", "query.after"),
        ("after=2026-01-01T00:00:00Z", "query.after"),
        ("page=2&after=2026-01-01T00:00:00Z/x", "query.page"),
        ("start_date=2026-13-01", "query.start_date"),
        ("end_date=9999-12-31", "query.end_date"),
    ],
)
async def test_a_query_for_executions_is_checked(admin: httpx.AsyncClient, query: str, location: str) -> None:
    assert location in faults(await admin.get(f"/executions?{query}"))
