"""Long work goes on in a thread while the loop answers others; short work is done at once."""

from __future__ import annotations

import asyncio
import threading
from contextvars import ContextVar
from typing import Any

import pytest

from falcon_scheduler.api_facade.heavy import MOST_JOBS, HeavyWork
from falcon_scheduler.api_facade.rates import TooManyRequests
from falcon_scheduler.core.aside import aside, in_thread, is_large

present: ContextVar[str] = ContextVar("present", default="")


@pytest.mark.parametrize(
    ("subject", "large"),
    [
        ({}, False),
        ({"url": "https://api.example.com/health", "headers": {"X-Team": "ops"}, "timeout": "30s"}, False),
        (list(range(10_000)), True),
        ({"deep": [[{"list": list(range(600))}]]}, True),
        ([{"a": 1}] * 300, True),
        ("x" * 100_000, True),
        ([{"text": "x" * 1000}] * 10, True),
        (None, False),
    ],
)
def test_size_is_what_takes_long_to_go_through(subject: Any, large: bool) -> None:
    assert is_large(subject) is large


async def test_long_work_leaves_the_loop_free_and_keeps_the_context() -> None:
    present.set("the request's")
    answered = threading.Event()

    def work() -> tuple[str, str]:
        assert answered.wait(60), "the loop went on meanwhile"
        return threading.current_thread().name, present.get()

    working = asyncio.create_task(aside("x" * 100_000, work))
    await asyncio.sleep(0)
    answered.set()
    thread, context = await working
    assert (thread != threading.current_thread().name, context) == (True, "the request's")


async def test_short_work_waits_behind_nobodys_long_work() -> None:
    over = threading.Event()
    long_work = asyncio.create_task(in_thread(over.wait, 60))
    await asyncio.sleep(0)
    assert await aside({"small": 1}, threading.current_thread) is threading.current_thread()
    over.set()
    assert await long_work


async def test_each_caller_has_one_job_in_the_thread_at_a_time_and_a_bound_of_those_that_wait() -> None:
    heavy, over = HeavyWork(), threading.Event()
    order: list[str] = []
    eager = [asyncio.create_task(heavy.do("eager", over.wait, 60)) for _ in range(MOST_JOBS)]
    await asyncio.sleep(0)
    with pytest.raises(TooManyRequests):
        await heavy.do("eager", order.append, "too much")
    other = asyncio.create_task(heavy.do("other", order.append, "other"))
    eager[0].add_done_callback(lambda _: order.append("first"))
    eager[1].add_done_callback(lambda _: order.append("second"))
    await asyncio.sleep(0)
    over.set()
    await asyncio.gather(*eager, other)
    assert order.index("other") < order.index("second")
    await heavy.do("eager", order.append, "again")
    assert order[-1] == "again"
