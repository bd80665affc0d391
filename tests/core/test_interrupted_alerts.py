"""Whatever call fails while a missing success is found: one alert opens, and names the one cause if that is known.

See `test_interrupted_operations`.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from datetime import timedelta

import pytest

from falcon_scheduler.core.domain.alert import Alert, AlertKind, ExpectedSuccess, Subject, TaskAlerts
from falcon_scheduler.core.domain.alert_rules import AlertPolicy
from falcon_scheduler.core.domain.execution import Execution, ExecutionStatus
from falcon_scheduler.core.domain.task import Task
from falcon_scheduler.core.services.alerts.alerting import Alerting
from falcon_scheduler.core.services.alerts.service_alerts import ServiceAlerts
from falcon_scheduler.core.services.alerts.success_watch import CHANGEOVER
from falcon_scheduler.core.services.alerts.worker_watch import WorkerWatch
from tests.core.explained_world import DUE, SECOND, World, a_run, add_run
from tests.fakes.clock import NOON
from tests.fakes.engine import EngineState, MemoryRuns
from tests.fakes.faults import Fault, Faults
from tests.fakes.trials import survived

MINUTE = timedelta(minutes=1)
EXPECTED = ExpectedSuccess(period=10 * MINUTE, grace=MINUTE)
MOST_CALLS = 60


class History:
    """See `core.ports.alerts.RunHistory`."""

    def __init__(self, world: World) -> None:
        self._world = world

    async def tasks(self) -> AsyncIterator[Task]:
        for task in [*self._world.tasks.rows.values()]:
            yield task

    async def latest_ended(self, task_id: str, most: int) -> Sequence[Execution]:
        rows = self._world.executions.rows.values()
        ended = [each for each in rows if each.task_id == task_id and each.status.is_terminal]
        return sorted(ended, key=lambda each: each.started_at, reverse=True)[:most]


def alerting_of(world: World, faults: Faults) -> Alerting:
    alerts = faults.through(world.alerts)
    service = ServiceAlerts(alerts=alerts, clock=world.clock, channels=("inbox",))
    return Alerting(
        tasks=faults.through(world.tasks),
        executions=faults.through(world.executions),
        history=faults.through(History(world)),
        runs=faults.through(MemoryRuns(EngineState(clock=world.clock))),
        alerts=alerts,
        workers=WorkerWatch(alerts=service, workforce=world.workers, clock=world.clock),
        watermark=faults.through(world.watermark),
        clock=world.clock,
        policy=AlertPolicy(
            failures_in_a_row=3,
            failure_rate=0.5,
            failure_rate_runs=20,
            late_after=5 * MINUTE,
            stale_after=60 * MINUTE,
        ),
        channels=("inbox",),
        queue_threshold=100,
        keep_for=timedelta(days=1),
        explaining=world.explaining(faults.through),
    )


async def overdue_world() -> World:
    """A task whose only run failed, and whose success is overdue as soon as a facade has been at work for long."""
    world = World()
    definition = replace(world.task.definition, alerts=TaskAlerts(expect_success=EXPECTED))
    failed = a_run().ended(ExecutionStatus.FAILED, DUE + 5 * SECOND, error="disk full")
    world.task = replace(world.task, definition=definition).finished(failed)
    world.tasks.rows[world.task.id] = world.task
    await add_run(world, failed)
    await world.watermark.write("ledger", NOON)
    return world


async def looks(world: World, alerting: Alerting, span: timedelta) -> None:
    """A facade looks for so long."""
    until = world.clock.now() + span
    while world.clock.now() < until:
        await alerting.look()
        world.clock.advance(MINUTE)


def missing(world: World) -> list[Alert]:
    return [each for each in world.alerts.rows.values() if each.kind is AlertKind.NO_SUCCESS]


@pytest.mark.parametrize("kind", Fault)
async def test_a_missing_success_opens_one_alert_whatever_call_fails(kind: Fault) -> None:
    for number in range(1, MOST_CALLS):
        world, faults = await overdue_world(), Faults(kind=kind)
        alerting = alerting_of(world, faults)
        await looks(world, alerting, 2 * MINUTE)
        assert missing(world) == [], "nobody may have looked before"
        world.clock.advance(SECOND)
        faults.number, faults.at = 0, number
        await survived(alerting.look())
        if not faults.happened:
            [alert] = missing(world)
            assert (
                "It ran, and the work failed. The error: disk full. What to do: Read the error and the log"
                in alert.text
            )
            return
        await looks(world, alerting_of(world, Faults()), CHANGEOVER + 5 * MINUTE)
        [alert] = missing(world)
        assert "No run has succeeded since" in alert.text, faults.happened
        assert "disk full" in alert.text, faults.happened
    raise AssertionError(f"a look makes more than {MOST_CALLS} calls")


async def test_after_many_late_runs_a_success_has_another_grace() -> None:
    world = await overdue_world()
    alerting = alerting_of(world, Faults())
    common = Alert(
        id="many", kind=AlertKind.MANY_LATE_RUNS, subject=Subject(), text="many", opened_at=world.clock.now()
    )
    await world.alerts.open(common)
    await looks(world, alerting, 3 * MINUTE)
    [resolved] = [each for each in world.alerts.rows.values() if each.kind is AlertKind.MANY_LATE_RUNS]
    assert resolved.recovered_at is not None, "they begin again"
    assert missing(world) == []
    world.clock.advance(EXPECTED.grace)
    await alerting.look()
    assert len(missing(world)) == 1
