"""Whatever a task is waiting for, a cancel ends it at once, and nothing half done is left."""

from __future__ import annotations

import asyncio
import time
from typing import Any

import pytest

from tests.eve.universe_bench import Bench

TASKS = ("token_refresh", "character_affiliation_update", "alliance_bulk_import", "corporation_update")
PROMISED_SECONDS = 1.0
"""A cancel is over within a second; the assertion allows for a machine that is busy with other tests."""
ALLOWED_SECONDS = PROMISED_SECONDS + 2.0

WAITS: dict[str, list[dict[str, Any]]] = {
    "a slow answer": [{"kind": "slow", "seconds": 25.0}],
    "a stop after 420": [
        {"status": 420, "headers": {"X-ESI-Error-Limit-Remain": "0", "X-ESI-Error-Limit-Reset": "40"}}
    ],
    "a stop after 429": [{"status": 429, "headers": {"Retry-After": "40"}}],
    "another try": [{"status": 503}],
}


async def fill(bench: Bench) -> None:
    await bench.add_profiles(*range(90_000_001, 90_000_011))
    await bench.add_characters(*range(90_000_001, 90_000_101))
    await bench.add_corporations(*range(98_000_001, 98_000_031))


async def seconds_to_cancel(run: asyncio.Task[Any]) -> float:
    began = time.monotonic()
    run.cancel()
    await asyncio.wait({run}, timeout=120)
    assert run.cancelled()
    return time.monotonic() - began


@pytest.mark.parametrize(
    ("task_name", "wait"),
    [("token_refresh", "a slow answer"), *((task_name, wait) for task_name in TASKS[1:] for wait in WAITS)],
)
async def test_a_cancel_ends_every_wait(bench: Bench, task_name: str, wait: str) -> None:
    await fill(bench)
    for fault in WAITS[wait]:
        for route in ("/v2/oauth/token", "/characters/*", "/alliances/*", "/corporations/*"):
            bench.faults.add(route, **fault)
    run = asyncio.create_task(bench.run(task_name))
    await bench.asked(3 if task_name == "token_refresh" else 2 if task_name == "alliance_bulk_import" else 1)
    await asyncio.sleep(0.2)

    assert await seconds_to_cancel(run) < ALLOWED_SECONDS


async def test_a_cancel_ends_the_delay_between_requests(bench: Bench) -> None:
    run = asyncio.create_task(bench.run("alliance_bulk_import", delay_between_requests="30s"))
    await bench.asked()
    await asyncio.sleep(0.2)

    assert await seconds_to_cancel(run) < ALLOWED_SECONDS


async def test_what_was_fetched_before_the_cancel_is_written_whole(bench: Bench) -> None:
    bench.demo.latency_seconds = 0.05
    run = asyncio.create_task(bench.run("alliance_bulk_import", batch_size=1000))
    await bench.asked(8)

    await seconds_to_cancel(run)

    alliances = await bench.all("alliances")
    assert 5 <= len(alliances) < 20
    assert all(one["name"] and one["date_founded"] and one["created_at"] for one in alliances)


async def test_a_cancelled_refresh_can_be_done_by_the_next_run(bench: Bench) -> None:
    await fill(bench)
    bench.faults.add("/v2/oauth/token", kind="slow", seconds=0.1)
    run = asyncio.create_task(bench.run("token_refresh"))
    await bench.asked(5)  # two of them for metadata and keys

    await seconds_to_cancel(run)

    for one in range(90_000_001, 90_000_011):
        expected = bench.running.sso.generations.get(one, 0)
        assert (await bench.profile(one))["refresh_token"].endswith(f"-{expected}")
    bench.faults.rules.clear()
    assert (await bench.run("token_refresh", window="1h")).detail["success"] == 10
