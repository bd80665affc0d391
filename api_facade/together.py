"""Runs things side by side and ends them for certain."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Coroutine
from typing import Any

ASKED_AGAIN_AFTER_SECONDS = 0.5


async def together(*parts: Coroutine[Any, Any, None]) -> None:
    """Until all have ended, one has failed, or we are cancelled; whatever is left then is ended.

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


async def end(tasks: Collection[asyncio.Task[Any]]) -> None:
    """Cancel, and cancel again what went on.

    A cancel gets lost when it meets the end of a wait: `asyncio.wait_for` of Python 3.11 drops it then, and so a
    process that was frozen, in which everything is overdue at once, may never hear that it is to stop.
    (`asyncio.TaskGroup` asks once and waits for ever.) Who cancels this waits until all have ended.
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
