"""Runs long work in a thread, so that the event loop can go on answering other callers.

There is one thread for the whole process: several would compete with the loop for the interpreter lock and finish no
sooner. Small work runs at once on the loop, so that it does not wait behind somebody's long work.
"""

from __future__ import annotations

import asyncio
import contextvars
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import ParamSpec, TypeVar

MOST_AT_ONCE = 500
"""Size up to which a value is small, about a millisecond's work: values, plus one for each 16 characters of text."""
_TEXT = 16

P = ParamSpec("P")
T = TypeVar("T")

_thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="long work")


async def in_thread(work: Callable[P, T], *args: P.args, **named: P.kwargs) -> T:
    """`work(*args, **named)`, in the thread and in the caller's context."""
    job = partial(contextvars.copy_context().run, partial(work, *args, **named))
    return await asyncio.get_running_loop().run_in_executor(_thread, job)


async def aside(subject: object, work: Callable[P, T], *args: P.args, **named: P.kwargs) -> T:
    """`work(*args, **named)`: on the loop when `subject`, which the work traverses, is small, else in the thread."""
    if is_large(subject):
        return await in_thread(work, *args, **named)
    return work(*args, **named)


def is_large(subject: object) -> bool:
    """Whether plain JSON is too large to be traversed on the loop. Stops counting at the limit."""
    left, unseen = MOST_AT_ONCE, [subject]
    while unseen and left >= 0:
        value = unseen.pop()
        left -= 1
        if isinstance(value, str):
            left -= len(value) // _TEXT
        elif isinstance(value, Mapping):
            left -= len(value)
            unseen += value.values() if left >= 0 else ()
        elif isinstance(value, list | tuple):
            left -= len(value)
            unseen += value if left >= 0 else ()
    return left < 0
