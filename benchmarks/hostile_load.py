"""How long `/status` takes while others want to keep the API busy.

    python -m benchmarks.hostile_load [seconds [load ...]]

Starts the embedded servers and a facade as `falcon-scheduler up` does, on a home that is thrown away, without a
limit of requests, which would only hide what one request costs. `/status` is requested repeatedly, first alone, then
under each kind of load and under all of them together; the load comes from a process of its own. The last column is
the 99th percentile as a multiple of the one without load; the exit code is 1 when the last line's exceeds 10.
"""

from __future__ import annotations

import asyncio
import json
import multiprocessing
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from multiprocessing.synchronize import Event
from pathlib import Path
from typing import Any

import httpx

from falcon_scheduler.api_facade.auth.mint import Bearer, mint_token
from falcon_scheduler.deployments.stack.embedded import EmbeddedStack
from falcon_scheduler.deployments.stack.product import Facade

SECRET = "a secret of the benchmark, which is long enough"  # noqa: S105 - of a server that is thrown away
CALLERS = 4
"""Different users, each with so many requests at a time."""
AT_ONCE = 4
MOST_RATIO = 10
NEVER = "0 0 0 29 2 ?"
JSON = {"Content-Type": "application/json"}


@dataclass(frozen=True)
class Attack:
    """A request that costs as much as it can. `operator`: made by somebody who may do everything."""

    method: str
    path: str
    body: bytes = b""
    operator: bool = False


def filled(start: str, repeated: str, end: str, size: int = 2**16) -> bytes:
    """JSON of nearly this size: `start`, as many of `repeated` as fit, `end`."""
    times = (size - len(start) - len(end)) // len(repeated)
    return (start + (repeated * times).rstrip(",") + end).encode()


def large_task(name: str) -> dict[str, Any]:
    config = {"function_name": "echo", "module": "builtin", "parameters": {"values": list(range(10_000))}}
    return {"name": name, "type": "function", "schedule": NEVER, "config": config}


ATTACKS: Mapping[str, Attack] = {
    "numbers for tags": Attack("POST", "/tasks", filled('{"tags":[', "1,", "]}"), operator=True),
    "objects in a config": Attack("POST", "/tasks", filled('{"config":{"a":[', "{},", "]}}"), operator=True),
    "a long key over a list": Attack(
        "POST", "/tasks", filled(f'{{"config":{{"{"k" * 30_000}":[', "1,", "]}}"), operator=True
    ),
    "a large task whose name is taken": Attack("POST", "/tasks", json.dumps(large_task("a")).encode(), operator=True),
    "an import of 1 MiB": Attack(
        "POST", "/tasks/import", filled('{"tags":[{"x":1}],"tasks":[', '{"tags":[1,2]},', "]}", 2**20), operator=True
    ),
    "an import of 500 faulty tasks": Attack(
        "POST",
        "/tasks/import",
        json.dumps({"tasks": [{"name": "x", "schedule": "61 * * * * *"}] * 500}).encode(),
        True,
    ),
    "half numbers": Attack("POST", "/schedules/preview", filled('{"schedule":[', "1e999,", "]}")),
    "deep nesting": Attack("POST", "/schedules/preview", b"[" * 65_000),
    "one name again and again": Attack("POST", "/schedules/preview", filled("{", '"a":1,', "}")),
    "bodies of 1 MiB": Attack("POST", "/schedules/preview", b" " * 2**20),
    "a hundred rare instants": Attack(
        "POST", "/schedules/preview", json.dumps({"schedule": "59 59 23 29 2 ?", "count": 100}).encode()
    ),
    "a long schedule": Attack(
        "POST", "/schedules/preview", json.dumps({"schedule": "0 " + "1-59/2," * 130 + "1 * * * *"}).encode()
    ),
    "queries of many parts": Attack("GET", "/tasks?" + "x=1&" * 3000),
    "exports": Attack("GET", "/tasks/export"),
    "large pages": Attack("GET", "/tasks?page_size=100"),
    "the document": Attack("GET", "/openapi.json"),
}


def token(user: str, *, operator: bool) -> str:
    bearer = Bearer(user, 1, "Bench", is_super_admin=operator)
    return mint_token(SECRET, bearer, issued_at=datetime.now(UTC), ttl=timedelta(hours=1))


