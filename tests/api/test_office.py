"""The leader's office, on a Valkey server that goes away and comes back."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import timedelta

import pytest
import pytest_asyncio
from redis.asyncio import Redis

from falcon_scheduler.adapters.redis.client import open_redis
from falcon_scheduler.adapters.redis.leases import RedisLease
from falcon_scheduler.api_facade.office import OFFICE, Office, OfficeTaken
from falcon_scheduler.core.errors import Unavailable
from falcon_scheduler.deployments.stack.embedded import EmbeddedStack
from tests.conftest import wait_until

SOON = timedelta(milliseconds=20)
KEY = f"scheduler:lease:{OFFICE}"


@dataclass
class Server:
    """A Valkey server of the test's own, and a client of it."""

    stack: EmbeddedStack
    redis: Redis

    def office(self) -> Office:
        return Office(RedisLease(self.redis), renewal=SOON)

    async def is_held(self) -> bool:
        return bool(await self.redis.exists(KEY))


@pytest_asyncio.fixture
async def server(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Server]:
    async with EmbeddedStack(tmp_path_factory.mktemp("office"), parts={"valkey"}) as stack:
        given = stack.environment
        async with open_redis(given["REDIS_HOST"], int(given["REDIS_PORT"]), given["REDIS_PASSWORD"], 0) as redis:
            yield Server(stack, redis)


class Work:
    """Work that lasts until the test lets it end."""

    def __init__(self) -> None:
        self.has_begun, self.may_end = asyncio.Event(), asyncio.Event()
        self.was_cancelled = False

    async def do(self) -> str:
        self.has_begun.set()
        try:
            await self.may_end.wait()
        except asyncio.CancelledError:
            self.was_cancelled = True
            raise
        return "done"


async def test_a_redis_that_goes_away_in_the_middle_ends_neither_the_work_nor_the_renewal(
    server: Server, caplog: pytest.LogCaptureFixture
) -> None:
    work = Work()
    with caplog.at_level(logging.WARNING):
        doing = asyncio.create_task(server.office().during(work.do()))
        await work.has_begun.wait()
        await server.stack.stop_part("valkey")

        async def is_reported() -> bool:
            return "The lease is taken again once Redis is back" in caplog.text

        await wait_until(is_reported, "the log says that Redis is away")
        await server.stack.start_part("valkey")
        await server.redis.delete(KEY)
        await wait_until(server.is_held, "the office is taken again")
        assert not await server.office().hold(), "no facade gets the office during the work"
        work.may_end.set()
        assert await doing == "done"
    assert caplog.text.count("The lease is taken again once Redis is back") == 1
    assert not await server.is_held()


async def test_work_that_ends_while_redis_is_away_keeps_its_result(server: Server) -> None:
    work = Work()
    doing = asyncio.create_task(server.office().during(work.do()))
    await work.has_begun.wait()
    await server.stack.stop_part("valkey")
    work.may_end.set()
    assert await doing == "done"


async def test_a_facade_that_gets_the_office_in_the_middle_ends_the_work(server: Server) -> None:
    work = Work()
    doing = asyncio.create_task(server.office().during(work.do()))
    await work.has_begun.wait()
    await server.redis.set(KEY, "a facade")
    with pytest.raises(OfficeTaken, match="stop it and run this again"):
        await doing
    assert work.was_cancelled
    assert await server.redis.get(KEY) == "a facade"


async def test_work_does_not_begin_while_another_process_has_the_office_or_redis_is_away(server: Server) -> None:
    """Also the same command a second time: each process has a name of its own."""
    first, refused = Work(), Work()
    doing = asyncio.create_task(server.office().during(first.do()))
    await first.has_begun.wait()
    with pytest.raises(OfficeTaken, match="stop every facade first"):
        await server.office().during(refused.do())
    first.may_end.set()
    await doing
    await server.stack.stop_part("valkey")
    with pytest.raises(Unavailable):
        await server.office().during(refused.do())
    assert not refused.has_begun.is_set()
