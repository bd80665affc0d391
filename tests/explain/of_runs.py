"""What becomes of a run: it ends well or badly, its process dies, another run is in its way."""

from __future__ import annotations

import os
import signal
from datetime import timedelta

from falcon_scheduler.core.domain.explanation import Cause
from falcon_scheduler.core.domain.task_definition import Overlap
from tests.explain.bench import Asked, Bench
from tests.explain.causes import together
from tests.running.test_runs import from_tests


@together
async def nothing_happens(bench: Bench) -> Asked:
    task, at = await bench.due()
    return await bench.in_time(task, at)


@together
async def an_address_that_nobody_serves(bench: Bench) -> Asked:
    config = {"url": "http://127.0.0.1:9/", "method": "GET", "timeout": "2s"}
    task, at = await bench.due(type="http", config=config, max_retries=0)
    await bench.served(task, at)
    return Asked(task=task, at=at, cause=Cause.FAILED)


@together
async def an_attempt_that_failed(bench: Bench) -> Asked:
    config = from_tests("failing", file=str(bench.diary()))
    task, at = await bench.due(config=config, max_retries=3, retry_interval=timedelta(minutes=30))
    await bench.serving(task, at)
    await bench.is_named(Asked(task=task, at=at, cause=Cause.RETRYING))
    await bench.post(task, "stop")
    await bench.served(task, at)
    return Asked(task=task, at=at, cause=Cause.CANCELLED)


@together
async def a_timeout(bench: Bench) -> Asked:
    task, at = await bench.due(config=bench.long(), timeout=timedelta(seconds=30), max_retries=0)
    await bench.served(task, at)
    return Asked(task=task, at=at, cause=Cause.TIMED_OUT)


@together
async def a_kill(bench: Bench) -> Asked:
    file = bench.diary()
    task, at = await bench.due(config=bench.long(file))
    pid = await bench.process(file)
    await bench.moment()
    os.kill(pid, signal.SIGKILL)
    await bench.served(task, at)
    return Asked(task=task, at=at, cause=Cause.KILLED)


@together
async def a_process_that_exits(bench: Bench) -> Asked:
    task, at = await bench.due(config=from_tests("dying", how="exit"), max_retries=0)
    await bench.served(task, at)
    return Asked(task=task, at=at, cause=Cause.CRASHED)


@together
async def a_frozen_process(bench: Bench) -> Asked:
    file = bench.diary()
    task, at = await bench.due(config=bench.long(file))
    pid = await bench.process(file)
    await bench.serving(task, at, running=True)
    await bench.moment()
    os.kill(pid, signal.SIGSTOP)
    try:
        await bench.served(task, at)
    finally:
        os.kill(pid, signal.SIGCONT)
    return Asked(task=task, at=at, cause=Cause.LOST)


@together
async def a_run_before_it(bench: Bench) -> Asked:
    task, at = await bench.due(config=bench.long())
    front = await bench.in_front(task)
    bench.in_advance(at)
    assert (await bench.served(task, at)).is_skipped
    await bench.post(task, "stop")
    await bench.shop.ended(front.id)
    return Asked(task=task, at=at, cause=Cause.OVERLAP)


@together
async def a_run_that_replaces_it(bench: Bench) -> Asked:
    file = bench.diary()
    task, at = await bench.due(config=bench.long(file), overlap=Overlap.CANCEL_RUNNING)
    await bench.process(file)
    first = await bench.serving(task, at, running=True)
    await bench.moment()
    await bench.in_front(task)
    await bench.shop.ended(first.id)
    await bench.post(task, "stop")
    return Asked(task=task, execution_id=first.id, cause=Cause.REPLACED)


@together
async def a_run_that_goes_first(bench: Bench) -> Asked:
    task, at = await bench.due(config=bench.long(), overlap=Overlap.QUEUE)
    await bench.in_front(task)
    bench.in_advance(at)
    await bench.until(at, 2)
    await bench.is_named(Asked(task=task, at=at, cause=Cause.BEHIND))
    await bench.post(task, "stop")
    await bench.served(task, at)
    return Asked(task=task, at=at, cause=Cause.CANCELLED)
