"""The event log as one Redis stream, bounded in length. Writers never wait for it."""

from __future__ import annotations

import asyncio
import json
import logging
from collections import deque
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import suppress
from datetime import timedelta
from typing import Any

from redis.asyncio import Redis

from falcon_scheduler.adapters.redis.errors import translated
from falcon_scheduler.core.errors import Unavailable
from falcon_scheduler.core.ports.events import Happening, Recorded, Subject

logger = logging.getLogger(__name__)

STREAM = "scheduler:events"
KEPT_FOR = timedelta(days=1)
"""After the last event. Everything that the service keeps in Redis goes by itself."""
LENGTH = 20_000
"""Entries kept, about; some minutes of a busy installation. A client that was away for longer reads anew."""
MOST_WAITING = 10_000
"""Happenings that wait to be written, while Redis is slow; the oldest give way."""
GATHERED_SECONDS = 0.02
"""How long an announcement waits for others. A run's claim of its task and its begin are written together then, and
so are its end and the count of it."""
AT_ONCE = 500
BLOCK_MS = 1000
"""Below the patience of the client with an answer (`adapters.redis.client`)."""
FIRST = "0-0"
PARTING_SECONDS = 1.0
"""What a process that ends gives its last announcements."""


class RedisEventLog:
    """See `core.ports.events.EventLog` and `Announcer`."""

    def __init__(self, redis: Redis) -> None:
        self._redis = redis
        self._waiting: deque[Happening] = deque(maxlen=MOST_WAITING)
        self._writing: asyncio.Task[None] | None = None
        self._closing = asyncio.Event()

    def announce(self, happening: Happening) -> None:
        self._waiting.append(happening)
        if self._writing is None or self._writing.done():
            self._writing = asyncio.get_running_loop().create_task(self._write())

    async def close(self) -> None:
        """Write what waits, for a moment."""
        self._closing.set()
        if self._writing is not None:
            with suppress(TimeoutError):
                await asyncio.wait_for(self._writing, PARTING_SECONDS)

    async def _write(self) -> None:
        try:
            while self._waiting:
                await self._gather()
                some = [self._waiting.popleft() for _ in range(min(len(self._waiting), AT_ONCE))]
                with translated():
                    async with self._redis.pipeline(transaction=False) as pipeline:
                        for each in some:
                            pipeline.xadd(STREAM, _fields(each), maxlen=LENGTH, approximate=True)
                        pipeline.expire(STREAM, KEPT_FOR)
                        await pipeline.execute()
        except Unavailable:
            self._waiting.clear()  # who watches learns of it when it reads the log and can't
            logger.debug("Redis is away; the changes are not announced")

    async def _gather(self) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(GATHERED_SECONDS):
                await self._closing.wait()

    async def newest(self) -> str:
        with translated():
            entries: Any = await self._redis.xrevrange(STREAM, count=1)
        return str(entries[0][0]) if entries else FIRST

    async def after(self, position: str) -> Sequence[Recorded] | None:
        with translated():
            oldest: Any = await self._redis.xrange(STREAM, count=1)
            if not oldest or order_of(oldest[0][0]) > order_of(position):
                return None if position != FIRST or oldest else []
            entries: Any = await self._redis.xrange(STREAM, min=f"({position}")
        return _recorded(entries)

    async def follow(self, position: str) -> AsyncIterator[Sequence[Recorded]]:
        while True:
            with translated():
                answer = await self._redis.xread({STREAM: position}, count=AT_ONCE, block=BLOCK_MS)
            for entries in _entries_of(answer):
                if entries:
                    position = entries[-1][0]
                    yield _recorded(entries)


def order_of(position: str) -> tuple[int, int]:
    """What positions are compared by. Raises `ValueError` for what is none."""
    time, _, number = position.partition("-")
    return int(time), int(number or 0)


def _entries_of(answer: Any) -> Sequence[Any]:
    """The entries of each stream in an answer, whose shape depends on the version of the protocol."""
    if isinstance(answer, Mapping):
        return [entries for batches in answer.values() for entries in batches]
    return [entries for _, entries in answer or ()]


def _fields(happening: Happening) -> dict[Any, Any]:
    values = [str(happening.subject), happening.id, happening.task_id, happening.status, happening.removed]
    return {"h": json.dumps(values, separators=(",", ":"))}


def _recorded(entries: Sequence[Any]) -> list[Recorded]:
    found = []
    for position, fields in entries:
        with suppress(KeyError, ValueError, TypeError):  # of another version: it can't be shown, and is only a hint
            subject, own_id, task_id, status, removed = json.loads(fields["h"])
            happening = Happening(
                subject=Subject(subject), id=own_id, task_id=task_id, status=status, removed=bool(removed)
            )
            found.append(Recorded(position, happening))
    return found