def attack(base: str, names: list[str], stop: Event, counted: Any) -> None:
    """A process of attackers; counts the answers."""

    async def one(client: httpx.AsyncClient, user: str, shift: int) -> None:
        number = shift
        while not stop.is_set():
            what = ATTACKS[names[number % len(names)]]
            headers = {**JSON, "Authorization": f"Bearer {token(user, operator=what.operator)}"}
            try:
                await client.request(what.method, base + what.path, content=what.body, headers=headers)
            except httpx.TransportError:
                await asyncio.sleep(0.01)
            counted.value += 1
            number += 1

    async def all_of_them() -> None:
        async with httpx.AsyncClient(timeout=120) as client:
            users = [f"attacker {number}" for number in range(CALLERS)]
            await asyncio.gather(*(one(client, user, n) for user in users for n in range(AT_ONCE)))

    asyncio.run(all_of_them())


def until(holds: Callable[[], bool]) -> None:
    while not holds():
        time.sleep(0.05)


async def ask(client: httpx.AsyncClient, url: str, seconds: float) -> list[float]:
    """How long each answer took, in milliseconds."""
    times: list[float] = []
    ends_at = time.monotonic() + seconds
    while time.monotonic() < ends_at or len(times) < 20:
        began = time.monotonic()
        answer = await client.get(url)
        times.append((time.monotonic() - began) * 1000)
        assert answer.status_code == 200, answer.text
        await asyncio.sleep(0.02)
    return times


def _at_least(counted: Any, count: int) -> bool:
    return bool(counted.value >= count)


async def measure(base: str, seconds: float, chosen: list[str]) -> float:
    spawn = multiprocessing.get_context("spawn")
    idle_p99 = ratio = 0.0
    print(f"{'load':<36}{'requests/s':>11}{'p50':>10}{'p99':>10}{'p99 / idle':>12}")
    for name, names in (("none", []), *((each, [each]) for each in chosen), ("all together", [*ATTACKS])):
        stop, counted = spawn.Event(), spawn.Value("i", 0)
        attackers = spawn.Process(target=attack, args=(base, names, stop, counted), daemon=True) if names else None
        if attackers is not None:
            attackers.start()
            await asyncio.to_thread(until, partial(_at_least, counted, 20))
        before, began = counted.value, time.monotonic()
        async with httpx.AsyncClient(timeout=120) as client:
            times = await ask(client, f"{base}/status", seconds if names else 3 * seconds)
        rate = (counted.value - before) / (time.monotonic() - began)
        stop.set()
        if attackers is not None:
            attackers.join()
        p99 = statistics.quantiles(times, n=100)[-1]
        idle_p99 = idle_p99 or p99
        ratio = p99 / idle_p99
        print(f"{name:<36}{rate:>11.0f}{statistics.median(times):>7.0f} ms{p99:>7.0f} ms{ratio:>12.1f}", flush=True)
        await asyncio.sleep(1)
    return ratio


async def main(seconds: float, chosen: list[str]) -> int:
    with tempfile.TemporaryDirectory() as home:
        os.environ.update(JWT_SECRET=SECRET, API_RATE_LIMIT="0")
        async with EmbeddedStack(Path(home), parts={"postgres", "valkey", "mongo", "prefect", "facade"}) as stack:
            facade = stack.part("facade")
            assert isinstance(facade, Facade)
            operator = {"Authorization": f"Bearer {token('operator', operator=True)}"}
            async with httpx.AsyncClient(headers=operator, timeout=60) as client:
                for number in range(100):
                    body = large_task("a") if number == 0 else {**large_task(f"task {number}"), "config": NOOP}
                    assert (await client.post(f"{facade.url}/tasks", json=body)).status_code == 201
            ratio = await measure(facade.url, seconds, chosen)
    print(f"p99 of /status under all of it: {ratio:.1f} times its idle value, at most {MOST_RATIO} are allowed")
    return int(ratio > MOST_RATIO)


NOOP = {"function_name": "noop", "module": "builtin"}

if __name__ == "__main__":
    loads = [each for each in sys.argv[2:] if each in ATTACKS] if len(sys.argv) > 2 else [*ATTACKS]
    sys.exit(asyncio.run(main(float(sys.argv[1]) if len(sys.argv) > 1 else 10.0, loads)))
