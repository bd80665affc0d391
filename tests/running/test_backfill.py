"""Backfills on real servers: each instant runs once, in order, one at a time, and across a change of the facade."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from falcon_scheduler.core.domain.task import Task
from falcon_scheduler.core.errors import Invalid, TaskDisabled
from falcon_scheduler.core.services.mirror.owed_runs import OwedRuns
from falcon_scheduler.core.services.tasks.backfill import Backfill
from tests.conftest import ADMIN, Scheduler, wait_until

HOUR = timedelta(hours=1)
BEGIN = datetime(2026, 1, 14, tzinfo=UTC)
PATIENCE_SECONDS = 150


def stamped(file: Path) -> list[datetime]:
    """In the order in which they ran."""
    lines = file.read_text().splitlines() if file.exists() else []
    return [datetime.fromisoformat(line) for line in lines]


def hours(*numbers: int) -> list[datetime]:
    return [BEGIN + number * HOUR for number in numbers]


def backfill_of(scheduler: Scheduler) -> Backfill:
    services = scheduler.services
    stores = services.stores
    return Backfill(tasks=stores.tasks, ledger=stores.ledger, clock=stores.clock, audit=services.audit)


async def hourly(scheduler: Scheduler, file: Path, **definition: Any) -> Task:
    """A task that names every hour of a day in January, and nothing that comes while the test runs."""
    config = {"function_name": "stamping", "module": "tests", "parameters": {"file": str(file)}}
    return await scheduler.task(schedule="0 0 * 14 1 ?", config=config, **definition)


@pytest.mark.usefixtures("worker")
async def test_each_instant_of_a_backfill_runs_once_in_order_and_one_at_a_time(
    scheduler: Scheduler, tmp_path: Path
) -> None:
    backfill, file = backfill_of(scheduler), tmp_path / "backfill"
    task = await hourly(scheduler, file, start_within=timedelta(minutes=1))
    shown = await backfill.request(task.id, BEGIN, BEGIN + 4 * HOUR, ADMIN, again=False, dry_run=True)
    assert (list(shown.instants), shown.already_served) == (hours(0, 1, 2, 3), 0)
    assert (await scheduler.services.tasks.get(task.id)).owed == ()

    async def ran(count: int) -> bool:
        return len(stamped(file)) == count and not (await scheduler.services.tasks.get(task.id)).owed

    await backfill.request(task.id, BEGIN, BEGIN + 3 * HOUR, ADMIN, again=False, dry_run=False)
    repeated = await backfill.request(task.id, BEGIN, BEGIN + 3 * HOUR, ADMIN, again=False, dry_run=False)
    assert (list(repeated.instants), repeated.already_served) == ([], 3), "they are owed already"
    await wait_until(lambda: ran(3), "three runs", PATIENCE_SECONDS)
    assert stamped(file) == hours(0, 1, 2)

    async def all_ended() -> bool:
        return not (await scheduler.services.tasks.get(task.id)).record.active

    await wait_until(all_ended, "the last run has ended", PATIENCE_SECONDS)
    history = sorted(await scheduler.history(task), key=lambda each: each.started_at)
    assert [each.scheduled_for for each in history] == hours(0, 1, 2)
    for earlier, later in pairwise(history):
        assert earlier.completed_at is not None
        assert earlier.completed_at <= later.started_at

    more = await backfill.request(task.id, BEGIN, BEGIN + 4 * HOUR, ADMIN, again=False, dry_run=False)
    assert (list(more.instants), more.already_served) == (hours(3), 3), "three ran"
    await wait_until(lambda: ran(4), "the fourth run", PATIENCE_SECONDS)
    await backfill.request(task.id, BEGIN, BEGIN + HOUR, ADMIN, again=True, dry_run=False)
    await wait_until(lambda: ran(5), "the first one again", PATIENCE_SECONDS)
    assert stamped(file) == hours(0, 1, 2, 3, 0)
    settled = await scheduler.services.tasks.get(task.id)
    assert (settled.record.skipped_count, len(await scheduler.history(task))) == (0, 5)


@pytest.mark.usefixtures("worker")
async def test_a_run_that_was_started_before_the_process_died_is_not_started_again(
    scheduler: Scheduler, tmp_path: Path
) -> None:
    services, file = scheduler.services, tmp_path / "died"
    task = await hourly(scheduler, file)
    await services.tasks.pause(task.id, ADMIN)
    await backfill_of(scheduler).request(task.id, BEGIN, BEGIN + 2 * HOUR, ADMIN, again=False, dry_run=False)
    paused = await services.tasks.get(task.id)
    first = paused.owed[0]
    stores, engine = services.stores, services.engine
    await OwedRuns(
        tasks=stores.tasks, plans=engine.plans, runs=engine.runs, watermark=stores.watermark, clock=stores.clock
    ).look()
    assert [each.at for each in (await services.tasks.get(task.id)).owed] == hours(0, 1), "it is paused"
    await services.engine.plans.plan_owed(paused, first)  # and here the process dies: the run is owed still
    await services.tasks.resume(task.id, ADMIN)

    async def is_over() -> bool:
        known = await services.tasks.get(task.id)
        return not known.owed and not known.record.active and len(stamped(file)) >= 2

    await wait_until(is_over, "both ran", PATIENCE_SECONDS)
    assert stamped(file) == hours(0, 1)


async def test_what_is_owed_can_be_given_up_and_is_bounded(scheduler: Scheduler, tmp_path: Path) -> None:
    services, backfill = scheduler.services, backfill_of(scheduler)
    task = await hourly(scheduler, tmp_path / "none")
    await services.tasks.pause(task.id, ADMIN)
    await backfill.request(task.id, BEGIN, BEGIN + 5 * HOUR, ADMIN, again=False, dry_run=False)
    assert await backfill.give_up(task.id, ADMIN) == 5
    assert await backfill.give_up(task.id, ADMIN) == 0
    often = await scheduler.task(schedule="* * * * * *")
    await services.tasks.pause(often.id, ADMIN)
    with pytest.raises(Invalid):
        await backfill.request(often.id, BEGIN, BEGIN + timedelta(seconds=1001), ADMIN, again=False, dry_run=True)
    for _ in range(2):
        await backfill.request(often.id, BEGIN, BEGIN + timedelta(seconds=500), ADMIN, again=True, dry_run=False)
    with pytest.raises(Invalid):
        await backfill.request(often.id, BEGIN, BEGIN + timedelta(seconds=1), ADMIN, again=True, dry_run=False)
    await services.tasks.disable(often.id, ADMIN)
    with pytest.raises(TaskDisabled):
        await backfill.request(often.id, BEGIN, BEGIN + timedelta(seconds=1), ADMIN, again=True, dry_run=False)
