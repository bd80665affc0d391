"""Calls that are made again: which failures are worth another try, and how long the pauses between tries are."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Awaitable, Callable, Iterable, Iterator
from datetime import timedelta
from typing import TypeVar

T = TypeVar("T")


async def retried(
    call: Callable[[], Awaitable[T]], *, on: tuple[type[Exception], ...], pauses: Iterable[timedelta]
) -> T:
    """What the call returns, made again after each of the pauses while it raises one of `on`.

    Raises:
        Exception: what the call raised at last when the pauses are used up, and at once what is none of `on`.
    """
    following = iter(pauses)
    while True:
        try:
            return await call()
        except on:
            pause = next(following, None)
            if pause is None:
                raise
        await asyncio.sleep(pause.total_seconds())


def doubling(first: timedelta, longest: timedelta) -> Iterator[timedelta]:
    """Pauses without end, each twice as long as the one before, and none longer than `longest`."""
    pause = first
    while True:
        yield pause
        pause = min(pause * 2, longest)


def within(patience: timedelta, pauses: Iterable[timedelta]) -> Iterator[timedelta]:
    """The pauses that begin before the patience ends, which is counted from the first call that failed."""
    ends_at = time.monotonic() + patience.total_seconds()
    for pause in pauses:
        if time.monotonic() >= ends_at:
            return
        yield pause


def spread(longest: timedelta, tries: int) -> Iterator[timedelta]:
    """Random pauses between so many tries, up to `longest` and growing.

    Without them two writers that collide once would collide again at each try.
    """
    for number in range(1, tries):
        yield longest * number * random.random()  # noqa: S311 - spread, not secrecy
