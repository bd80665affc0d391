"""The text of an alert about a missing success names why there was none."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from falcon_scheduler.core.domain.alert import AlertKind, ExpectedSuccess, TaskAlerts
from falcon_scheduler.core.domain.alert_rules import AlertPolicy, Finding
from falcon_scheduler.core.domain.outcome import ExecutionOutcome
from falcon_scheduler.core.services.alerts.overdue import Overdue
from falcon_scheduler.core.services.alerts.success_watch import SuccessWatch
from tests.core.explained_world import DUE, SECOND, World, a_run, a_waiting_run, add_run
from tests.fakes.clock import SetClock


@pytest.mark.parametrize("is_at_work", [False, True])
async def test_a_run_that_may_still_succeed_does_not_hide_why_the_last_one_failed(is_at_work: bool) -> None:
    world = World(clock=SetClock(DUE + 3 * SECOND))
    alerts = TaskAlerts(expect_success=ExpectedSuccess(period=timedelta(minutes=10), grace=timedelta()))
    world.task = replace(world.task, definition=replace(world.task.definition, alerts=alerts))
    failed = a_run(id="failed", at=DUE - timedelta(minutes=10))
    failed = failed.failed(failed.started_at + SECOND, "disk full", ExecutionOutcome.FAILED)
    await add_run(world, failed)
    await add_run(world, replace(a_run(), heartbeat_at=world.clock.now()) if is_at_work else a_waiting_run())
    watch = SuccessWatch(Overdue(clock=world.clock, policy=AlertPolicy()), world.explaining())
    overdue = Finding(AlertKind.NO_SUCCESS, True, "No run has succeeded.")
    text = (await watch.explained(overdue, world.task, [failed])).text
    assert "disk full" in text
    assert "What to do: Nothing." not in text
    assert await watch.explained(overdue, world.task, []) == overdue, "nothing is known that explains it"
