"""Where functions run, and what becomes of them when they are cancelled."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Coroutine
from typing import Any, cast

import pytest

from tests.executors.bench import Bench


def of(name: str, **parameters: Any) -> dict[str, Any]:
    return {"function_name": name, "module": "tests", "parameters": parameters}


async def test_an_async_function_runs_in_the_loop_and_a_plain_one_beside_it(bench: Bench) -> None:
    threads: dict[str, bool] = {}

    @bench.registry.function(module="tests")
    async def inside() -> None:
        threads["inside"] = threading.current_thread() is threading.main_thread()

    @bench.registry.function(module="tests")
    def beside() -> None:
        threads["beside"] = threading.current_thread() is threading.main_thread()

    await bench.run("function", of("inside"))
    await bench.run("function", of("beside"))
    assert threads == {"inside": True, "beside": False}


async def test_the_context_contains_what_is_known_and_takes_progress(bench: Bench) -> None:
    @bench.registry.function(module="tests")
    def plain(n: int, context: Any) -> dict[str, Any]:
        context.progress(1, n, "half")
        return {"id": context.execution_id, "token": context.fencing_token, "attempt": context.attempt}

    @bench.registry.function(module="tests")
    async def awaited(context: Any) -> None:
        await context.progress(2)

    result = await bench.run("function", of("plain", n=2))
    assert '"token": 7' in result.output
    await bench.run("function", of("awaited"))
    assert bench.told == [(1, 2, "half"), (2, None, "")]


async def start(bench: Bench, config: dict[str, Any]) -> asyncio.Task[Any]:
    executor = bench.registry.executor_for("function")
    return asyncio.ensure_future(cast("Coroutine[Any, Any, Any]", executor.execute(bench.context(config))))


async def test_an_async_function_is_cancelled_where_it_waits(bench: Bench) -> None:
    begun, cleaned = asyncio.Event(), asyncio.Event()

    @bench.registry.function(module="tests")
    async def wait() -> None:
        begun.set()
        try:
            await asyncio.sleep(3600)
        finally:
            cleaned.set()

    running = await start(bench, of("wait"))
    await begun.wait()
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    assert cleaned.is_set()


async def test_a_plain_function_that_asks_notices_its_cancellation(bench: Bench) -> None:
    begun, heard = threading.Event(), threading.Event()

    @bench.registry.function(module="tests")
    def ask(context: Any) -> None:
        begun.set()
        while not context.cancelled():
            time.sleep(0.01)
        heard.set()

    running = await start(bench, of("ask"))
    await asyncio.to_thread(begun.wait, 30)
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    assert heard.is_set()


async def test_no_second_attempt_runs_beside_one_that_does_not_listen(bench: Bench) -> None:
    begun, stop = threading.Event(), threading.Event()
    calls: list[int] = []

    @bench.registry.function(module="tests")
    def deaf() -> None:
        calls.append(1)
        begun.set()
        stop.wait(60)

    running = await start(bench, of("deaf"))
    await asyncio.to_thread(begun.wait, 30)
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    second = await bench.run("function", of("deaf"))
    assert second.error.startswith("The previous attempt is still at work")
    assert not second.retryable
    assert any("goes on after its cancellation" in line for line in bench.logged)
    stop.set()
    while any(thread.name.startswith("task-") for thread in threading.enumerate()):  # noqa: ASYNC110 - there is no event for it
        await asyncio.sleep(0.01)
    assert (await bench.run("function", of("deaf"))).success
    assert len(calls) == 2
