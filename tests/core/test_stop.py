"""A stop of a task with a deep queue."""

from __future__ import annotations

import asyncio

import pytest

from falcon_scheduler.core.domain.priority import Priority
from falcon_scheduler.core.domain.run import RunPhase
from falcon_scheduler.core.domain.task import Task
from falcon_scheduler.core.errors import EngineFault, Unavailable
from falcon_scheduler.core.services.runs.cancelling import CANCELLED_AT_ONCE
from tests.fakes.engine import MemoryRuns
from tests.fakes.faults import Faults
from tests.fakes.shop import ADMIN, Kept, Shop

MANY = 60


async def queued(kept: Kept) -> tuple[Shop, Task, list[str]]:
    """A task with many runs that wait."""
    shop = Shop(kept, Faults())
    task = await shop.task(schedule="0 0 0 29 2 *")
    runs = MemoryRuns(kept.engine)
    waiting = [
        (await runs.start(task, parameters={}, priority=Priority.NORMAL, key=f"{number}")).id
        for number in range(MANY)
    ]
    return shop, task, sorted(waiting)


def phases(kept: Kept) -> list[RunPhase]:
    return [kept.engine.present(run).phase for run in kept.engine.runs.values()]


async def test_a_stop_pauses_first_and_cancels_a_deep_queue_a_few_runs_at_a_time(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    kept = Kept()
    shop, task, waiting = await queued(kept)
    cancel, at_once, most = MemoryRuns.cancel, 0, 0

    async def slowly(runs: MemoryRuns, run_id: str) -> None:
        nonlocal at_once, most
        assert kept.tasks.rows[task.id].paused
        at_once += 1
        most = max(most, at_once)
        await asyncio.sleep(0)
        at_once -= 1
        await cancel(runs, run_id)

    monkeypatch.setattr(MemoryRuns, "cancel", slowly)
    outcome = await shop.runs.stop(task.id, ADMIN)
    assert [*outcome.cancelled] == waiting
    assert most == CANCELLED_AT_ONCE
    assert {*phases(kept)} == {RunPhase.CANCELLED}


@pytest.mark.parametrize("error", [EngineFault(), Unavailable("Prefect")])
async def test_a_run_that_can_not_be_cancelled_fails_the_stop_which_a_repeat_completes(
    error: Exception, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept = Kept()
    shop, task, waiting = await queued(kept)
    cancel, asked = MemoryRuns.cancel, list[str]()

    async def first_fails(runs: MemoryRuns, run_id: str) -> None:
        asked.append(run_id)
        if run_id == waiting[0]:
            raise error
        await cancel(runs, run_id)

    with monkeypatch.context() as patch:
        patch.setattr(MemoryRuns, "cancel", first_fails)
        with pytest.raises(type(error)):
            await shop.runs.stop(task.id, ADMIN)
    assert (len(asked) == MANY) == isinstance(error, EngineFault)
    assert phases(kept).count(RunPhase.CANCELLED) == len(asked) - 1
    await shop.runs.stop(task.id, ADMIN)
    assert {*phases(kept)} == {RunPhase.CANCELLED}
