"""How the ESI client handles ESI: both limit regimes, retries, waits that end, Redis away."""

from __future__ import annotations

import asyncio
import logging
import time
from datetime import UTC, date, datetime, timedelta

import pytest
from redis.asyncio import Redis

from falcon_scheduler.eve.demo.universe import FIRST_ALLIANCE
from falcon_scheduler.eve.domain.errors import EsiUnavailable
from falcon_scheduler.eve.esi.gateway import EsiAccess, open_esi
from tests.eve.universe_bench import AGENT, Bench, Lines


def log_of(bench: Bench) -> logging.Logger:
    log = logging.getLogger(f"esi-test-{id(bench)}")
    log.handlers = [Lines(bench.told)]
    log.propagate = False
    return log


async def test_a_420_stops_all_runs_until_the_window_ends(bench: Bench) -> None:
    """Two runs that share a Redis, as two workers do: the one that sees no 420 waits too."""
    bench.faults.error_window_seconds = 3
    bench.faults.error_limit = 12
    bench.faults.cache_seconds = 0
    bench.faults.add("/alliances/*", status=404, times=5)
    await bench.add_characters(90_000_001)

    first = asyncio.create_task(bench.run("alliance_bulk_import", failure_threshold=1))
    await bench.asked(4)
    stopped_at = time.monotonic()
    second = await bench.run("character_affiliation_update")
    waited = time.monotonic() - stopped_at
    result = await first

    assert second.success
    assert second.detail["esi"]["waited_seconds"] > 0
    assert waited > 1
    assert result.success
    assert result.detail["failed"] == 5
    assert bench.requests(" 420") <= 1, "few errors left is a stop already"


async def test_a_420_out_of_the_blue_is_waited_out_and_the_request_repeated(bench: Bench) -> None:
    bench.faults.add(
        "/alliances/*",
        status=420,
        times=1,
        headers={"X-ESI-Error-Limit-Remain": "0", "X-ESI-Error-Limit-Reset": "1"},
    )

    result = await bench.run("alliance_bulk_import")

    assert result.output == "Processed 20 alliances: 20 created, 0 updated, 0 skipped, 0 failed"
    assert result.detail["esi"]["waited_seconds"] >= 1.5
    assert result.detail["esi"]["status_420"] == 1


async def test_a_429_stops_its_group_alone(bench: Bench) -> None:
    bench.faults.add(
        "/alliances/*", status=429, times=1, headers={"Retry-After": "2", "X-Ratelimit-Group": "alliances"}
    )
    await bench.add_characters(90_000_001)

    began = time.monotonic()
    importing = asyncio.create_task(bench.run("alliance_bulk_import"))
    await bench.asked(2)
    other = await bench.run("character_affiliation_update")
    result = await importing

    assert other.detail["esi"]["waited_seconds"] == 0
    assert time.monotonic() - began >= 2
    assert result.detail["created"] == 20


async def test_a_429_without_headers_is_waited_out_for_a_minute_or_not_at_all(bench: Bench) -> None:
    bench.faults.add("/alliances/*", status=429, times=1)

    began = time.monotonic()
    result = await bench.run("alliance_bulk_import", timeout="20s", parallel_workers=1)

    assert not result.success
    assert "outlast the run" in result.error
    assert result.detail["failed"] == 0, "what was not asked has not failed"
    assert result.retry_after is not None
    assert result.retry_after >= timedelta(seconds=50)
    assert time.monotonic() - began < 15, "a wait that cannot help is not begun"


async def test_a_nearly_empty_bucket_slows_its_group_down(bench: Bench) -> None:
    access = EsiAccess(
        base_url=bench.running.base_url,
        user_agent=AGENT,
        compatibility_date=date(2025, 12, 16),
        requests_per_second=1000,
    )
    deadline_at = datetime.now(UTC) + timedelta(seconds=30)
    bench.demo.spent["status"] = 595
    async with open_esi(access, bench.redis, deadline_at, log_of(bench)) as esi:
        await esi._client.get("/status", "/status")
        assert await bench.redis.pttl("esi:{limits}:stop:status") > 1000  # type: ignore[union-attr]


@pytest.mark.parametrize("status", [500, 502, 503, 504])
async def test_errors_of_esis_own_are_tried_again(bench: Bench, status: int) -> None:
    bench.faults.add("/alliances/*", status=status, times=2)

    result = await bench.run("alliance_bulk_import")

    assert result.detail["created"] == 20
    assert result.detail["esi"]["retries"] == 2


@pytest.mark.parametrize("kind", ["cut", "page"])
async def test_cut_connections_and_pages_are_tried_again(bench: Bench, kind: str) -> None:
    bench.faults.add("/alliances/*", kind=kind, status=200, times=1)

    result = await bench.run("alliance_bulk_import")

    assert result.detail["created"] == 20
    assert result.detail["esi"]["retries"] == 1


