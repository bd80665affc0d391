"""Caches answers for a while; concurrent callers of the same key share one search.

For how long is a policy: `briefly` keeps each answer for the same time; `refreshed` does too, and finds a new one in
the background before that time ends; `if_costly` keeps only what took long, and refreshes it in the background.
Independent of what the answers are about.
"""

from __future__ import annotations

import asyncio
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Hashable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Generic, TypeVar

from falcon_scheduler.core.pace import rest_after

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")

CHEAP = timedelta(milliseconds=50)
"""`if_costly` does not keep an answer that was found in less."""
OLDEST = timedelta(seconds=60)
"""No answer that `if_costly` keeps is older than this. After a longer pause a caller waits for a new one."""


@dataclass(frozen=True, slots=True)
class Keeping:
    """How long an answer is kept, counted from when it was found."""

    fresh_for: timedelta
    """It is returned without a search."""
    usable_for: timedelta
    """It is given out for so long, and after `fresh_for` the first who gets it has a new one found behind it."""


Policy = Callable[[V, timedelta], Keeping | None]
"""Decides by an answer and what it cost to find; None keeps nothing."""


def briefly(ttl: timedelta) -> Policy[Any]:
    """Each answer for `ttl`. With zero only callers during the search share it."""
    keeping = Keeping(ttl, ttl) if ttl else None
    return lambda _, __: keeping


def refreshed(fresh_for: timedelta, usable_for: timedelta) -> Policy[Any]:
    """Each answer for `usable_for`; after `fresh_for` a caller still gets it, and a new one is found behind it."""
    keeping = Keeping(fresh_for, usable_for)
    return lambda _, __: keeping


def if_costly(worth_keeping: Callable[[V], bool]) -> Policy[V]:
    """What took long to find and is worth keeping; finding it takes at most a tenth of the time."""

    def policy(value: V, cost: timedelta) -> Keeping | None:
        if cost <= CHEAP or not worth_keeping(value):
            return None
        return Keeping(min(rest_after(cost), OLDEST / 2 - cost), OLDEST - cost)

    return policy


@dataclass(frozen=True, slots=True)
class _Kept(Generic[V]):
    value: V
    fresh_until: float
    usable_until: float


class AnswerCache(Generic[K, V]):
    """Answers by key, the `capacity` latest of them. Errors are not kept."""

    def __init__(self, find: Callable[[K], Awaitable[V]], keep: Policy[V], *, capacity: int = 10_000) -> None:
        """`find` finds an answer; `keep` decides how long it is kept."""
        self._find = find
        self._keep = keep
        self._capacity = capacity
        self._kept: OrderedDict[K, _Kept[V]] = OrderedDict()
        self._searches: dict[K, asyncio.Task[V]] = {}
        self._generation = 0

    async def get(self, key: K) -> V:
        """The answer. Raises what the search raises."""
        kept, now = self._kept.get(key), time.monotonic()
        if kept is not None and now < kept.usable_until:
            if now >= kept.fresh_until:
                self._search(key)
            return kept.value
        return await asyncio.shield(self._search(key))  # a cancelled caller must not cancel the search of the others

    def forget(self) -> None:
        """Keep nothing of what was found until now, or is being found."""
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
        began_at = time.monotonic()
        value = await self._find(key)
        found_at = time.monotonic()
        if generation == self._generation:
            self._kept.pop(key, None)
            keeping = self._keep(value, timedelta(seconds=found_at - began_at))
            if keeping is not None:
                fresh, usable = keeping.fresh_for.total_seconds(), keeping.usable_for.total_seconds()
                self._kept[key] = _Kept(value, found_at + fresh, found_at + usable)
                while len(self._kept) > self._capacity:
                    self._kept.popitem(last=False)
        return value

    def _end(self, key: K, done: asyncio.Task[V]) -> None:
        if self._searches.get(key) is done:
            del self._searches[key]
        if not done.cancelled():
            done.exception()  # else asyncio logs "exception was never retrieved" when no caller waits
