"""Keeps an answer for a short while, and asks once when many want it at the same time."""

from __future__ import annotations

import asyncio
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Hashable
from datetime import timedelta
from typing import Generic, TypeVar

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")


class BriefCache(Generic[K, V]):
    """Answers by key, each kept for `ttl`, the `capacity` latest of them. Errors are not kept.

    With a `ttl` of zero nothing is kept, but those who ask while a question is being answered share the answer.
    """

    def __init__(self, load: Callable[[K], Awaitable[V]], *, ttl: timedelta, capacity: int = 10_000) -> None:
        self._load = load
        self._ttl_seconds = ttl.total_seconds()
        self._capacity = capacity
        self._kept: OrderedDict[K, tuple[float, V]] = OrderedDict()
        self._asked: dict[K, asyncio.Task[V]] = {}

    async def get(self, key: K) -> V:
        """The answer, at most `ttl` old. Raises what the loading raises."""
        if (kept := self._kept.get(key)) is not None and time.monotonic() < kept[0]:
            return kept[1]
        asked = self._asked.get(key)
        if asked is None:
            asked = self._asked[key] = asyncio.create_task(self._ask(key))
            asked.add_done_callback(lambda done: self._forget(key, done))
        return await asyncio.shield(asked)  # one who goes away takes nobody's answer along

    async def _ask(self, key: K) -> V:
        value = await self._load(key)
        if self._ttl_seconds:
            self._kept[key] = (time.monotonic() + self._ttl_seconds, value)
            self._kept.move_to_end(key)
            while len(self._kept) > self._capacity:
                self._kept.popitem(last=False)
        return value

    def _forget(self, key: K, done: asyncio.Task[V]) -> None:
        self._asked.pop(key, None)
        if not done.cancelled():
            done.exception()  # told to those who wait; with nobody waiting it is no surprise either
