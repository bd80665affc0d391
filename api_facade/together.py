"""Runs coroutines side by side and ends them reliably."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Coroutine
from typing import Any, TypeVar

from starlette.requests import ClientDisconnect, Request

ASKED_AGAIN_AFTER_SECONDS = 0.5

T = TypeVar("T")


async def together(*parts: Coroutine[Any, Any, None]) -> None:
    """Run until all have ended, one has failed, or the caller is cancelled; end the rest then.

    Raises:
        Exception: what a part raised.
    """
    tasks = [asyncio.create_task(part) for part in parts]
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_EXCEPTION)
    finally:
        await end(tasks)
    for task in tasks:
        if not task.cancelled():
            task.result()


async def unless_gone(request: Request, work: Coroutine[Any, Any, T]) -> T:
    """The result of the work, which ends early when the caller has closed the connection.

    Raises:
        ClientDisconnect: it has.
        Exception: what the work raises.
    """
    task = asyncio.create_task(work)
    try:
        while not task.done():
            await asyncio.wait({task}, timeout=ASKED_AGAIN_AFTER_SECONDS)
            if not task.done() and await request.is_disconnected():
                raise ClientDisconnect
        return task.result()
    finally:
        await end([task])


async def end(tasks: Collection[asyncio.Task[Any]]) -> None:
    """Cancel, and cancel again what went on.

    A cancellation is lost when it coincides with the end of a wait: `asyncio.wait_for` of Python 3.11 drops it
    (python/cpython 86296). In a process that was frozen every timeout is due at once, so it may miss its
    cancellation. (`asyncio.TaskGroup` cancels once and then waits forever.) Whoever cancels this coroutine waits
    until all have ended.
    """
    cancelled = False
    while left := {task for task in tasks if not task.done()}:
        for task in left:
            task.cancel()
        try:
            await asyncio.wait(left, timeout=ASKED_AGAIN_AFTER_SECONDS)
        except asyncio.CancelledError:
            cancelled = True
    if cancelled:
        raise asyncio.CancelledError
