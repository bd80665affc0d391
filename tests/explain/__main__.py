"""`python -m tests.explain --timings 10`: every cause at random moments; exit code 1 if one is named wrong."""

from __future__ import annotations

import argparse
import asyncio
import os
import random
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx

from falcon_scheduler.adapters.settings import Settings
from falcon_scheduler.api_facade.auth.mint import Bearer, mint_token
from falcon_scheduler.api_facade.composition.services import open_services
from tests.chaos.stand import Stand
from tests.conftest import Scheduler
from tests.explain import by_people, of_runs, of_servers, of_time
from tests.explain.bench import AT_ONCE, Bench
from tests.explain.causes import ALONE, TOGETHER, Inject
from tests.faults.conftest import OWN, SECRET, environment

LATEST = timedelta(seconds=6)
"""Something happens to a task before it is due."""
MODULES = (by_people, of_runs, of_time, of_servers)
"""Each adds its injections when it is imported."""
Results = dict[str, list[str]]
"""By the name of the injection: what went wrong at each timing, an empty text for nothing."""


def say(line: str) -> None:
    sys.stdout.write(f"{datetime.now(UTC):%H:%M:%S} {line}\n")
    sys.stdout.flush()


async def main(timings: int, seed: int, home: Path, only: Sequence[str]) -> int:
    """Returns how many causes were named wrong."""
    chance, results = random.Random(seed), defaultdict[str, list[str]](list)
    own = {**OWN, "SCHEDULER_QUEUE_SIZE": str(of_servers.QUEUE_SIZE)}
    with environment(own):
        settings = Settings.load()
    stand = Stand(home)
    stand.environment.update(own)
    token = mint_token(
        SECRET,
        Bearer("explain", 1, "Explain", is_super_admin=True),
        issued_at=datetime.now(UTC),
        ttl=timedelta(hours=12),
    )
    async with stand.running(settings):
        with environment(stand.environment):
            async with (
                open_services(Settings.load()) as services,
                httpx.AsyncClient(
                    base_url=stand.facade_urls()[0], headers={"Authorization": f"Bearer {token}"}, timeout=90
                ) as api,
            ):
                bench = Bench(servers=stand, shop=Scheduler(services), api=api, folder=home)
                for timing in range(1, timings + 1):
                    bench.delay = LATEST * chance.random()
                    say(f"timing {timing} of {timings}: {bench.delay.total_seconds():.1f} s after the task was made")
                    await _round(bench, results, only)
    return _report(bench, results, seed)


async def _round(bench: Bench, results: Results, only: Sequence[str]) -> None:
    """Every cause once."""
    at_once = asyncio.Semaphore(AT_ONCE)

    async def one(name: str, inject: Inject) -> None:
        async with at_once:
            await _injected(bench, results, name, inject)

    await asyncio.gather(*(one(name, inject) for name, inject in _wanted(TOGETHER, only)))
    for name, inject in _wanted(ALONE, only):
        await _injected(bench, results, name, inject)


def _wanted(injections: dict[str, Inject], only: Sequence[str]) -> list[tuple[str, Inject]]:
    return [(name, inject) for name, inject in injections.items() if not only or any(each in name for each in only)]


async def _injected(bench: Bench, results: Results, name: str, inject: Inject) -> None:
    began_at, wrong, attempts = time.monotonic(), "", 1
    try:
        attempts = await bench.named(inject)
    except Exception as error:  # noqa: BLE001 - the others are injected all the same
        wrong = str(error) or type(error).__name__
    results[name].append(wrong)
    say(f"{name}: {wrong or 'named right'} ({time.monotonic() - began_at:.0f} s, attempt {attempts})")


def _report(bench: Bench, results: Results, seed: int) -> int:
    say("| injection | named right |")
    for name, each in results.items():
        say(f"| {name} | {each.count('')} of {len(each)} |")
    wrong = sum(each != "" for injection in results.values() for each in injection)
    say(
        f"{len(results)} kinds of injection, {sum(map(len, results.values()))} injections with seed {seed}: "
        f"{len(bench.right)} answers with {len({*bench.right})} causes were right, {wrong} were wrong"
    )
    return wrong


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--timings", type=int, default=1)
    parser.add_argument("--seed", type=int, default=int.from_bytes(os.urandom(3)))
    parser.add_argument("--only", action="append", default=[], help="a part of an injection's name")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        sys.exit(1 if asyncio.run(main(given.timings, given.seed, Path(folder), given.only)) else 0)
