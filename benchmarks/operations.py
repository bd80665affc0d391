"""Counts what the servers beside Prefect were asked: commands of Redis, operations of MongoDB."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

import redis.asyncio
from pymongo import AsyncMongoClient

OWN_COMMANDS = 2
"""What counting itself sends to Redis: the greeting of a connection, and the question."""


async def operations(environment: Mapping[str, str]) -> Counter[str]:
    """So far, by server."""
    counted: Counter[str] = Counter()
    password = environment.get("REDIS_PASSWORD") or None
    async with redis.asyncio.Redis(port=int(environment["REDIS_PORT"]), password=password) as client:
        counted["Redis"] = int((await client.info("stats"))["total_commands_processed"]) - OWN_COMMANDS
    mongo: AsyncMongoClient[dict[str, object]]
    async with AsyncMongoClient(environment["MONGODB_URI"], serverMonitoringMode="poll") as mongo:
        status = await mongo.admin.command("serverStatus")
    counts = status["opcounters"]
    counted["MongoDB"] = sum(int(counts.get(kind, 0)) for kind in ("insert", "query", "update", "delete", "getmore"))
    return counted
