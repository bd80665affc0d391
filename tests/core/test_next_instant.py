"""The soonest instant of all tasks, of which few are read."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest

from falcon_scheduler.core.domain.task import Task
from falcon_scheduler.core.domain.workforce import Workforce
from falcon_scheduler.core.services.status import StatusService
from falcon_scheduler.core.services.tasks.fire_times import next_run
from tests.fakes.clock import NOON, SetClock
from tests.fakes.engine import EngineState, MemoryRuns
from tests.fakes.execution_store import MemoryExecutionStore
from tests.fakes.stores import MemoryTaskStore
from tests.stores.samples import a_task

HOUR = timedelta(hours=1)


def stored(schedule: str, at: datetime = NOON, **definition: Any) -> Task:
    """A task as it was written at that instant, with the next run of then."""
    task = a_task(schedule=schedule, **definition)
    return replace(task, created_at=at, next_run=next_run(task, at))


SOON, TODAY, LEAP_DAY = "30 0 12 * * *", "0 0 17 * * *", "0 0 0 29 2 *"
TASKS: Mapping[str, Sequence[Task]] = {
    "none at all": [],
    "one within a minute, and others": [stored(LEAP_DAY), stored(SOON), stored(TODAY)],
    "one in hours": [stored(LEAP_DAY), stored(TODAY)],
    "one in years": [stored(LEAP_DAY)],
    "one whose stored next run is past": [stored("0 0 * * * *", NOON - 9 * HOUR), stored(TODAY)],
    "one whose stored next run is past, and another is sooner": [
        stored("0 0 * * * *", NOON - 9 * HOUR),
        stored(SOON),
    ],
    "one that was changed, and not sent yet": [
        replace(stored(LEAP_DAY), definition=stored(SOON).definition, unplanned_since=NOON),
        stored(TODAY),
    ],
    "only disabled ones": [stored(SOON, enabled=False)],
    "one that is over": [stored(TODAY, NOON - 9 * HOUR, end_at=NOON), stored(LEAP_DAY)],
}


@pytest.mark.parametrize("situation", TASKS)
async def test_the_next_instant_is_the_soonest_of_all_tasks(situation: str) -> None:
    tasks, clock = TASKS[situation], SetClock()
    store = MemoryTaskStore()
    for task in tasks:
        await store.insert(task)

    async def nobody() -> Workforce:
        return Workforce(workers=())

    async def no_problems() -> Sequence[str]:
        return ()

    service = StatusService(
        tasks=store,
        executions=MemoryExecutionStore(store),
        runs=MemoryRuns(EngineState(clock=clock)),
        clock=clock,
        probes=(),
        workforce=nobody,
        problems=no_problems,
    )
    expected = min((each for each in (next_run(task, NOON) for task in tasks) if each), default=None)
    assert (await service.stats()).next_scheduled_run == expected
