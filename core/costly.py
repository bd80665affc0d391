"""A cache for answers that take long to find. It refreshes an answer in the background while it serves the old one.

Cheap answers are not cached. The module does not depend on what the answers are about.
"""

from __future__ import annotations

import asyncio
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Hashable
from dataclasses import dataclass
from datetime import timedelta
from typing import Generic, TypeVar

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")

CHEAP = timedelta(milliseconds=50)
"""An answer that was found in less time is not cached."""
REST = 10
"""An answer is refreshed after this many times as long as it took: searches use at most a tenth of the time."""
OLDEST = timedelta(seconds=60)
"""No older answer is returned: the caller waits for a new one."""
CAPACITY = 200


@dataclass(frozen=True, slots=True)
class _Kept(Generic[V]):
    value: V
    found_at: float
    cost_seconds: float

    def age(self) -> float:
        return time.monotonic() - self.found_at

    def is_rested(self) -> bool:
        return self.age() > min(REST * self.cost_seconds, OLDEST.total_seconds() / 2)


class CostlyAnswers(Generic[K, V]):
    """Answers by key. Callers that ask for the same key at the same time share one search; errors are not cached.

    Args:
        find: finds an answer.
        worth_keeping: whether an answer may be kept at all, however costly.
    """

    def __init__(self, find: Callable[[K], Awaitable[V]], worth_keeping: Callable[[V], bool]) -> None:
        self._find = find
        self._worth_keeping = worth_keeping
        self._kept: OrderedDict[K, _Kept[V]] = OrderedDict()
        self._searches: dict[K, asyncio.Task[V]] = {}
        self._generation = 0

    async def get(self, key: K) -> V:
        """The answer, at most `OLDEST` old. Raises what the search raises."""
        kept = self._kept.get(key)
        if kept is not None and kept.age() < OLDEST.total_seconds():
            if kept.is_rested():
                self._search(key)
            return kept.value
        return await asyncio.shield(self._search(key))  # a cancelled caller must not cancel the search of the others

    def forget(self) -> None:
        """Drop every answer. A search that is under way now is not cached when it ends."""
        self._generation += 1
        self._kept.clear()
        self._searches.clear()

    def _search(self, key: K) -> asyncio.Task[V]:
        search = self._searches.get(key)
        if search is None:
            search = self._searches[key] = asyncio.create_task(self._find_and_keep(key, self._generation))
            search.add_done_callback(lambda done: self._end(key, done))
        return search

    async def _find_and_keep(self, key: K, generation: int) -> V:
        began = time.monotonic()
        value = await self._find(key)
        cost_seconds = time.monotonic() - began
        if generation == self._generation:
            self._kept.pop(key, None)
            if cost_seconds > CHEAP.total_seconds() and self._worth_keeping(value):
                self._kept[key] = _Kept(value, began, cost_seconds)
                while len(self._kept) > CAPACITY:
                    self._kept.popitem(last=False)
        return value

    def _end(self, key: K, done: asyncio.Task[V]) -> None:
        if self._searches.get(key) is done:
            del self._searches[key]
        if not done.cancelled():
            done.exception()  # else asyncio logs "exception was never retrieved" when no caller waits any more
