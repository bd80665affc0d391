"""Cancelling one execution, repeating one, and finding those that were skipped."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.api.conftest import faults
from tests.conftest import wait_until

DIARY = {"function_name": "diary", "module": "tests"}


async def ended(admin: httpx.AsyncClient, execution_id: str) -> Any:
    """The execution, once it has ended."""

    async def look() -> Any:
        execution = (await admin.get(f"/executions/{execution_id}")).json()
        return execution if execution["status"] in {"completed", "failed"} else None

    return await wait_until(look, f"execution {execution_id} has ended")


async def requested(admin: httpx.AsyncClient, task: Any, **body: Any) -> str:
    answer = await admin.post(f"/tasks/{task['id']}/execute", json=body)
    assert answer.status_code == 202, answer.text
    return str(answer.json()["execution_id"])


async def begun(file: Path) -> None:
    async def look() -> bool:
        return await asyncio.to_thread(file.exists)

    await wait_until(look, "the work has begun")


@pytest.mark.slow
@pytest.mark.usefixtures("worker")
async def test_of_two_executions_one_is_skipped_found_by_its_id_and_the_other_one_cancelled(
    make: Callable[..., Any], admin: httpx.AsyncClient, tmp_path: Path
) -> None:
    file = tmp_path / "diary"
    task = await make(config={**DIARY, "parameters": {"file": str(file), "seconds": 120}})
    first = await requested(admin, task)
    await begun(file)
    second = await requested(admin, task, parameters={"seconds": 1})

    skipped = await ended(admin, second)
    assert (skipped["status"], skipped["outcome"]) == ("failed", "skipped")
    assert skipped["skip"] == {"reason": "still_running", "held_by": first}
    assert skipped["metadata"]["parameters"] == {"seconds": 1}
    for query, ids in {"": [first], "&status=failed": [], "&outcome=skipped": [second]}.items():
        answer = (await admin.get(f"/executions?task_id={task['id']}{query}")).json()
        assert ([each["id"] for each in answer["executions"]], answer["total"]) == (ids, len(ids)), query
        history = (await admin.get(f"/tasks/{task['id']}/history?{query}")).json()
        assert [each["id"] for each in history["executions"]] == ids, query
    refused = await admin.post(f"/executions/{second}/cancel")
    assert (refused.status_code, refused.json()["code"]) == (409, "execution_ended")

    running = (await admin.get(f"/executions/{first}")).json()
    assert [each["number"] for each in running["attempts"]] == [1]
    assert "outcome" not in running["attempts"][0]
    assert (await admin.post(f"/executions/{first}/cancel")).status_code == 200
    cancelled = await ended(admin, first)
    assert (cancelled["outcome"], cancelled["error"]) == ("cancelled", "Task execution was cancelled")
    assert cancelled["attempts"][0]["outcome"] == "cancelled"
    again = await admin.post(f"/executions/{first}/cancel")
    assert (again.status_code, again.json()["outcome"]) == (200, "cancelled")
    after = (await admin.get(f"/tasks/{task['id']}")).json()
    assert after["status"] != "paused"
    counted = {name: after["metadata"][name] for name in ("total_runs", "failure_count", "skipped_count")}
    assert counted == {"total_runs": 1, "failure_count": 1, "skipped_count": 1}
    audit = (await admin.get(f"/audit?task_id={task['id']}&action=cancel")).json()
    assert [(each["outcome"], each["after"]) for each in audit["entries"]] == [("applied", {"execution_id": first})]


@pytest.mark.slow
@pytest.mark.usefixtures("worker")
async def test_an_execution_that_waits_is_cancelled_and_the_one_before_it_goes_on(
    make: Callable[..., Any], admin: httpx.AsyncClient, tmp_path: Path
) -> None:
    file = tmp_path / "diary"
    config = {**DIARY, "parameters": {"file": str(file), "seconds": 6}}
    task = await make(config=config, metadata={"overlap": "queue"})
    first = await requested(admin, task)
    await begun(file)
    second = await requested(admin, task)
    assert (await admin.post(f"/executions/{second}/cancel")).status_code == 200
    assert (await ended(admin, second))["outcome"] == "cancelled"
    assert (await ended(admin, first))["outcome"] == "completed"
    refused = await admin.post(f"/executions/{first}/cancel")
    assert (refused.status_code, refused.json()["code"]) == (409, "execution_ended")


@pytest.mark.slow
@pytest.mark.usefixtures("worker")
async def test_a_repeat_has_the_parameters_and_the_priority_of_the_first(
    make: Callable[..., Any], admin: httpx.AsyncClient
) -> None:
    task = await make()
    first = await ended(admin, await requested(admin, task, parameters={"a": [1, {"b": 2.5}]}, priority="high"))
    path, key = f"/executions/{first['id']}/repeat", {"Idempotency-Key": "once-more"}
    accepted = await admin.post(path, headers=key)
    assert accepted.status_code == 202
    assert (await admin.post(path, headers=key)).json() == accepted.json()
    other = f"/executions/{accepted.json()['execution_id']}/repeat"
    reused = await admin.post(other, headers=key)
    assert (reused.status_code, reused.json()["code"]) == (409, "idempotency_key_reused")

    second = await ended(admin, accepted.json()["execution_id"])
    assert second["id"] != first["id"]
    assert (second["outcome"], second["output"]) == ("completed", first["output"])
    for execution in (first, second):
        assert execution["metadata"]["parameters"] == {"a": [1, {"b": 2.5}]}
        assert execution["metadata"]["priority"] == "high"
    assert second["metadata"]["trigger"] == "manual"
    entries = (await admin.get(f"/audit?task_id={task['id']}&action=repeat")).json()["entries"]
    assert [each["after"]["repeats"] for each in entries] == [first["id"]]

    assert (await admin.post(f"/tasks/{task['id']}/disable")).status_code == 200
    disabled = await admin.post(path)
    assert (disabled.status_code, disabled.json()["code"]) == (409, "task_disabled")


@pytest.mark.slow
@pytest.mark.usefixtures("worker")
async def test_a_secret_parameter_has_to_be_given_again(make: Callable[..., Any], admin: httpx.AsyncClient) -> None:
    task = await make()
    first = await ended(admin, await requested(admin, task, parameters={"password": "correct horse battery"}))
    answer = await admin.post(f"/executions/{first['id']}/repeat")
    assert answer.status_code == 400
    assert "give it" in faults(answer)["parameters.password"]


@pytest.mark.parametrize("action", ["cancel", "repeat"])
async def test_what_is_no_execution_is_not_found(admin: httpx.AsyncClient, action: str) -> None:
    for execution_id in ("nobody", "00000000-0000-4000-8000-000000000000"):
        answer = await admin.post(f"/executions/{execution_id}/{action}")
        assert (answer.status_code, answer.json()["code"]) == (404, "execution_not_found")
