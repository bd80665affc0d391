"""What each fault does to the counts and the duration of the EVE tasks.

    python -m benchmarks.eve_faults
    python -m benchmarks.eve_faults --cancel    how long a cancel takes, for each task in each kind of wait

A small universe, a fresh database and an empty Redis for every line; the first line of each task is the one without
a fault. ESI takes 10 ms to answer; delays and pace are off.
"""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import Any

from benchmarks import eve_stage
from benchmarks.eve_stage import Servers, Stage
from falcon_scheduler.eve.demo import Demo, RunningDemo, Universe, demo_server
from falcon_scheduler.eve.demo.sso import owner_hash, refresh_token
from falcon_scheduler.eve.demo.universe import FIRST_ALLIANCE, FIRST_CHARACTER, FIRST_CORPORATION

OLD = datetime.now(UTC) - timedelta(days=2)
Set = Callable[[RunningDemo], object]
UNIVERSE: dict[str, Any] = {"alliances": 200, "corporations": 400, "characters": 10_000}
STOP_420 = {"X-ESI-Error-Limit-Remain": "0", "X-ESI-Error-Limit-Reset": "5"}


@dataclass(frozen=True)
class Case:
    """One line of the table."""

    fault: str
    task: str
    switch: Set = lambda running: None
    parameters: dict[str, Any] = field(default_factory=dict)
    esi: dict[str, Any] = field(default_factory=dict)
    warm: bool = False
    """Run once before, so that everything is known, and let no answer stay fresh."""


def rule(route: str, **fault: Any) -> Set:
    return lambda running: running.demo.faults.add(route, **fault)


ALLIANCES, CORPORATIONS = "alliance_bulk_import", "corporation_update"
CHARACTERS, TOKENS = "character_affiliation_update", "token_refresh"
ONE_ALLIANCE, TOKEN = "/alliances/*", "/v2/oauth/token"
CASES = (
    Case("none", ALLIANCES),
    Case("304 to everything", ALLIANCES, warm=True),
    Case(
        "2 ids answer 404", ALLIANCES, lambda r: r.demo.universe.unknown.update({FIRST_ALLIANCE, FIRST_ALLIANCE + 1})
    ),
    Case("420 once, reset 5 s", ALLIANCES, rule(ONE_ALLIANCE, status=420, times=1, headers=STOP_420)),
    Case("429 once, Retry-After 5", ALLIANCES, rule(ONE_ALLIANCE, status=429, times=1, headers={"Retry-After": "5"})),
    Case("429 once, no headers", ALLIANCES, rule(ONE_ALLIANCE, status=429, times=1)),
    Case("429, no headers, 30 s left", ALLIANCES, rule(ONE_ALLIANCE, status=429, times=1), {"timeout": "30s"}),
    Case("503 five times", ALLIANCES, rule(ONE_ALLIANCE, status=503, times=5)),
    Case("500 three times running", ALLIANCES, rule(ONE_ALLIANCE, status=500, times=3)),
    Case("every answer 100 ms late", ALLIANCES, rule(ONE_ALLIANCE, kind="slow", seconds=0.1)),
    Case("5 connections cut", ALLIANCES, rule(ONE_ALLIANCE, kind="cut", times=5)),
    Case("3 answers of another shape", ALLIANCES, rule(ONE_ALLIANCE, kind="garbage", times=3)),
    Case("downtime (503 pages)", ALLIANCES, rule("*", kind="page", status=503)),
    Case("none, old shape", CORPORATIONS),
    Case("none, new shape", CORPORATIONS, esi={"compatibility_date": date(2026, 7, 21)}),
    Case("3 ids answer 404", CORPORATIONS, lambda r: r.demo.universe.unknown.update(range(98_000_001, 98_000_004))),
    Case("downtime after 100", CORPORATIONS, lambda r: _later(r, 100)),
    Case("none", CHARACTERS),
    Case("1 bad id", CHARACTERS, lambda r: setattr(r.demo.universe, "characters", 9_999)),
    Case("5 bad ids in a row", CHARACTERS, lambda r: setattr(r.demo.universe, "characters", 9_995)),
    Case("100 deleted characters", CHARACTERS, lambda r: r.demo.universe.deleted_characters.update(_every(100))),
    Case("one batch fails (500)", CHARACTERS, rule("/characters/*", status=500, times=3), {"parallel_workers": 1}),
    Case("downtime", CHARACTERS, rule("*", kind="page", status=503)),
    Case("none, tokens rotate", TOKENS),
    Case("tokens do not rotate", TOKENS, lambda r: setattr(r.demo.sso, "rotate", False)),
    Case("10 revoked", TOKENS, lambda r: r.demo.sso.revoked.update(range(FIRST_CHARACTER, FIRST_CHARACTER + 10))),
    Case("we are refused (401)", TOKENS, lambda r: setattr(r.demo.sso, "client_error", (401, "invalid_client"))),
    Case("503 to ten", TOKENS, rule(TOKEN, status=503, times=10)),
    Case("downtime", TOKENS, rule("*", kind="page", status=503)),
)


