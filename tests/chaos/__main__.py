"""`python -m tests.chaos --minutes 5 --seed 1`: prints seed, faults and violations; exit code 1 if there are any."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import os
import random
import signal
import statistics
import sys
import tempfile
import time
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

from prefect.context import refresh_global_settings_context

from falcon_scheduler.adapters.settings import Settings
from falcon_scheduler.api_facade.auth.mint import Bearer, mint_token
from falcon_scheduler.api_facade.composition.services import Services, open_services
from falcon_scheduler.core.errors import SchedulerError
from tests.chaos.checks import REQUESTS, Evidence, Findings, check, gather, overlaps
from tests.chaos.faults import Fault, Injector, plan
from tests.chaos.stand import Stand
from tests.chaos.watching import Watch
from tests.chaos.workload import Users, wanted_tasks, web_server

SECRET = "a secret of the chaos run alone, at least 32 bytes"


async def main(minutes: float, seed: int, tasks: int, home: Path, workers: int) -> int:
    """Returns the number of violations."""
    this = asyncio.current_task()
    if this is not None:  # so that what was started is ended too
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, this.cancel)
    work = home / "work"
    work.mkdir(parents=True, exist_ok=True)
    os.environ.update(
        {
            "SCHEDULER_PLUGINS": "tests.chaos.work",
            "SCHEDULER_HTTP_ALLOW": "127.0.0.0/8",
            "SCHEDULER_CANCEL_GRACE": "3s",
            "SCHEDULER_WORKER_COUNT": "6",
            "JWT_SECRET": SECRET,
        }
    )
    length = timedelta(minutes=minutes)
    faults = plan(seed, length, (5, 20))
    say(f"seed {seed}, {minutes:g} minutes, {len(faults)} faults, {tasks} tasks, {workers} workers, home {home}")
    stand = Stand(home, workers)
    async with stand.running(Settings.load()), web_server(work / REQUESTS) as web:
        os.environ.update(stand.environment)
        refresh_global_settings_context()
        async with open_services(Settings.load()) as services:
            findings = await _run(stand, services, work, web, seed, length, tasks)
    _report(findings)
    return len(findings.violations)


async def _run(
    stand: Stand, services: Services, work: Path, web: str, seed: int, length: timedelta, tasks: int
) -> Findings:
    bearer = Bearer("chaos", 1, "Chaos", is_super_admin=True)
    token = mint_token(SECRET, bearer, issued_at=datetime.now(UTC), ttl=length + timedelta(hours=2))
    prefect = (stand.environment["PREFECT_API_URL"], stand.environment["PREFECT_API_AUTH_STRING"])
    users = Users(stand.facade_urls(), token, *prefect, seed)
    ids = await users.create(wanted_tasks(work, web, seed, tasks))
    watch = Watch(services, ids.values())
    injector = Injector(stand, work, watch.holder_pid)
    began_at = datetime.now(UTC)
    at_side = [asyncio.create_task(each) for each in (stand.tend(), watch.run(), users.use([*ids.values()], 2))]
    await _inject(injector, plan(seed, length, (5, 20)), length)
    at_side[2].cancel()
    await users.switch([*ids.values()], "stop")
    ended_at = datetime.now(UTC)
    settled = await _settle(services)
    await asyncio.sleep(20)
    for task in at_side:
        task.cancel()
    await asyncio.gather(*at_side, return_exceptions=True)
    evidence = await gather(services, [*ids.values()], work, began_at, ended_at)
    findings = await check(services, evidence, watch.terminal)
    findings.figures |= {
        "faults": dict(injector.done),
        "fault log": injector.log,
        "ends that no fault explains": [f"{at:%H:%M:%S} {name}" for at, name, _ in stand.deaths],
        "users did": dict(users.did),
        "answers": dict(users.answers),
        "seconds until all was settled": round(settled, 1),
        "takeover seconds": watch.takeovers(injector.kills),
        "seconds from a kill to agreement": _burials(injector, evidence),
    }
    return findings


async def _inject(injector: Injector, faults: Sequence[Fault], length: timedelta) -> None:
    began = time.monotonic()
    told = 0
    for fault in faults:
        await asyncio.sleep(max(0, fault.at_seconds - (time.monotonic() - began)))
        if time.monotonic() - began > length.total_seconds():
            break
        await injector.inject(fault)
        say(injector.log[-1])
        for overlap in overlaps(injector.work)[told:]:
            say(f"so far: {overlap}")
            told += 1
    await asyncio.sleep(max(0, length.total_seconds() - (time.monotonic() - began)))


async def _settle(services: Services) -> float:
    """Wait until nothing is at work; returns how long that took. Long patience: the checks report what is left."""
    began = time.monotonic()
    quiet = 0
    while quiet < 3 and time.monotonic() - began < 240:
        await asyncio.sleep(1)
        with contextlib.suppress(SchedulerError):
            busy = await services.stores.executions.unfinished()
            at_work = [run async for runs in services.engine.runs.at_work() for run in runs]
            quiet = 0 if busy or at_work or await services.engine.runs.waiting() else quiet + 1
    return time.monotonic() - began


def _burials(injector: Injector, evidence: Evidence) -> dict[str, object]:
    """From a kill to the end in the history, for the runs that it killed."""
    executions = evidence.executions
    found: dict[str, list[float]] = {}
    for at, what, runs in injector.kills:
        for run in runs:
            execution = executions.get(run)
            if execution is not None and execution.completed_at is not None and execution.completed_at >= at:
                found.setdefault(what, []).append((execution.completed_at - at).total_seconds())
    return {
        what: {"runs": len(each), "median": round(statistics.median(each), 1), "longest": round(max(each), 1)}
        for what, each in found.items()
    }


def say(line: str) -> None:
    """Print at once, also through a pipe."""
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def _report(findings: Findings) -> None:
    say(json.dumps(findings.figures, indent=2, default=str))
    for violation in findings.violations:
        say(f"VIOLATION {violation}")
    say(f"{len(findings.violations)} violations")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="make chaos")
    parser.add_argument("--minutes", type=float, default=10)
    parser.add_argument("--seed", type=int, default=None)
    parser.add_argument("--tasks", type=int, default=24)
    parser.add_argument("--home", type=Path, default=None)
    parser.add_argument("--workers", type=int, choices=(1, 2), default=2)
    given = parser.parse_args()
    chosen = given.seed if given.seed is not None else random.SystemRandom().randrange(10**6)
    folder = given.home or Path(tempfile.mkdtemp(prefix="falcon-chaos-"))
    sys.exit(1 if asyncio.run(main(given.minutes, chosen, given.tasks, folder, given.workers)) else 0)
