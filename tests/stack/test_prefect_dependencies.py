"""What a request to Prefect needs is looked up without a thread, what may wait in one, and an address parsed once."""

from __future__ import annotations

import gc
import threading
from collections.abc import Iterator

import httpx
import pytest
from fastapi import Depends, FastAPI
from fastapi.dependencies import utils
from prefect.server.api.dependencies import get_created_by, get_prefect_client_version
from prefect.server.database import dependencies
from prefect.server.schemas.core import CreatedBy
from starlette.types import Message, Receive, Scope, Send

from falcon_scheduler.deployments.stack import prefect_dependencies
from falcon_scheduler.deployments.stack.prefect_collector import THRESHOLDS, QuietCollector
from falcon_scheduler.deployments.stack.prefect_dependencies import (
    DIALECT,
    RUNNER,
    look_up_without_threads,
    parse_addresses_once,
)

POSTGRESQL, SQLITE = "postgresql+asyncpg://user@/base?host=folder", "sqlite+aiosqlite:///file"


@pytest.fixture(autouse=True)
def present(monkeypatch: pytest.MonkeyPatch) -> None:
    """What a test replaces is taken back after it."""
    monkeypatch.setattr(utils, RUNNER, getattr(utils, RUNNER))
    monkeypatch.setattr(dependencies, DIALECT, getattr(dependencies, DIALECT))


async def test_only_what_may_wait_goes_through_a_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    in_threads: list[object] = []
    run = getattr(utils, RUNNER)

    async def noted(call: object, *args: object, **named: object) -> object:
        in_threads.append(call)
        return await run(call, *args, **named)

    def may_wait() -> str:
        return threading.current_thread().name

    app = FastAPI()

    @app.get("/")
    async def answer(
        created_by: CreatedBy | None = Depends(get_created_by),
        version: str | None = Depends(get_prefect_client_version),
        thread: str = Depends(may_wait),
    ) -> dict[str, str | None]:
        return {"by": created_by.display_value if created_by else None, "version": version, "thread": thread}

    monkeypatch.setattr(utils, RUNNER, noted)
    headers = {
        "User-Agent": "prefect/3.8.8 (API 0.8.4)",
        "X-PREFECT-WORKER-ID": "3c2f1a00-0000-4000-8000-000000000000",
    }
    headers |= {"X-PREFECT-WORKER-NAME": "worker", "X-PREFECT-WORKER-KEY": "worker"}
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://prefect.test") as client:
        before = (await client.get("/", headers=headers)).raise_for_status().json()
        assert in_threads == [get_created_by, get_prefect_client_version, may_wait]
        del in_threads[:]
        assert look_up_without_threads(), "these versions of Prefect and FastAPI have the expected form"
        assert look_up_without_threads()
        after = (await client.get("/", headers=headers)).raise_for_status().json()
    assert in_threads == [may_wait]
    assert after["version"] == before["version"] == "3.8.8"
    assert after["by"] == before["by"]
    assert after["thread"] != threading.current_thread().name


def test_an_address_is_parsed_once(monkeypatch: pytest.MonkeyPatch) -> None:
    parsed: list[object] = []
    find = getattr(dependencies, DIALECT)

    def noted(bound: object) -> object:
        parsed.append(bound)
        return find(bound)

    monkeypatch.setattr(dependencies, DIALECT, noted)
    assert parse_addresses_once(), "this version of Prefect has the expected form"
    assert parse_addresses_once()
    for _ in range(2):
        names = [getattr(dependencies, DIALECT)(each).name for each in (POSTGRESQL, SQLITE)]
        assert names == ["postgresql", "sqlite"]
    assert parsed == [POSTGRESQL, SQLITE]


def test_versions_of_another_form_are_left_as_they_are(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    run = getattr(utils, RUNNER)
    monkeypatch.setattr(prefect_dependencies, "QUICK", (("prefect.server.api.dependencies", "no_such_function"),))
    assert not look_up_without_threads()
    assert getattr(utils, RUNNER) is run
    monkeypatch.delattr(dependencies, DIALECT)
    assert not parse_addresses_once()
    assert caplog.text.count("in another way") == 2


@pytest.fixture
def collector() -> Iterator[None]:
    """The collector's settings are those of before after the test."""
    before = gc.get_threshold()
    yield
    gc.unfreeze()
    gc.set_threshold(*before)


async def test_what_is_there_after_the_start_is_set_aside_once_the_server_has_started(collector: None) -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await send({"type": "lifespan.startup.complete"})

    sent: list[str] = []

    async def send(message: Message) -> None:
        assert gc.get_freeze_count() == 0
        sent.append(message["type"])

    async def receive() -> Message:
        return {}

    server = QuietCollector(app)
    await server({"type": "http"}, receive, send)
    assert gc.get_freeze_count() == 0
    await server({"type": "lifespan"}, receive, send)
    assert sent == ["lifespan.startup.complete"]
    assert gc.get_freeze_count() > 1000
    assert gc.get_threshold() == THRESHOLDS