def _every(step: int) -> range:
    return range(FIRST_CHARACTER, FIRST_CHARACTER + UNIVERSE["characters"], step)


def _later(running: RunningDemo, after: int) -> None:
    """Downtime begins after so many answers."""
    faults = running.demo.faults
    faults.add("/corporations/*", kind="slow", seconds=0.0, times=after)
    faults.add("*", kind="page", status=503)


async def fill(stage: Stage, name: str) -> None:
    """Everything two days old, and 200 logins that are due."""
    universe = Universe(**UNIVERSE)
    async with stage.database(name) as database:
        known = ({**(universe.affiliation(one) or {}), "updated_at": OLD} for one in _every(1))
        await _insert(database["characters"].insert_many, list(known))
        corporations = range(FIRST_CORPORATION, FIRST_CORPORATION + UNIVERSE["corporations"])
        await database["corporations"].insert_many({"corporation_id": one, "created_at": OLD} for one in corporations)
        await database["user_profiles"].insert_many(
            {
                "character_id": one,
                "character_owner_hash": owner_hash(one),
                "refresh_token": refresh_token(one),
                "token_expiry": datetime.now(UTC) + timedelta(seconds=60),
                "valid": True,
            }
            for one in range(FIRST_CHARACTER, FIRST_CHARACTER + 200)
        )


async def _insert(insert_many: Callable[..., Awaitable[object]], documents: list[dict[str, Any]]) -> None:
    for start in range(0, len(documents), 1000):
        await insert_many(documents[start : start + 1000], ordered=False)


async def run(case: Case, number: int, servers: Servers) -> None:
    demo = Demo(universe=Universe(**UNIVERSE, moved_share=0.1), latency_seconds=0.01)
    async with demo_server(demo) as running:
        stage = Stage(Servers(servers.mongo_port, servers.redis_port, running.base_url), case.esi)
        name = f"faults_{number}"
        async with stage.redis() as redis:
            await redis.flushdb()
        await fill(stage, name)
        if case.warm:
            demo.faults.cache_seconds = 0
            await stage.run(case.task, name, parameters(case))
        case.switch(running)
        measured = await stage.run(case.task, name, parameters(case))
    cost = measured.summary()
    outcome = "completed" if measured.result.success else "failed"
    print(f"{case.task} | {case.fault} | {outcome} | {cost['seconds']} s | {cost['requests']} | {cost['writes']} | "
          f"{cost['output']} | {cost['error']}", flush=True)  # fmt: skip


def parameters(case: Case) -> dict[str, Any]:
    delay = {"delay_between_requests": "0s"} if case.task in (ALLIANCES, CORPORATIONS) else {}
    return delay | case.parameters


STUCK: dict[str, dict[str, Any]] = {
    "slow answers": {"kind": "slow", "seconds": 25.0},
    "a stop of 50 s after 420": {"status": 420, "headers": STOP_420 | {"X-ESI-Error-Limit-Reset": "50"}},
    "a stop of 50 s after 429": {"status": 429, "headers": {"Retry-After": "50"}},
    "the wait before another try": {"status": 503},
}


async def cancel(task: str, wait: str, number: int, servers: Servers) -> None:
    demo = Demo(universe=Universe(**UNIVERSE, moved_share=0.1))
    async with demo_server(demo) as running:
        stage = Stage(Servers(servers.mongo_port, servers.redis_port, running.base_url))
        async with stage.redis() as redis:
            await redis.flushdb()
        await fill(stage, f"cancel_{number}")
        for route in (ONE_ALLIANCE, "/corporations/*", "/characters/*", TOKEN):
            demo.faults.add(route, **STUCK[wait])
        run = asyncio.create_task(stage.run(task, f"cancel_{number}", parameters(Case("", task))))
        await asyncio.sleep(3)
        began = time.monotonic()
        run.cancel()
        await asyncio.wait({run})
        print(f"{task} | {wait} | cancelled: {run.cancelled()} | {time.monotonic() - began:.2f} s", flush=True)


async def cancels() -> None:
    async with eve_stage.servers(demo=False) as servers:
        for number, (task, wait) in enumerate(
            (task, wait)
            for task in (TOKENS, CHARACTERS, ALLIANCES, CORPORATIONS)
            for wait in STUCK
            if task != TOKENS or wait == "slow answers"  # SSO is not waited for: its errors end the one refresh
        ):
            await cancel(task, wait, number, servers)


async def main() -> None:
    print("task | fault | outcome | duration | ESI requests | writes | counts | error")
    async with eve_stage.servers(demo=False) as servers:
        for number, case in enumerate(CASES):
            await run(case, number, servers)


if __name__ == "__main__":
    asyncio.run(cancels() if "--cancel" in sys.argv else main())
