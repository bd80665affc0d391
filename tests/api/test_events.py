"""The stream of changes, on a real server of our own: what is announced arrives at once, and nothing is missed."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import httpx
import pytest
import pytest_asyncio
import uvicorn
from fastapi import FastAPI

from falcon_scheduler.adapters.redis.events import LENGTH, STREAM, RedisEventLog
from falcon_scheduler.adapters.settings import Settings
from falcon_scheduler.api_facade import broadcast
from falcon_scheduler.api_facade.composition.services import Services
from falcon_scheduler.api_facade.connections import BoundedProtocol
from falcon_scheduler.core.ports.events import Happening, Subject
from falcon_scheduler.deployments.stack.home import free_port
from tests.api.conftest import BASE, bearer, token_of
from tests.conftest import wait_until


@asynccontextmanager
async def served(app: FastAPI) -> AsyncIterator[tuple[uvicorn.Server, str]]:
    """The app on a port: only a real connection streams."""
    port = free_port()
    server = uvicorn.Server(
        uvicorn.Config(app, port=port, http=BoundedProtocol, log_level="error", lifespan="off", loop="none")
    )
    running = asyncio.create_task(server.serve())
    try:
        await wait_until(lambda: asyncio.sleep(0, server.started), "the server answers")
        yield server, f"http://127.0.0.1:{port}{BASE}"
    finally:
        server.should_exit = True
        await running


@pytest_asyncio.fixture(scope="module")
async def url(app: FastAPI) -> AsyncIterator[str]:
    async with served(app) as (_, address):
        yield address


class Watcher:
    """A client of the stream."""

    def __init__(self, lines: AsyncIterator[str]) -> None:
        self._lines = lines
        self.last_id = ""

    async def message(self) -> tuple[str, Any]:
        """The next message: its event and its data. Fails after a while without one."""
        event = ""
        async with asyncio.timeout(20):
            async for line in self._lines:
                name, _, value = line.partition(": ")
                if name == "id":
                    self.last_id = value
                elif name == "event":
                    event = value
                elif name == "data":
                    return event, json.loads(value)
        raise AssertionError("the stream has ended")

    async def change_of(self, own_id: str, subject: str = "task") -> dict[str, Any]:
        """The next change of this id."""
        while True:
            _, changes = await self.message()
            for change in changes:
                if (change["subject"], change["id"]) == (subject, own_id):
                    return dict(change)


@asynccontextmanager
async def watching(url: str, token: str, **headers: str) -> AsyncIterator[Watcher]:
    async with (
        httpx.AsyncClient(timeout=httpx.Timeout(10, read=30)) as client,
        client.stream("GET", f"{url}/events", headers={**bearer(token), **headers}) as answer,
    ):
        assert answer.status_code == 200, await answer.aread()
        assert answer.headers["content-type"].startswith("text/event-stream")
        yield Watcher(answer.aiter_lines())


@pytest.fixture
def reader(settings: Settings) -> str:
    return token_of(settings, user_id="a watcher")


async def test_a_change_of_a_task_is_told_to_who_watches(
    url: str, reader: str, make: Callable[..., Awaitable[Any]], admin: httpx.AsyncClient
) -> None:
    async with watching(url, reader) as watcher:
        task = await make()
        assert (await watcher.change_of(task["id"]))["status"] == "pending"
        await admin.post(f"/tasks/{task['id']}/pause")
        while (await watcher.change_of(task["id"]))["status"] != "paused":
            pass
        await admin.delete(f"/tasks/{task['id']}")
        while not (await watcher.change_of(task["id"])).get("removed"):
            pass


async def test_an_execution_that_is_asked_for_is_told(
    url: str, reader: str, make: Callable[..., Awaitable[Any]], admin: httpx.AsyncClient
) -> None:
    task = await make()
    async with watching(url, reader) as watcher:
        accepted = (await admin.post(f"/tasks/{task['id']}/execute")).json()
        change = await watcher.change_of(accepted["execution_id"], "execution")
        assert (change["task_id"], change["status"]) == (task["id"], "pending")


async def test_who_comes_again_gets_what_it_missed(url: str, reader: str, services: Services) -> None:
    log = services.stores.events
    async with watching(url, reader) as watcher:
        log.announce(Happening(subject=Subject.TASK, id="seen", status="pending"))
        await watcher.change_of("seen")
    log.announce(Happening(subject=Subject.TASK, id="missed", status="failed"))
    await log.close()
    async with watching(url, reader, **{"Last-Event-ID": watcher.last_id}) as again:
        event, changes = await again.message()
    assert (event, [each["id"] for each in changes]) == ("change", ["missed"])


async def test_who_comes_again_too_late_is_told_to_read_anew(url: str, reader: str) -> None:
    async with watching(url, reader, **{"Last-Event-ID": "1-0"}) as watcher:
        assert await watcher.message() == ("reset", {})


async def test_the_audit_is_shown_to_those_alone_who_may_read_it(
    url: str, reader: str, settings: Settings, services: Services
) -> None:
    manager = token_of(settings, user_id="a manager", super_admin=True)
    async with watching(url, reader) as plain, watching(url, manager) as managing:
        services.stores.events.announce(Happening(subject=Subject.AUDIT, id="entry", status="applied"))
        await services.stores.events.close()
        services.stores.events.announce(Happening(subject=Subject.TASK, id="after it", status="pending"))
        assert (await managing.change_of("entry", "audit"))["status"] == "applied"
        _, first = await plain.message()
        assert [each["id"] for each in first] == ["after it"]


async def test_many_changes_of_one_thing_are_one_message(url: str, reader: str, services: Services) -> None:
    async with watching(url, reader) as watcher:
        for number in range(300):
            services.stores.events.announce(Happening(subject=Subject.TASK, id="busy", status=f"{number}"))
        seen: list[str] = []
        while not seen or seen[-1] != "299":
            seen.append((await watcher.change_of("busy"))["status"])
    assert len(seen) < 30


async def test_nobody_holds_more_streams_than_its_share(url: str, settings: Settings) -> None:
    greedy = token_of(settings, user_id="greedy")
    modest = token_of(settings, user_id="modest")
    async with httpx.AsyncClient(timeout=10) as client:
        streams = [
            await client.send(client.build_request("GET", f"{url}/events", headers=bearer(greedy)), stream=True)
            for _ in range(broadcast.MOST_OF_ONE_USER)
        ]
        try:
            assert {each.status_code for each in streams} == {200}
            refused = await client.get(f"{url}/events", headers=bearer(greedy))
            assert (refused.status_code, refused.headers["retry-after"]) == (429, "30")
            async with client.stream("GET", f"{url}/events", headers=bearer(modest)) as admitted:
                assert admitted.status_code == 200
        finally:
            for each in streams:
                await each.aclose()


async def test_a_stream_ends_with_its_time_and_with_its_token(url: str, settings: Settings, reader: str) -> None:
    async with httpx.AsyncClient(timeout=20) as client:
        brief = await client.get(f"{url}/events", params={"seconds": 1}, headers=bearer(reader))
        assert brief.text.startswith("retry: 1000")
        too_long = await client.get(f"{url}/events", params={"seconds": 301}, headers=bearer(reader))
        assert too_long.status_code == 400


async def test_a_server_that_stops_ends_its_streams_at_once(app: FastAPI, reader: str) -> None:
    async with served(app) as (server, address), watching(address, reader) as watcher:
        server.should_exit = True
        with pytest.raises(AssertionError, match="has ended"):
            await watcher.message()


async def test_the_log_does_not_grow_for_ever(services: Services) -> None:
    log = RedisEventLog(services.stores.redis)
    for number in range(200):
        log.announce(Happening(subject=Subject.TASK, id=f"{number}", status="pending"))
    await log.close()
    assert await services.stores.redis.xlen(STREAM) < LENGTH * 1.1
