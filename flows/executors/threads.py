"""Runs a plain function beside the event loop, and sees to it that an abandoned one does no harm.

A thread can't be stopped from outside. A function that asks `context.cancelled()` ends by itself; one that does not
is left behind, and then (1) it can't keep the process alive, since the thread is a daemon, and (2) no second attempt
of the same task starts beside it.
"""

from __future__ import annotations

import asyncio
import contextlib
import contextvars
import threading
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import cast

from falcon_scheduler.core.domain.work import Progress, TaskResult, WorkContext

GRACE = timedelta(seconds=2)
"""How long a cancelled function is waited for. Shorter than the grace after which a worker kills the process."""


@dataclass(eq=False, slots=True)
class _Call:
    thread: threading.Thread
    abandoned: threading.Event


class Threads:
    """Runs functions, each in a thread of its own."""

    def __init__(self) -> None:
        self._left_behind: dict[str, threading.Thread] = {}

    async def run(self, function: Callable[[WorkContext], object], context: WorkContext) -> object:
        """What the function returned (or a failure, when the task's previous attempt is still at work).

        The function's context tells it of the cancellation, and has a `progress` that is called without `await`.

        Raises:
            Whatever the function raises; `asyncio.CancelledError` after the grace.
        """
        previous = self._left_behind.get(context.task_id)
        if previous is not None and previous.is_alive():
            return TaskResult(
                success=False,
                error="The previous attempt is still at work: it does not ask whether it was cancelled",
                retryable=False,
            )
        ended: asyncio.Future[object] = asyncio.get_running_loop().create_future()
        call = self._start(function, context, ended)
        try:
            return await asyncio.shield(ended)
        except asyncio.CancelledError:
            call.abandoned.set()
            await self._wait_for_end(ended, call, context)
            raise

    def _start(
        self, function: Callable[[WorkContext], object], context: WorkContext, ended: asyncio.Future[object]
    ) -> _Call:
        abandoned = threading.Event()
        inner = replace(
            context,
            cancelled=lambda: abandoned.is_set() or context.cancelled(),
            progress=_progress_from_thread(context.progress),
        )
        variables = contextvars.copy_context()
        loop = asyncio.get_running_loop()

        def work() -> None:
            try:
                value, error = variables.run(function, inner), None
            except BaseException as raised:  # noqa: BLE001 - it is raised again where the function was called from
                value, error = None, raised
            with contextlib.suppress(RuntimeError):  # the loop is closed: nobody waits for the end any more
                loop.call_soon_threadsafe(_tell, ended, value, error)

        thread = threading.Thread(target=work, name=f"task-{context.task_id}", daemon=True)
        thread.start()
        return _Call(thread, abandoned)

    async def _wait_for_end(self, ended: asyncio.Future[object], call: _Call, context: WorkContext) -> None:
        await asyncio.wait([ended], timeout=GRACE.total_seconds())
        if call.thread.is_alive() and not ended.done():
            self._left_behind[context.task_id] = call.thread
            context.log.warning("The function goes on after its cancellation; it ends with the process")
        elif ended.done() and not ended.cancelled():
            ended.exception()  # looked at, so that asyncio does not complain of it


def _tell(ended: asyncio.Future[object], value: object, error: BaseException | None) -> None:
    if ended.done():
        return
    if isinstance(error, Exception):
        ended.set_exception(error)
    elif error is not None:  # SystemExit and the like must not end the whole process from a thread
        ended.set_exception(RuntimeError(f"The function raised {type(error).__name__}"))
    else:
        ended.set_result(value)


def _progress_from_thread(progress: Progress) -> Progress:
    loop = asyncio.get_running_loop()

    def tell(done: int, total: int | None = None, text: str = "") -> None:
        told = cast("Awaitable[None]", progress(done, total, text))
        asyncio.run_coroutine_threadsafe(_awaited(told), loop).result(timeout=10)

    return cast("Progress", tell)


async def _awaited(value: Awaitable[None]) -> None:
    await value
