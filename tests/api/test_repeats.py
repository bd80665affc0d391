"""A request that is sent again: one run, one answer."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any
from uuid import UUID

import httpx
import pytest
from fastapi import FastAPI
from prefect.client.schemas.filters import FlowRunFilter, FlowRunFilterDeploymentId

from falcon_scheduler.adapters.mongo.client import EXECUTIONS, KEYED
from falcon_scheduler.adapters.settings import Settings
from falcon_scheduler.api_facade.composition.services import Services
from falcon_scheduler.core.services.runs.idempotency import KEPT_FOR
from tests.api.conftest import BASE, bearer, faults, token_of

pytestmark = pytest.mark.slow


async def runs_of(services: Services, task: Any) -> list[str]:
    """What Prefect was asked for."""
    deployment_id = UUID((await services.tasks.get(task["id"])).deployment_id)
    wanted = FlowRunFilter(deployment_id=FlowRunFilterDeploymentId(any_=[deployment_id]))
    found = await services.engine.client.read_flow_runs(flow_run_filter=wanted)
    return [str(each.id) for each in found if not each.auto_scheduled]


@asynccontextmanager
async def answers_lost(services: Services, times: int) -> AsyncIterator[None]:
    """The server does what it is asked, and so many answers to a wish for a run do not arrive."""
    transport = services.engine.client._client
    left = times

    async def lose(response: httpx.Response) -> None:
        nonlocal left
        if response.request.url.path.endswith("/create_flow_run") and left > 0:
            left -= 1
            raise httpx.ReadError("the connection was cut", request=response.request)

    transport.event_hooks["response"].append(lose)
    try:
        yield
    finally:
        transport.event_hooks["response"].remove(lose)


async def test_a_repeat_under_the_same_key_gets_the_same_answer_and_makes_one_run(
    make: Callable[..., Any], admin: httpx.AsyncClient, services: Services
) -> None:
    task = await make()
    path, key = f"/tasks/{task['id']}/execute", {"Idempotency-Key": "deploy-of-today"}
    body = {"parameters": {"a": 1}, "priority": "high"}
    first = await admin.post(path, json=body, headers=key)
    assert first.status_code == 202
    await admin.post(f"/tasks/{task['id']}/disable")
    again = await admin.post(path, json=body, headers=key)
    assert (again.status_code, again.json()) == (202, first.json()), "whatever became of the task meanwhile"
    assert await runs_of(services, task) == [first.json()["execution_id"]]


async def test_twins_at_the_same_moment_make_one_run(
    make: Callable[..., Any], admin: httpx.AsyncClient, services: Services
) -> None:
    task = await make()
    path, key = f"/tasks/{task['id']}/execute", {"Idempotency-Key": "twins"}
    answers = await asyncio.gather(*(admin.post(path, headers=key) for _ in range(6)))
    assert {each.status_code for each in answers} == {202}
    assert await runs_of(services, task) == [answers[0].json()["execution_id"]]
    assert len({each.json()["execution_id"] for each in answers}) == 1


async def test_a_key_identifies_one_body_of_one_caller_and_one_task(
    make: Callable[..., Any],
    admin: httpx.AsyncClient,
    app: FastAPI,
    settings: Settings,
    services: Services,
) -> None:
    task, other = await make(), await make()
    path, key = f"/tasks/{task['id']}/execute", {"Idempotency-Key": "mine"}
    first = await admin.post(path, json={"parameters": {"a": 1}}, headers=key)
    refused = await admin.post(path, json={"parameters": {"a": 2}}, headers=key)
    assert (refused.status_code, refused.json()["code"]) == (409, "idempotency_key_reused")
    elsewhere = await admin.post(f"/tasks/{other['id']}/execute", json={"parameters": {"a": 1}}, headers=key)
    token = token_of(settings, user_id="another-admin", super_admin=True)
    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(transport=transport, base_url=f"http://api.test{BASE}") as client:
        theirs = await client.post(path, json={"parameters": {"a": 2}}, headers={**key, **bearer(token)})
    assert theirs.status_code == 202
    ids = {each.json()["execution_id"] for each in (first, elsewhere, theirs)}
    assert len(ids) == 3
    assert len(await runs_of(services, task)) == 2


@pytest.mark.parametrize("key", ["", "x" * 256, "two words", "ümlaut".encode("latin-1")])
async def test_a_key_that_is_none_is_refused_by_name(
    make: Callable[..., Any], admin: httpx.AsyncClient, key: str | bytes
) -> None:
    task = await make()
    answer = await admin.post(f"/tasks/{task['id']}/execute", headers=[("Idempotency-Key", key)])  # type: ignore[arg-type]
    assert any("Idempotency-Key" in location for location in faults(answer))


async def test_a_wrong_request_uses_up_no_key(make: Callable[..., Any], admin: httpx.AsyncClient) -> None:
    task = await make()
    path, key = f"/tasks/{task['id']}/execute", {"Idempotency-Key": "mended"}
    assert (await admin.post(path, json={"parameters": {"$where": 1}}, headers=key)).status_code == 400
    assert (await admin.post(path, json={"parameters": {"where": 1}}, headers=key)).status_code == 202


async def test_an_answer_of_prefect_that_is_lost_makes_one_run(
    make: Callable[..., Any], admin: httpx.AsyncClient, services: Services
) -> None:
    task = await make()
    async with answers_lost(services, 1):
        answer = await admin.post(f"/tasks/{task['id']}/execute")
    assert answer.status_code == 202, "asked again"
    assert await runs_of(services, task) == [answer.json()["execution_id"]]


async def test_the_repeat_of_an_execute_that_answered_503_finds_the_run_that_was_made(
    make: Callable[..., Any], admin: httpx.AsyncClient, services: Services
) -> None:
    task = await make()
    path, key = f"/tasks/{task['id']}/execute", {"Idempotency-Key": "lost"}
    async with answers_lost(services, 10):
        assert (await admin.post(path, json={}, headers=key)).status_code == 503
    made = await runs_of(services, task)
    assert len(made) == 1
    again = await admin.post(path, json={}, headers=key)
    assert (again.status_code, again.json()["execution_id"]) == (202, made[0])
    assert await runs_of(services, task) == made


async def test_the_repeat_finds_the_run_of_a_process_that_died_before_it_wrote_anything_down(
    make: Callable[..., Any], admin: httpx.AsyncClient, services: Services
) -> None:
    """What is left then is the request without an answer, and Prefect's run."""
    task = await make()
    path, key = f"/tasks/{task['id']}/execute", {"Idempotency-Key": "died"}
    execution_id = (await admin.post(path, headers=key)).json()["execution_id"]
    database = services.stores.database
    await database[KEYED].update_one({"execution_id": execution_id}, {"$unset": {"execution_id": 1, "started_at": 1}})
    await database[EXECUTIONS].delete_one({"_id": execution_id})
    again = await admin.post(path, headers=key)
    assert (again.status_code, again.json()["execution_id"]) == (202, execution_id)
    assert (await admin.get(f"/executions/{execution_id}")).status_code == 200
    assert await runs_of(services, task) == [execution_id]


async def test_a_key_is_free_again_after_a_day(
    make: Callable[..., Any], admin: httpx.AsyncClient, services: Services
) -> None:
    task = await make()
    path, key = f"/tasks/{task['id']}/execute", {"Idempotency-Key": "daily"}
    first = (await admin.post(path, headers=key)).json()["execution_id"]
    collection = services.stores.database[KEYED]
    then = services.stores.clock.now() - KEPT_FOR - timedelta(seconds=1)
    await collection.update_one({"execution_id": first}, {"$set": {"asked_at": then}})
    second = (await admin.post(path, headers=key)).json()["execution_id"]
    assert second != first
    indexes = await collection.index_information()
    assert any(each.get("expireAfterSeconds") == KEPT_FOR.total_seconds() for each in indexes.values())
