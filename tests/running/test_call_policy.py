"""Calls that only inform never end a run or hold it up; calls that decide are made again."""

from __future__ import annotations

import asyncio
import logging
import time
from datetime import timedelta

import pytest

from falcon_scheduler.core.domain.execution import Execution, ExecutionStatus, Trigger
from falcon_scheduler.core.domain.task import Task
from falcon_scheduler.core.domain.task_definition import Overlap
from falcon_scheduler.core.errors import ConcurrentChange, Unavailable
from falcon_scheduler.core.services.runs.call_policy import decided, inform
from falcon_scheduler.core.services.runs.overlap import OverlapRule, Turn
from falcon_scheduler.flows.progress import ReportedProgress
from tests.conftest import Scheduler

log = logging.getLogger("a run")


@pytest.mark.parametrize("error", [Unavailable("Prefect"), RuntimeError("http://user:secret@host"), TimeoutError()])
async def test_a_call_that_informs_and_fails_is_a_warning_without_an_address(
    caplog: pytest.LogCaptureFixture, error: Exception
) -> None:
    async def fails() -> None:
        raise error

    assert not await inform("show it", fails, log)
    assert "Could not show it, the run goes on" in caplog.text
    assert "secret" not in caplog.text


async def test_a_call_that_informs_and_hangs_is_given_up_and_an_interruption_still_interrupts() -> None:
    began_at = time.monotonic()
    assert not await inform("show it", lambda: asyncio.sleep(3600), log, within=timedelta(seconds=0.1))
    assert time.monotonic() - began_at < 60
    interrupted = asyncio.create_task(inform("show it", lambda: asyncio.sleep(3600), log))
    await asyncio.sleep(0.1)
    interrupted.cancel()
    with pytest.raises(asyncio.CancelledError):
        await interrupted


async def test_a_call_that_decides_is_made_again_while_others_are_busy_with_the_document() -> None:
    answers: list[Exception] = [ConcurrentChange("a task"), Unavailable("MongoDB")]

    async def ask() -> str:
        if answers:
            raise answers.pop()
        return "yes"

    assert await decided(ask) == "yes"


async def test_progress_that_can_not_be_reported_rests_and_costs_the_work_no_more_time() -> None:
    asked = 0

    class Away:
        async def note(self, *args: object, **fields: object) -> bool:
            nonlocal asked
            asked += 1
            raise Unavailable("MongoDB")

    progress = ReportedProgress(Away(), "an execution", Away(), log)  # type: ignore[arg-type]
    for done in range(5):
        await progress(done, done, "the last of them")
    assert asked == 1


async def test_an_engine_that_is_away_is_asked_again_to_cancel_the_run_that_is_replaced(scheduler: Scheduler) -> None:
    """The newer run of a task with `cancel_running`, on real stores; only the engine's answers are the test's."""
    services = scheduler.services
    task = await scheduler.task(overlap=Overlap.CANCEL_RUNNING)
    older = Execution(
        id="00000000-0000-4000-8000-000000000011",
        task_id=task.id,
        status=ExecutionStatus.RUNNING,
        started_at=services.stores.clock.now(),
        trigger=Trigger.MANUAL,
    )
    await services.stores.executions.begin(older)
    task = await services.stores.tasks.change(task.id, lambda each: each.started(older.id, older.started_at, 1))
    asked: list[str] = []

    async def cancel(execution_id: str) -> None:
        asked.append(execution_id)
        if len(asked) < 3:
            raise Unavailable("Prefect")
        await services.stores.counting.finish(older.cancelled(services.stores.clock.now()))

    rule = OverlapRule(
        locks=services.stores.locks,
        tasks=services.stores.tasks,
        executions=services.stores.executions,
        cancel=cancel,
        cancel_grace=timedelta(seconds=1),
    )

    def claim(each: Task, token: int) -> Task:
        return each.started("the newer run", services.stores.clock.now(), token)

    async def take() -> Turn:
        async with rule.turn(task, "the newer run", claim, nothing_beats, log, nobody_is_first) as turn:
            return turn

    turn = await take()
    assert turn.granted
    assert asked == [older.id] * 3
    await services.stores.tasks.change(task.id, lambda each: each.without_active("the newer run"))


async def nobody_is_first() -> bool:
    return False


class nothing_beats:  # noqa: N801 - replaces a function
    async def __aenter__(self) -> None: ...

    async def __aexit__(self, *of: object) -> None: ...
