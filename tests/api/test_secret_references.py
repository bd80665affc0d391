"""Who may send a Secret block where: whoever may create or update tasks, in a config or for one run; nobody else."""

from __future__ import annotations

import uuid
from collections.abc import AsyncIterator, Callable
from typing import Any

import httpx
import pytest
import pytest_asyncio
from prefect.blocks.system import Secret
from pymongo.asynchronous.database import AsyncDatabase

from falcon_scheduler.adapters.settings import Settings
from falcon_scheduler.api_facade.composition.services import Services
from falcon_scheduler.core.domain.principal import Permission
from tests.api.conftest import BASE, faults
from tests.api.grants import caller_with
from tests.conftest import Scheduler
from tests.executors.test_executors_in_runs import prefect_at
from tests.executors.web_server import WebServer, serving

Make = Callable[..., Any]
VALUE = "pl4nted-block-v4lue"


@pytest_asyncio.fixture
async def web() -> AsyncIterator[WebServer]:
    async with serving() as server:
        yield server


@pytest_asyncio.fixture
async def reference(settings: Settings) -> str:
    name = f"of-the-test-{uuid.uuid4().hex[:8]}"
    with prefect_at(settings.prefect.api_url):
        await Secret(value=VALUE).save(name)
    return f"{{{{ prefect.blocks.secret.{name} }}}}"


@pytest_asyncio.fixture
async def runner(mongo_database: AsyncDatabase[dict[str, Any]], settings: Settings) -> AsyncIterator[dict[str, str]]:
    """Somebody who may execute and nothing else."""
    async with caller_with(mongo_database, settings, Permission.EXECUTE) as headers:
        yield headers


async def ended(admin: httpx.AsyncClient, scheduler: Scheduler, answer: httpx.Response) -> Any:
    assert answer.status_code == 202, answer.text
    await scheduler.ended(answer.json()["execution_id"])
    return (await admin.get(f"/executions/{answer.json()['execution_id']}")).json()


async def test_who_may_only_execute_cannot_refer_to_a_secret_whatever_the_place(
    make: Make, client: httpx.AsyncClient, web: WebServer, reference: str, runner: dict[str, str]
) -> None:
    task = await make(type="http", config={"url": web.url("/echo"), "method": "POST"})
    sent = {
        "headers": {"X-Innocent": f"is {reference}"},
        "query": {"q": reference, "list": ["a", reference]},
        "body": {"deep": [{"er": reference}], "other": "{{ prefect.variables.x }}"},
    }
    answer = await client.post(f"{BASE}/tasks/{task['id']}/execute", json={"parameters": sent}, headers=runner)
    found = faults(answer)
    places = {"headers.X-Innocent", "query.q", "query.list.1", "body.deep.0.er", "body.other"}
    assert found.keys() == {f"parameters.{place}" for place in places}
    assert "may create or update" in found["parameters.query.q"]
    assert web.seen == []


async def test_who_may_only_execute_cannot_lead_a_tasks_own_secret_elsewhere(
    make: Make, client: httpx.AsyncClient, web: WebServer, reference: str, runner: dict[str, str]
) -> None:
    config = {"url": web.url("/echo"), "headers": {"X-Auth-Token": reference}}
    http = await make(type="http", config=config)
    headers = {"Host": "evil.example", "X-Forwarded-Host": "evil.example", "range": "bytes=0-9", "X-Plain": "yes"}
    wanted = {"parameters": {"url": "http://evil.example/", "proxy": "http://evil.example:1", "headers": headers}}
    found = faults(await client.post(f"{BASE}/tasks/{http['id']}/execute", json=wanted, headers=runner))
    assert found.keys() == {
        "parameters.url",
        "parameters.proxy",
        "parameters.headers",
        "parameters.headers.X-Forwarded-Host",
        "parameters.headers.range",
    }
    echo = {
        "function_name": "echo",
        "module": "builtin",
        "parameters": {"url": "https://a.example", "key": reference},
    }
    function = await make(config=echo)
    wanted = {"parameters": {"url": "https://evil.example"}}
    found = faults(await client.post(f"{BASE}/tasks/{function['id']}/execute", json=wanted, headers=runner))
    assert found.keys() == {"parameters.url"}
    without = await make()
    wanted = {"parameters": {"greeting": "mine"}}
    answer = await client.post(f"{BASE}/tasks/{without['id']}/execute", json=wanted, headers=runner)
    assert answer.status_code == 202, answer.text


@pytest.mark.timeout(240)
async def test_whoever_may_update_may_refer_to_a_secret_for_one_run(
    make: Make,
    client: httpx.AsyncClient,
    admin: httpx.AsyncClient,
    scheduler: Scheduler,
    worker: None,
    mongo_database: AsyncDatabase[dict[str, Any]],
    settings: Settings,
    web: WebServer,
    reference: str,
) -> None:
    task = await make(type="http", config={"url": web.url("/echo")})
    wanted = {"parameters": {"headers": {"X-Innocent": reference}}}
    async with caller_with(mongo_database, settings, Permission.EXECUTE, Permission.UPDATE) as headers:
        answer = await client.post(f"{BASE}/tasks/{task['id']}/execute", json=wanted, headers=headers)
    execution = await ended(admin, scheduler, answer)
    assert execution["status"] == "completed", execution
    assert web.seen[0].headers["x-innocent"] == VALUE
    assert VALUE not in str(execution)


@pytest.mark.timeout(240)
async def test_a_run_that_is_asked_for_in_prefect_sends_no_secret_that_its_parameters_refer_to(
    make: Make, scheduler: Scheduler, services: Services, worker: None, web: WebServer, reference: str
) -> None:
    task = await make(type="http", config={"url": web.url("/echo")})
    stored = await services.stores.tasks.get(task["id"])
    assert stored.deployment_id
    parameters = {"task_id": task["id"], "parameters": {"headers": {"X-Innocent": reference}}}
    flow_run = await services.engine.client.create_flow_run_from_deployment(
        uuid.UUID(stored.deployment_id), parameters=parameters
    )
    execution = await scheduler.ended(str(flow_run.id))
    assert (execution.status, execution.retry_count) == ("failed", 0)
    assert execution.error.startswith("Not run: parameters.headers.X-Innocent: a secret is referred to")
    assert web.seen == []
