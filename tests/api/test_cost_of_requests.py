"""What an execute, a create and a delete send to Prefect, MongoDB and Redis, counted on the real servers.

Only what the request itself waits for is counted: the background duties work beside it on the same connections, but
in contexts of their own.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextvars import ContextVar
from typing import Any

import httpx
import pytest
from prefect.client.base import PrefectHttpxAsyncClient
from pymongo.asynchronous.pool import AsyncConnection
from redis.asyncio.connection import AbstractConnection

from tests.conftest import NEVER

Sent = Counter[str]
_counted: ContextVar[Sent | None] = ContextVar("what the request under test has sent", default=None)


@pytest.fixture
def sent(monkeypatch: pytest.MonkeyPatch) -> Iterator[Sent]:
    """Counts what this test sends to each server, by the name of the server."""
    for owner, method, server in (
        (PrefectHttpxAsyncClient, "send", "Prefect"),
        (AsyncConnection, "receive_message", "MongoDB"),
        (AbstractConnection, "send_packed_command", "Redis"),
    ):
        monkeypatch.setattr(owner, method, counting(getattr(owner, method), server))
    counter: Sent = Counter()
    token = _counted.set(counter)
    yield counter
    _counted.reset(token)


def counting(send: Callable[..., Any], server: str) -> Callable[..., Any]:
    async def counted(owner: Any, *given: Any, **named: Any) -> Any:
        counter = _counted.get()
        if counter is not None and not (is_behind(given) or is_upkeep(owner, given)):
            counter[server] += 1
        return await send(owner, *given, **named)

    return counted


def is_behind(given: Sequence[Any]) -> bool:
    """Whether it is about the workers: they are looked for behind an answer, in the context of its request."""
    return bool(given) and isinstance(given[0], httpx.Request) and "/work_pools/" in given[0].url.path


def is_upkeep(connection: Any, given: Sequence[Any]) -> bool:
    """Whether it opens a connection or checks one: how often depends on what else uses the pool."""
    if isinstance(connection, AsyncConnection):
        return not connection.ready
    if isinstance(connection, AbstractConnection):
        return any(word in b"".join(given[0]) for word in (b"PING", b"AUTH", b"HELLO", b"CLIENT", b"SELECT"))
    return False


@pytest.mark.slow
async def test_an_execute_sends_two_requests_to_prefect_at_most_and_few_to_the_stores(
    make: Callable[..., Any], admin: httpx.AsyncClient, sent: Sent
) -> None:
    task = await make()
    costs: list[Sent] = []
    for _ in range(10):
        sent.clear()
        (await admin.post(f"/tasks/{task['id']}/execute")).raise_for_status()
        costs.append(Counter(sent))
    assert all(1 <= cost["Prefect"] <= 2 for cost in costs), costs
    assert all(1 <= cost["MongoDB"] <= 6 for cost in costs), costs
    assert all(1 <= cost["Redis"] <= 5 for cost in costs), costs


@pytest.mark.slow
async def test_a_create_sends_one_request_to_prefect_and_deletes_of_tasks_that_never_ran_share_three(
    number: Callable[[], int], admin: httpx.AsyncClient, sent: Sent
) -> None:
    """The first task of a type makes the flow of that type too: it is not counted."""
    body = {"type": "http", "schedule": NEVER, "config": {"url": "https://example.com"}}
    for _ in range(2):
        sent.clear()
        created = (await admin.post("/tasks", json=body | {"name": f"cost {number()}"})).raise_for_status().json()
    assert sent["Prefect"] == 1, sent
    assert sent["MongoDB"] <= 6, sent
    assert sent["Redis"] <= 3, sent
    sent.clear()
    (await admin.delete(f"/tasks/{created['id']}")).raise_for_status()
    assert sent["Prefect"] == 3, sent
    assert sent["MongoDB"] <= 8, sent
    assert sent["Redis"] <= 3, sent
    many = [body | {"name": f"cost {number()}"} for _ in range(20)]
    imported = (await admin.post("/tasks/import", json={"tasks": many})).raise_for_status().json()
    ids = [each["id"] for each in imported["imported_tasks"]]
    sent.clear()
    done = (await admin.post("/tasks/bulk", json={"task_ids": ids, "operation": "delete"})).raise_for_status().json()
    assert done["success_count"] == 20, done
    assert sent["Prefect"] <= 9, sent  # one alone, those that came while it was sent, and late ones
