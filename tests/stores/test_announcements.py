"""What is announced at the same moment is written to Redis together, and nothing of it is lost at a close."""

from __future__ import annotations

import asyncio
import time
import uuid

from redis.asyncio import Redis

from falcon_scheduler.adapters.redis.client import open_redis
from falcon_scheduler.adapters.redis.events import FIRST, RedisEventLog
from falcon_scheduler.core.ports.events import Happening, Subject
from falcon_scheduler.deployments.stack.embedded import EmbeddedStack


def happening() -> Happening:
    return Happening(subject=Subject.TASK, id=uuid.uuid4().hex, task_id="", status="running")


async def writes(redis: Redis) -> int:
    """How often the life of the stream was extended, which each write does once."""
    commands = await redis.info("commandstats")
    return int(commands.get("cmdstat_expire", {"calls": 0})["calls"])


async def test_announcements_of_one_moment_are_written_together_and_at_once_at_a_close(
    servers: EmbeddedStack,
) -> None:
    at = servers.environment
    async with open_redis(at["REDIS_HOST"], int(at["REDIS_PORT"]), at["REDIS_PASSWORD"], 0) as redis:
        log, before = RedisEventLog(redis), await writes(redis)
        announced = [happening(), happening(), happening()]
        log.announce(announced[0])
        await asyncio.sleep(0)
        log.announce(announced[1])
        log.announce(announced[2])
        began = time.monotonic()
        await log.close()
        assert time.monotonic() - began < 1
        recorded = await anext(aiter(log.follow(FIRST)))
        assert [each.happening for each in recorded][-3:] == announced
        assert await writes(redis) - before == 1