async def test_what_is_refused_for_good_is_not_tried_again(bench: Bench) -> None:
    bench.demo.universe.unknown = {FIRST_ALLIANCE}

    await bench.run("alliance_bulk_import")

    assert bench.requests("404") == 1


async def test_a_slow_esi_is_given_up_and_tried_again(bench: Bench) -> None:
    access = EsiAccess(
        base_url=bench.running.base_url,
        user_agent=AGENT,
        compatibility_date=date(2025, 12, 16),
        requests_per_second=1000,
        request_seconds=0.5,
    )
    bench.faults.add("/alliances/*", kind="slow", seconds=3, times=1)
    deadline_at = datetime.now(UTC) + timedelta(seconds=30)
    async with open_esi(access, bench.redis, deadline_at, log_of(bench)) as esi:
        answer = await esi.alliance(FIRST_ALLIANCE + 1)
        assert answer.entity.fields["name"]
        assert esi.statistics()["timeouts"] == 1


async def test_a_forbidden_client_stops_for_good(bench: Bench) -> None:
    bench.faults.add("*", status=403)

    result = await bench.run("alliance_bulk_import")

    assert not result.success
    assert not result.retryable
    assert bench.demo.requests.total() == 1


async def test_downtime_fails_the_task_and_reports_it(bench: Bench) -> None:
    bench.faults.add("*", kind="page", status=503)

    result = await bench.run("alliance_bulk_import")

    assert not result.success
    assert result.retryable
    assert "ESI is not available: it answered 503" in result.error


async def test_one_pace_holds_over_all_runs(bench: Bench) -> None:
    bench.esi["requests_per_second"] = 20
    bench.demo.universe.alliances = 20
    await bench.add_corporations(*range(98_000_001, 98_000_021))
    began = time.monotonic()

    await asyncio.gather(bench.run("alliance_bulk_import"), bench.run("corporation_update"))

    assert bench.demo.requests.total() == 41
    assert time.monotonic() - began >= (41 - 4 - 1) / 20


async def test_the_time_limit_ends_the_work_and_what_was_done_stays(bench: Bench) -> None:
    bench.faults.add("/alliances/*", kind="slow", seconds=0, times=12)
    bench.faults.add("/alliances/*", kind="slow", seconds=60)

    result = await bench.run("alliance_bulk_import", timeout="5s", batch_size=2)

    assert not result.success
    assert result.error == "Not finished within 5s; what was done stays"
    assert 0 < result.detail["created"] <= 12
    assert await bench.database["alliances"].count_documents({}) == result.detail["created"]


async def test_without_redis_the_tasks_run_with_a_warning(bench: Bench) -> None:
    bench.redis = None

    result = await bench.run("alliance_bulk_import")

    assert result.detail["created"] == 20
    assert any("Redis is away" in line for line in bench.told.lines)


async def test_a_redis_that_goes_away_is_not_missed(bench: Bench) -> None:
    bench.redis = Redis(port=1, socket_connect_timeout=1, retry_on_error=[])

    result = await bench.run("alliance_bulk_import")

    assert result.detail["created"] == 20
    assert sum("Redis is away" in line for line in bench.told.lines) == 2, "once for limits, once for the cache"


@pytest.mark.parametrize(
    "agent", [None, "falcon-scheduler/1.0", "App/1.2.3 (mail@example.com; +https://github.com/repo/name)"]
)
async def test_esi_is_not_asked_without_saying_who_asks(bench: Bench, agent: str | None) -> None:
    bench.esi["user_agent"] = agent

    result = await bench.run("corporation_update")

    assert not result.success
    assert not result.retryable
    assert "ESI_USER_AGENT" in result.error
    assert bench.demo.requests.total() == 0


async def test_a_compatibility_date_of_tomorrow_is_refused_before_esi_does(bench: Bench) -> None:
    bench.esi["compatibility_date"] = (datetime.now(UTC) + timedelta(days=1)).date()

    result = await bench.run("corporation_update")

    assert "ESI_COMPATIBILITY_DATE" in result.error


async def test_bisection_waits_while_errors_are_few(bench: Bench) -> None:
    bench.faults.error_limit = 24
    bench.faults.error_window_seconds = 2
    await bench.add_characters(*range(90_000_001, 90_000_065), 90_009_999)

    result = await bench.run("character_affiliation_update")

    assert (result.detail["updated"], result.detail["failed"]) == (64, 1)
    assert result.detail["esi"]["waited_seconds"] > 1
    assert bench.requests(" 420") == 0


async def test_an_outage_is_distinguished_from_a_refusal() -> None:
    error = EsiUnavailable("it answered 503", timedelta(seconds=9))
    assert str(error) == "ESI is not available: it answered 503"
    assert error.retry_after == timedelta(seconds=9)
