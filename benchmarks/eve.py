"""What the EVE tasks cost on a large universe: wall time, requests, peak memory, database writes.

    python -m benchmarks.eve --characters 1000000 --alliances 4000 --corporations 20000

Three runs of each: the first; the second at once (nothing changed, all still fresh); the third as if an hour had
passed (nothing changed, ESI has to be asked). Every run is a process of its own, so that its peak memory is its own.
Delays and pace are off, since they would hide the cost; the pace of 20 requests a second comes on top of it.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
import time
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx

from benchmarks import eve_stage
from benchmarks.eve_stage import Servers, Stage
from falcon_scheduler.eve.demo import Universe
from falcon_scheduler.eve.demo.universe import FIRST_CHARACTER, FIRST_CORPORATION

DATABASE = "benchmark"
NO_DELAY = {"delay_between_requests": "0s"}
TASKS: dict[str, dict[str, Any]] = {
    "alliance_bulk_import": NO_DELAY | {"timeout": "2h", "batch_size": 100},
    "corporation_update": NO_DELAY | {"timeout": "2h"},
    "character_affiliation_update": {"timeout": "2h"},
}


async def fill(stage: Stage, universe: Universe) -> None:
    """Characters as in ESI, corporations with ids only, all two days old."""
    old = datetime.now(UTC) - timedelta(days=2)
    async with stage.database(DATABASE) as database:
        for name, key, first, number in (
            ("corporations", "corporation_id", FIRST_CORPORATION, universe.corporations),
            ("characters", "character_id", FIRST_CHARACTER, universe.characters),
        ):
            collection = database[name]
            await collection.create_index(key, unique=True)
            if name == "characters":
                await collection.create_index("updated_at")
            for start in range(0, number, 1000):
                documents = []
                for index in range(start, min(number, start + 1000)):
                    known = (universe.affiliation(first + index) or {}) if name == "characters" else {}
                    documents.append({**known, key: first + index, "created_at": old, "updated_at": old})
                await collection.insert_many(documents, ordered=False)


async def expire(stage: Stage) -> None:
    """An hour passes: no cached answer is fresh any more; their ETags stay."""
    async with stage.redis() as redis:
        async for key in redis.scan_iter("esi:answer:*", count=1000):
            kept = json.loads(await redis.get(key) or "{}")
            await redis.set(key, json.dumps(kept | {"expires_at": 0}), keepttl=True)


async def measure(servers: Servers, task_name: str, parameters: dict[str, Any]) -> dict[str, Any]:
    """One run in a process of its own."""
    order = json.dumps({"servers": vars(servers), "task": task_name, "parameters": parameters})
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "benchmarks.eve", "--one", order, stdout=asyncio.subprocess.PIPE
    )
    output, _ = await process.communicate()
    summary: dict[str, Any] = json.loads(output)
    return summary


async def one(order: str) -> None:
    """The inside of `measure`."""
    given = json.loads(order)
    measured = await Stage(Servers(**given["servers"])).run(given["task"], DATABASE, given["parameters"])
    print(json.dumps(measured.summary()))


async def main(arguments: argparse.Namespace) -> None:
    universe = Universe(arguments.alliances, arguments.corporations, arguments.characters)
    sizes = [f"--{name}={getattr(universe, name)}" for name in ("alliances", "corporations", "characters")]
    async with eve_stage.servers(*sizes) as servers:
        stage, began = Stage(servers), time.monotonic()
        await fill(stage, universe)
        print(f"filled in {time.monotonic() - began:.0f} s", flush=True)
        change = {"moved_share": arguments.moved}
        async with httpx.AsyncClient() as client:
            await client.post(f"{servers.esi_address}/_demo/universe", json=change)
        for task_name in arguments.tasks.split(","):
            parameters = TASKS[task_name]
            show(task_name, "first", await measure(servers, task_name, parameters))
            show(task_name, "second, at once", await measure(servers, task_name, parameters))
            await expire(stage)
            if task_name == "character_affiliation_update":
                parameters = parameters | {"max_age": "0s"}
            show(task_name, "third, an hour later", await measure(servers, task_name, parameters))


def show(task_name: str, which: str, summary: dict[str, Any]) -> None:
    print(
        f"{task_name:<29} {which:<21} {summary['seconds']:>8.1f} s {summary['requests']:>6} requests "
        f"{summary['peak_mib']:>5} MiB {summary['write_commands']:>6} write commands {summary['writes']:>8} writes | "
        f"{summary['output']} {summary['error']} {summary['esi']}",
        flush=True,
    )


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--characters", type=int, default=20_000)
    parser.add_argument("--alliances", type=int, default=200)
    parser.add_argument("--corporations", type=int, default=500)
    parser.add_argument("--moved", type=float, default=0.1, help="share of characters that changed corporation")
    parser.add_argument("--tasks", default=",".join(TASKS))
    parser.add_argument("--one", help=argparse.SUPPRESS)
    given = parser.parse_args()
    asyncio.run(one(given.one) if given.one else main(given))
