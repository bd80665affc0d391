"""Routes outside of the API's base: the index, the probes, and the headers for browsers."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

import httpx
import pytest
from pydantic import SecretStr

from falcon_scheduler.adapters.settings import Settings
from falcon_scheduler.api_facade.app import build_app
from falcon_scheduler.api_facade.composition.root import compose
from falcon_scheduler.api_facade.composition.services import Services
from tests.api.conftest import BASE

BROWSER = {"Accept": "text/html,application/xhtml+xml;q=0.9,*/*;q=0.8"}


@asynccontextmanager
async def serving(settings: Settings, services: Services, **api: Any) -> AsyncIterator[httpx.AsyncClient]:
    """An app with these settings of the API."""
    changed = replace(settings, api=settings.api.model_copy(update=api))
    app = build_app(compose(changed, services), changed)
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://api.test") as client:
        yield client


@pytest.mark.parametrize("path", ["/", BASE, f"{BASE}/"])
async def test_a_request_without_a_path_gets_the_addresses(client: httpx.AsyncClient, path: str) -> None:
    index = (await client.get(path)).json()
    assert index["name"] == "Falcon Scheduler"
    for each in ("docs", "openapi", "status", "health", "readiness"):
        assert (await client.get(index[each])).status_code == 200, each
    led = await client.get(path, headers=BROWSER)
    assert (led.status_code, led.headers["location"]) == (307, f"{BASE}/ui/")


async def test_the_index_follows_the_prefix_and_the_probes_do_not(settings: Settings, services: Services) -> None:
    async with serving(settings, services, api_prefix="/falcon/v1", api_rate_limit=0) as client:
        for path in ("/", "/falcon/v1", "/falcon/v1/", f"/falcon/v1{BASE}", f"/falcon/v1{BASE}/"):
            index = (await client.get(path)).json()
            assert index["docs"] == f"/falcon/v1{BASE}/docs"
            assert (await client.get(index["docs"])).status_code == 200
        assert (await client.get("/healthz")).json() == {"status": "alive"}
        assert (await client.get("/readyz")).json() == {"status": "ready"}


async def test_probes_are_neither_limited_nor_logged(
    settings: Settings, services: Services, caplog: pytest.LogCaptureFixture
) -> None:
    async with serving(settings, services, api_rate_limit=0.1) as client:
        with caplog.at_level(logging.INFO, logger="falcon_scheduler.api_facade.tracing"):
            answers = [await client.get(path) for path in ("/healthz", "/readyz") * 5]
            await client.get(f"{BASE}/stats")
    assert {answer.status_code for answer in answers} == {200}
    assert [record.getMessage() for record in caplog.records] == [f"GET {BASE}/stats 200"]


@pytest.mark.parametrize(
    ("path", "headers", "status"),
    [(f"{BASE}/docs", {}, 200), ("/", BROWSER, 307), (f"{BASE}/nothing", BROWSER, 404), (f"{BASE}/stats", {}, 200)],
)
async def test_a_browser_shows_no_answer_in_a_frame_and_sends_its_address_nowhere(
    client: httpx.AsyncClient, path: str, headers: dict[str, str], status: int
) -> None:
    answer = await client.get(path, headers=headers)
    assert answer.status_code == status
    assert "frame-ancestors 'none'" in answer.headers["content-security-policy"]
    assert "default-src 'none'" in answer.headers["content-security-policy"]
    assert "script-src 'unsafe" not in answer.headers["content-security-policy"]
    assert answer.headers["x-frame-options"] == "DENY"
    assert answer.headers["referrer-policy"] == "no-referrer"
    assert answer.headers["x-content-type-options"] == "nosniff"


async def test_guesses_at_the_token_of_the_metrics_are_counted(settings: Settings, services: Services) -> None:
    right = SecretStr("the right one of sixteen")
    async with serving(settings, services, api_rate_limit=0.5, metrics_token=right) as client:
        guesses = [
            (await client.get("/metrics", headers={"Authorization": f"Bearer wrong{number}"})).status_code
            for number in range(3)
        ]
        assert guesses == [401, 429, 429]
