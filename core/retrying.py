"""Calls that are made again: which failures are worth another try, and how long the pauses between tries are."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Awaitable, Callable, Iterable, Iterator
from datetime import timedelta
from typing import TypeVar

T = TypeVar("T")


def _is_never_final(_: Exception) -> bool:
    return False


def _report_nothing(_: Exception) -> None:
    pass


async def retried(
    call: Callable[[], Awaitable[T]],
    *,
    on: tuple[type[Exception], ...],
    pauses: Iterable[timedelta],
    unless: Callable[[Exception], bool] = _is_never_final,
    report: Callable[[Exception], None] = _report_nothing,
) -> T:
    """What the call returns, made again after each of the pauses while it raises one of `on`.

    Args:
        call: makes the call.
        on: the failures after which another try may succeed.
        pauses: one before each further try; there is one more try than pauses.
        unless: whether a failure among `on` is final all the same, as the refusal among a server's errors is.
        report: receives each failure among `on` that is not final, also the one after which no pause is left.

    Raises:
        Exception: what the call raised at last when the pauses are used up; at once what is none of `on`, or final.
    """
    following = iter(pauses)
    while True:
        try:
            return await call()
        except on as error:
            pause = _pause_after(error, following, unless, report)
            if pause is None:
                raise
        await asyncio.sleep(pause.total_seconds())


def retried_blocking(
    call: Callable[[], T],
    *,
    on: tuple[type[Exception], ...],
    pauses: Iterable[timedelta],
    unless: Callable[[Exception], bool] = _is_never_final,
    report: Callable[[Exception], None] = _report_nothing,
) -> T:
    """See `retried`. For a call that is no coroutine: it blocks its thread during the pauses."""
    following = iter(pauses)
    while True:
        try:
            return call()
        except on as error:
            pause = _pause_after(error, following, unless, report)
            if pause is None:
                raise
        time.sleep(pause.total_seconds())


def _pause_after(
    error: Exception,
    following: Iterator[timedelta],
    unless: Callable[[Exception], bool],
    report: Callable[[Exception], None],
) -> timedelta | None:
    """The pause before the next try, or `None` when none follows."""
    if unless(error):
        return None
    report(error)
    return next(following, None)


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
