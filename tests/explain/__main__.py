"""`python -m tests.explain --timings 10`: every cause at random moments; exit code 1 if one is named wrong."""

from __future__ import annotations

import argparse
import asyncio
import os
import random
import sys
import tempfile
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx

from falcon_scheduler.adapters.settings import Settings
from falcon_scheduler.api_facade.auth.mint import Bearer, mint_token
from falcon_scheduler.api_facade.composition.root import open_services
from tests.chaos.stand import Stand
from tests.conftest import Scheduler
from tests.explain.bench import AT_ONCE, Bench
from tests.explain.causes import ALONE, TOGETHER
from tests.faults.conftest import OWN, SECRET, environment

LATEST = timedelta(seconds=6)
"""Something happens to a task before it is due."""


def say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


async def main(timings: int, seed: int, home: Path) -> int:
    """Returns how many causes were named wrong."""
    chance, wrong = random.Random(seed), 0
    with environment(OWN):
        settings = Settings.load()
    stand = Stand(home)
    stand.environment.update(OWN)
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
                bench = Bench(stand=stand, shop=Scheduler(services), api=api, folder=home)
                for timing in range(timings):
                    bench.delay = LATEST * chance.random()
                    wrong += await _round(bench, timing)
    say(f"{timings * (len(TOGETHER) + len(ALONE))} injections with seed {seed}: {wrong} named wrong")
    return wrong


async def _round(bench: Bench, timing: int) -> int:
    """Every cause once."""
    wrong = 0

    at_once = asyncio.Semaphore(AT_ONCE)

    async def one(name: str) -> None:
        async with at_once:
            await bench.is_named(await TOGETHER[name](bench))

    results = await asyncio.gather(*map(one, TOGETHER), return_exceptions=True)
    for name, result in zip(TOGETHER, results, strict=True):
        wrong += _report(timing, name, result)
    for name, inject in ALONE.items():
        try:
            await inject(bench)
        except Exception as error:  # noqa: BLE001 - the others are injected all the same
            wrong += _report(timing, name, error)
        else:
            _report(timing, name, None)
    return wrong


def _report(timing: int, name: str, error: object) -> int:
    say(f"{timing + 1}. {name}: {'named right' if error is None else error}")
    return error is not None


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--timings", type=int, default=1)
    parser.add_argument("--seed", type=int, default=int.from_bytes(os.urandom(3)))
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        sys.exit(1 if asyncio.run(main(given.timings, given.seed, Path(folder))) else 0)
