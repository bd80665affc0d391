"""Status, numbers, reload, executors, previews, the document and its page."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from jsonschema import Draft202012Validator

from falcon_scheduler.adapters.settings import Settings
from falcon_scheduler.api_facade.app import build_app
from falcon_scheduler.api_facade.composition.root import compose
from falcon_scheduler.api_facade.composition.services import Services, join, open_services
from falcon_scheduler.core.domain.workforce import NO_WORKER
from falcon_scheduler.deployments.stack.home import free_port
from tests.alerts.conftest import NOBODY, ONE_WORKER, Crew
from tests.api.conftest import BASE, bearer, faults, token_of
from tests.conftest import wait_until


@pytest.mark.usefixtures("worker")
async def test_status_lists_every_component_and_its_latency(client: httpx.AsyncClient) -> None:
    async def healthy() -> Any:
        status = (await client.get(f"{BASE}/status")).json()
        return status if status["status"] == "healthy" else None

    status = await wait_until(healthy, "the worker is online")
    assert (status["module"], status["status"]) == ("scheduler", "healthy")
    words = {"database": "healthy", "redis": "healthy", "engine": "running"}
    for name, word in words.items():
        assert status["dependencies"][name] == word
        assert re.fullmatch(r"[\d.]+(µs|ms|s)", status["dependencies"][f"{name}_latency"])
    assert status["metrics"]["total_tasks"] >= 7
    assert status["metrics"]["memory_usage_mb"] > 10


async def test_without_a_worker_the_status_is_degraded_and_an_execute_warns(
    settings: Settings, services: Services, make: Callable[..., Any]
) -> None:
    task = await make()
    crew = Crew(NOBODY)
    alone = join(settings, services.stores, services.engine.client, crew)
    app = build_app(compose(settings, alone), settings)
    admin = bearer(token_of(settings, super_admin=True))
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url=f"http://api.test{BASE}") as client:
        status = (await client.get("/status")).json()
        assert (status["status"], status["message"]) == ("degraded", NO_WORKER)
        assert status["metrics"]["worker_count"] == 0
        answer = await client.post(f"/tasks/{task['id']}/execute", headers=admin)
        assert (answer.status_code, answer.json()["warnings"]) == (202, [NO_WORKER])
        crew.workforce = ONE_WORKER
        assert NO_WORKER not in (await client.get("/status")).json()["message"]


async def test_the_short_status_answers_as_in_go_falcon(client: httpx.AsyncClient, app: FastAPI) -> None:
    answer = await client.get(f"{BASE}/scheduler-status")
    assert answer.json() == {"module": "scheduler", "status": "running", "version": app.version, "engine": True}


async def test_stats_follow_the_tasks(make: Callable[..., Any], client: httpx.AsyncClient) -> None:
    before = (await client.get(f"{BASE}/stats")).json()
    await make(enabled=False)
    after = (await client.get(f"{BASE}/stats")).json()
    assert after["total_tasks"] == before["total_tasks"] + 1
    assert after["enabled_tasks"] == before["enabled_tasks"]
    assert datetime.fromisoformat(after["next_scheduled_run"])


async def test_reload_reports_what_it_did(make: Callable[..., Any], admin: httpx.AsyncClient) -> None:
    await make()
    outcome = (await admin.post("/reload")).json()
    assert outcome["failed"] == []
    assert outcome["unchanged"] >= 8


async def test_executors_are_listed_with_schemas_that_hold(admin: httpx.AsyncClient) -> None:
    entries = (await admin.get("/executors")).json()["executors"]
    assert {"http", "builtin.echo"} <= {entry["name"] for entry in entries}
    for entry in entries:
        Draft202012Validator.check_schema(entry["config_schema"])


async def test_a_preview_shows_a_schedule_in_words_and_instants(admin: httpx.AsyncClient) -> None:
    asked = {"schedule": "0 0 9 * * MON-FRI", "timezone": "Europe/Berlin", "count": 6}
    answer = (await admin.post("/schedules/preview", json=asked)).json()
    assert answer["schedule"] == "CRON_TZ=Europe/Berlin 0 0 9 * * 1-5"
    assert answer["timezone"] == "Europe/Berlin"
    assert "09:00" in answer["description"]
    assert len(answer["next_runs"]) == 6
    assert answer["next_runs"] == sorted(set(answer["next_runs"]))
    assert (await admin.post("/schedules/preview", json={"schedule": "@hourly"})).json()["timezone"] == "UTC"


@pytest.mark.parametrize(
    ("asked", "location"),
    [
        ({}, "schedule"),
        ({"schedule": "every day"}, "schedule"),
        ({"schedule": "@hourly", "timezone": "Mars/Olympus"}, "timezone"),
        ({"schedule": "@hourly", "count": 101}, "count"),
        ({"schedule": "@hourly", "count": "5"}, "count"),
    ],
)
async def test_a_preview_of_nonsense_is_refused(
    admin: httpx.AsyncClient, asked: dict[str, Any], location: str
) -> None:
    assert location in faults(await admin.post("/schedules/preview", json=asked))


async def test_every_answer_in_the_document_has_an_example_that_fits(app: FastAPI) -> None:
    document = app.openapi()
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            shown = [
                *operation["responses"].values(),
                *([operation["requestBody"]] if "requestBody" in operation else []),
            ]
            for content in (each for answer in shown for each in answer["content"].values()):
                examples = [content["example"]] if "example" in content else []
                examples += [each["value"] for each in content.get("examples", {}).values()]
                assert examples, (method, path)
                schema = {**content["schema"], "components": document["components"]}
                for example in examples:
                    Draft202012Validator(schema).validate(example)


async def test_the_document_contains_the_bounds_of_every_list(app: FastAPI) -> None:
    bounds = {
        (path, each["name"]): (each["schema"].get("minimum"), each["schema"].get("maximum"))
        for path, operations in app.openapi()["paths"].items()
        for each in operations.get("get", {}).get("parameters", [])
        if each["name"] in {"page", "page_size"}
    }
    assert len(bounds) >= 10
    assert {key: value for key, value in bounds.items() if key[1] == "page" and value != (1, 1_000_000)} == {}
    assert {key: value for key, value in bounds.items() if key[1] == "page_size" and value != (1, 100)} == {}


async def test_the_page_and_its_files_need_nothing_from_elsewhere(client: httpx.AsyncClient) -> None:
    page = await client.get(f"{BASE}/docs")
    assert page.status_code == 200
    assert "http://" not in page.text
    assert "https://" not in page.text
    for reference in re.findall(r'(?:src|href)="([^"]+)"', page.text):
        assert (await client.get(f"{BASE}/{reference}")).status_code == 200, reference
    assert (await client.get(f"{BASE}/openapi.json")).json()["openapi"].startswith("3.1")


async def test_a_prefix_precedes_every_route(settings: Settings, app: FastAPI) -> None:
    prefixed = replace(settings, api=settings.api.model_copy(update={"api_prefix": "/falcon/v1"}))
    other = build_app(app.state.container, prefixed)
    async with httpx.AsyncClient(transport=httpx.ASGITransport(other), base_url="http://api.test") as client:
        headers = bearer(token_of(settings, super_admin=True))
        assert (await client.get("/falcon/v1/scheduler/docs")).status_code == 200
        assert (await client.get("/falcon/v1/scheduler/tasks", headers=headers)).status_code == 200
        assert (await client.get("/scheduler/tasks", headers=headers)).status_code == 404
        assert all(path.startswith("/falcon/v1/scheduler/") for path in other.openapi()["paths"])


@pytest.mark.slow
async def test_while_a_server_is_away_the_answer_is_a_503_that_names_it_and_no_address(settings: Settings) -> None:
    port = free_port()
    no_mongo = replace(settings, mongo=settings.mongo.model_copy(update={"uri": f"mongodb://127.0.0.1:{port}"}))
    no_prefect = replace(
        settings, prefect=settings.prefect.model_copy(update={"api_url": f"http://127.0.0.1:{port}/api"})
    )
    admin, plain = bearer(token_of(settings, super_admin=True)), bearer(token_of(settings))
    config = {"function_name": "noop", "module": "builtin"}
    body = {"name": "while it is away", "type": "function", "schedule": "@hourly", "config": config}
    for there, service in ((no_mongo, "MongoDB"), (no_prefect, "Prefect")):
        async with open_services(there) as services:
            app = build_app(compose(there, services), there)
            async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://api.test") as client:
                status = await client.get(f"{BASE}/status")
                assert (status.status_code, status.json()["status"]) == (200, "unhealthy")
                assert str(port) not in status.text
                short = (await client.get(f"{BASE}/scheduler-status")).json()
                away = {"MongoDB": ("error", True), "Prefect": ("stopped", False)}
                assert (short["status"], short["engine"]) == away[service]
                ready = await client.get("/readyz")
                assert (ready.status_code, ready.json()["not_answering"]) == (503, [service.lower()])
                assert (await client.get("/healthz")).status_code == 200
                for answer in (
                    await client.post(f"{BASE}/tasks", json=body, headers=admin),
                    await client.get(f"{BASE}/stats"),
                ):
                    assert answer.status_code == 503, answer.text
                    assert int(answer.headers["retry-after"]) > 0
                    assert service in answer.json()["detail"]
                    assert str(port) not in answer.text
                if there is no_mongo:
                    looked_up = await client.post(f"{BASE}/reload", headers=plain)
                    assert looked_up.status_code == 503, "whether this caller may is not known"
                    assert (await client.get(f"{BASE}/executors", headers=plain)).status_code == 200
