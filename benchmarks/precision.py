"""How late scheduled runs begin: ten tasks, one of them due each second, for ten minutes.

    python -m benchmarks.precision                # ten minutes
    python -m benchmarks.precision --minutes 2
    python -m benchmarks.precision --every 5      # each task every five seconds: two runs a second

Lateness is the instant at which a run is Running, by the server's clock, less the instant that its schedule names.
"""

from __future__ import annotations

import argparse
import asyncio
import logging
from collections import Counter
from datetime import UTC, datetime, timedelta
from uuid import UUID

from prefect.client.schemas.actions import DeploymentScheduleCreate
from prefect.client.schemas.filters import (
    DeploymentFilter,
    DeploymentFilterId,
    FlowRunFilter,
    FlowRunFilterStartTime,
)
from prefect.client.schemas.objects import FlowRun
from prefect.client.schemas.schedules import IntervalSchedule

from benchmarks.worker_stage import Pool, at_work, load, machine, percentile, set_stage

TASKS = 10
SETTLING = timedelta(seconds=15)
"""The server plans ahead first; instants that were due in this time are not counted."""
SLOTS = 10
BOUNDS_MS = (50, 100, 200, 300, 500, 1000, 2000, 5000)


async def measure(pool: Pool, minutes: float, every_seconds: int) -> tuple[list[float], int, int]:
    """Let the schedules run. Returns how late each run was, how many never began, and how many began early."""
    began_at = datetime.now(UTC).replace(microsecond=0) + timedelta(seconds=2)
    deployments = [await _schedule(pool, began_at, number, every_seconds) for number in range(TASKS)]
    counted_from = began_at + SETTLING
    counted_to = counted_from + timedelta(minutes=minutes)
    await asyncio.sleep((counted_to - datetime.now(UTC)).total_seconds() + 10)
    runs = await _runs(pool, deployments)
    lateness = [
        (run.start_time - run.expected_start_time).total_seconds()
        for run in runs
        if run.start_time is not None
        and run.expected_start_time is not None
        and counted_from <= run.expected_start_time < counted_to
    ]
    due = int(minutes * 60) * TASKS // every_seconds
    return lateness, due - len(lateness), sum(late < 0 for late in lateness)


async def _schedule(pool: Pool, began_at: datetime, number: int, every_seconds: int) -> UUID:
    anchor = began_at + timedelta(seconds=number * every_seconds / TASKS)
    schedule = IntervalSchedule(interval=timedelta(seconds=every_seconds), anchor_date=anchor)
    return await pool.deploy("nothing", schedules=[DeploymentScheduleCreate(schedule=schedule, active=True)])


async def _runs(pool: Pool, deployments: list[UUID]) -> list[FlowRun]:
    found: list[FlowRun] = []
    started = FlowRunFilter(start_time=FlowRunFilterStartTime(is_null_=False))
    for deployment in deployments:
        chosen = DeploymentFilter(id=DeploymentFilterId(any_=[deployment]))
        offset = 0
        while page := await pool.stage.client.read_flow_runs(
            flow_run_filter=started, deployment_filter=chosen, limit=200, offset=offset
        ):
            found += page
            offset += len(page)
    return found


def report(lateness: list[float], missing: int, early: int) -> None:
    """Print the distribution."""
    print(f"  {len(lateness)} runs began, {missing} that were due did not, {early} began early")
    for share in (50, 90, 95, 99, 100):
        print(f"  p{share:<4} {percentile(lateness, share) * 1000:7.0f} ms")
    bins = Counter(next((bound for bound in BOUNDS_MS if late * 1000 <= bound), 0) for late in lateness)
    for bound in (*BOUNDS_MS, 0):
        if bins[bound]:
            label = f"up to {bound} ms" if bound else f"over {BOUNDS_MS[-1]} ms"
            print(f"  {label:<14} {bins[bound]:5}  {'#' * max(1, 60 * bins[bound] // len(lateness))}")


async def main(minutes: float, every_seconds: int) -> None:
    """Measure and print."""
    print(machine())
    print(load())
    print(f"{TASKS} tasks, each every {every_seconds} s, evenly apart, for {minutes:g} minutes, {SLOTS} slots")
    async with set_stage({"postgres", "prefect"}) as stage:
        pool = await stage.pool("warm-process")
        async with at_work(pool, SLOTS):
            report(*await measure(pool, minutes, every_seconds))
    print(load())


if __name__ == "__main__":
    logging.getLogger("httpx").setLevel(logging.WARNING)
    parser = argparse.ArgumentParser(description="How late scheduled runs begin.")
    parser.add_argument("--minutes", type=float, default=10)
    parser.add_argument("--every", type=int, default=10, help="seconds between two runs of a task")
    chosen = parser.parse_args()
    asyncio.run(main(chosen.minutes, chosen.every))
