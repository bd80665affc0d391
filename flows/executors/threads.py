"""Runs a plain function in a thread, and limits the harm of one that does not stop.

A thread can't be stopped from outside. A function that checks `context.cancelled()` ends itself. One that does not is
abandoned. Then (1) it can't keep the process alive, since the thread is a daemon, and (2) no second attempt of the
same task starts beside it.
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
"""How long to wait for a cancelled function. Shorter than the grace after which a worker kills the process."""


@dataclass(eq=False, slots=True)
class _Call:
    thread: threading.Thread
    abandoned: threading.Event


class Threads:
    """Runs functions, each in its own thread."""

    def __init__(self) -> None:
        self._left_behind: dict[str, threading.Thread] = {}

    async def run(self, function: Callable[[WorkContext], object], context: WorkContext) -> object:
        """The function's return value (or a failure, when the task's previous attempt is still running).

        The function's context reports the cancellation, and has a `progress` that is called without `await`.

        Raises:
            Every exception of the function; `asyncio.CancelledError` after the grace.
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
            except BaseException as raised:  # noqa: BLE001 - it is raised again in the caller
                value, error = None, raised
            with contextlib.suppress(RuntimeError):  # the loop is closed: nobody waits for the result any more
                loop.call_soon_threadsafe(_settle, ended, value, error)

        thread = threading.Thread(target=work, name=f"task-{context.task_id}", daemon=True)
        thread.start()
        return _Call(thread, abandoned)

    async def _wait_for_end(self, ended: asyncio.Future[object], call: _Call, context: WorkContext) -> None:
        await asyncio.wait([ended], timeout=GRACE.total_seconds())
        if call.thread.is_alive() and not ended.done():
            self._left_behind[context.task_id] = call.thread
            context.log.warning("The function goes on after its cancellation; it ends with the process")
        elif ended.done() and not ended.cancelled():
            ended.exception()  # read, so that asyncio does not log it as never retrieved


def _settle(ended: asyncio.Future[object], value: object, error: BaseException | None) -> None:
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

    def report(done: int, total: int | None = None, text: str = "") -> None:
        reported = cast("Awaitable[None]", progress(done, total, text))
        asyncio.run_coroutine_threadsafe(_awaited(reported), loop).result(timeout=10)

    return cast("Progress", report)


async def _awaited(value: Awaitable[None]) -> None:
    await value
