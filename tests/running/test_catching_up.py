"""What a task catches up with after an outage, on real servers: the leader and the worker stop and come back."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from redis.asyncio import Redis

from falcon_scheduler.core.domain.catch_up import CatchUp, CatchUpRules, Missed, ReleaseOrder
from falcon_scheduler.core.domain.explanation import Cause
from falcon_scheduler.core.domain.occurrence import Fate
from falcon_scheduler.core.domain.task import Task
from falcon_scheduler.core.services.ledger.authors import Authors
from falcon_scheduler.core.services.ledger.ledger import OccurrenceFilter
from falcon_scheduler.core.services.ledger.settling import Settling
from falcon_scheduler.core.services.tasks import fire_times
from falcon_scheduler.core.services.tasks.fire_times import due_between
from tests.conftest import Scheduler, wait_until
from tests.running.test_planning_in_the_engines_place import no_other_duties

SECOND = timedelta(seconds=1)
LEAD, APART, WITHIN = 30 * SECOND, 4, 3 * SECOND
PATIENCE_SECONDS = 240
FOREVER = datetime(2090, 1, 1, tzinfo=UTC)
"""A task with an end has no schedule in Prefect: nobody plans its runs while the facades are away."""
ALL = CatchUp(runs=Missed.ALL)
POLICIES: dict[str, tuple[CatchUp, slice]] = {
    "none": (CatchUp(), slice(0)),
    "last": (CatchUp(runs=Missed.LAST), slice(-1, None)),
    "all": (ALL, slice(None)),
    "newest": (CatchUp(runs=Missed.ALL, max_runs=2, order=ReleaseOrder.NEWEST_FIRST), slice(None, -3, -1)),
}
"""By name: what the task asks for, and which of its missed instants run, in which order."""


def four_instants() -> tuple[str, datetime]:
    """A schedule with four instants soon, and none before next year; and the last one."""
    first = datetime.now(UTC).replace(microsecond=0) + LEAD
    if first.second + 3 * APART > 59:
        first = (first + 60 * SECOND).replace(second=0)
    seconds = ",".join(str(first.second + number * APART) for number in range(4))
    return f"{seconds} {first:%-M %-H %-d %-m} *", first + 3 * APART * SECOND


def stamped(file: Path) -> list[datetime]:
    """In the order in which they ran."""
    lines = file.read_text().splitlines() if file.exists() else []
    return [datetime.fromisoformat(line) for line in lines]


@pytest.mark.usefixtures("worker")
@pytest.mark.timeout(900)
async def test_after_an_outage_of_facade_and_worker_what_each_policy_names_runs_once_and_the_rest_stays_missed(
    scheduler: Scheduler, stack: Any, redis_client: Redis, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    services = scheduler.services
    stores = services.stores
    tasks: dict[str, Task] = {}
    with monkeypatch.context() as patch:
        patch.setattr(fire_times, "FEWEST_SINGLE_RUNS", 1)  # the first instant is planned, the others are not
        patch.setattr(fire_times, "SINGLE_RUNS_WITHIN", timedelta())
        async with no_other_duties(scheduler, redis_client):
            await stack.stop_part("worker")
            try:
                schedule, last = four_instants()
                for planner, end_at in (("prefect", None), ("us", FOREVER)):
                    for name, (policy, _) in POLICIES.items():
                        file = tmp_path / f"{planner} {name}"
                        config = {"function_name": "stamping", "module": "tests", "parameters": {"file": str(file)}}
                        tasks[file.name] = await scheduler.task(
                            schedule=schedule,
                            end_at=end_at,
                            start_within=WITHIN,
                            catch_up=CatchUpRules(after_outage=policy),
                            config=config,
                        )
                remaining = last + WITHIN + 2 * SECOND - datetime.now(UTC)
                await asyncio.sleep(max(remaining.total_seconds(), 0))
            finally:
                await stack.start_part("worker")
    due = {name: due_between(task, task.created_at, last + SECOND, 100) for name, task in tasks.items()}
    assert all(due.values())
    settling = Settling(
        store=stores.ledger,
        tasks=stores.tasks,
        watermark=stores.watermark,
        outages=services.ledger.outages,
        authors=Authors(stores.audit),
        clock=stores.clock,
        grace=SECOND,
        steady_for=timedelta(),
    )

    def expected(name: str) -> list[datetime]:
        return due[name][POLICIES[name.partition(" ")[2]][1]]

    async def is_over() -> bool:
        await settling.settle()
        settled = await stores.watermark.read("ledger")
        present = [await services.tasks.get(task.id) for task in tasks.values()]
        idle = all(not task.owed and not task.record.active for task in present)
        done = all(len(stamped(tmp_path / name)) >= len(expected(name)) for name in tasks)
        waiting = [await services.engine.runs.unfinished(str(task.deployment_id)) for task in present]
        return settled is not None and settled > last and idle and done and not any(waiting)

    await wait_until(is_over, "everything is caught up with", PATIENCE_SECONDS)
    for name, task in tasks.items():
        assert stamped(tmp_path / name) == expected(name), name
        page = await services.ledger.ledger.page(OccurrenceFilter(task=task, end=last + SECOND), limit=100)
        caught_up = [each.at for each in page.occurrences if each.fate is Fate.CAUGHT_UP]
        assert caught_up == sorted(expected(name)), f"{name}: {page.occurrences}"
        others = [each for each in page.occurrences if each.fate is not Fate.CAUGHT_UP]
        assert {each.fate for each in others} <= {Fate.MISSED, Fate.SKIPPED}, f"{name}: {others}"
        assert sum(each.count for each in others) == len(due[name]) - len(expected(name)), f"{name}: {others}"
    present = await services.tasks.get(tasks["us last"].id)
    ran = await services.ledger.explaining.explain(present, due["us last"][-1])
    assert ran.cause is Cause.CAUGHT_UP
    assert "missed_because" in {each.name for each in ran.facts}
    left_out = await services.ledger.explaining.explain(present, due["us last"][-2])
    assert left_out.cause in {Cause.SERVICE_DOWN, Cause.NOT_PLANNED}
    assert {each.name: each.value for each in left_out.facts}["catch_up"].startswith("after_outage: the last one")
