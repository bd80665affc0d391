"""A success that does not come is one alert, on real stores: with failures, lateness, facades, pauses, edits."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import timedelta

from falcon_scheduler.core.domain.alert import AlertKind, ExpectedSuccess, TaskAlerts
from falcon_scheduler.core.domain.task import Task
from tests.alerts.conftest import NOBODY, ONE_WORKER, Bench, Open
from tests.alerts.receiver import Receiver

EXPECTED = ExpectedSuccess(period=timedelta(hours=3), grace=timedelta(minutes=10))
ALERTS = TaskAlerts(expect_success=EXPECTED)
ONCE = [("alert.opened", "no_success")]
TWICE = [*ONCE, ("alert.recovered", "no_success")]


async def hours_later(facade: Bench, hours: float) -> None:
    """The time passes, with a facade at work."""
    facade.clock.ahead += timedelta(hours=hours)
    await facade.alerts.rules.look()
    for _ in range(6):
        facade.clock.ahead += timedelta(seconds=61)
        await facade.alerts.rules.look()
    await facade.deliver()


async def test_a_task_that_fails_and_is_late_opens_one_alert_until_a_run_succeeds(
    bench: Open, receiver: Receiver
) -> None:
    facade = bench(webhooks=receiver.url())
    task = await facade.task(name="Backup", schedule="0 0 * * * *", alerts=ALERTS)
    await facade.stores.watermark.write("ledger", facade.clock.now())
    await facade.end(task, True)
    await facade.end(task, *[False] * 5, error="disk full")
    await hours_later(facade, 1)
    assert receiver.alerts_received() == [], "it failed and is late, but the success is not overdue"
    await hours_later(facade, 3)
    await hours_later(facade, 3)
    assert receiver.alerts_received() == ONCE
    text = receiver.taken[0].json["data"]["text"]
    assert "No run has succeeded since the success of" in text
    assert "Prefect planned no run for it. What to do: Look for alerts of that time" in text
    assert "disk full" not in text, "that is no second cause"
    others = [facade.another() for _ in range(3)]
    await asyncio.gather(*(hours_later(each, 1) for each in others))
    await facade.end(task, False)
    await facade.deliver()
    assert receiver.alerts_received() == ONCE, "neither another facade nor another failure opens a second one"
    facade.clock.ahead = others[0].clock.ahead
    await facade.end(task, True)
    await facade.deliver()
    assert receiver.alerts_received() == TWICE
    assert await facade.opened() == []


async def test_the_time_of_the_last_success_survives_the_process_that_counted_it(bench: Open) -> None:
    facade = bench()
    task = await facade.task(alerts=ALERTS)
    await facade.end(task, True)
    stored = await facade.stores.tasks.get(task.id)
    assert stored.record.last_success is not None
    following = facade.another()
    await hours_later(following, 2)
    assert await facade.opened() == []
    await hours_later(following, 2)
    [alert] = await facade.opened()
    assert f"the success of {stored.record.last_success:%Y-%m-%d %H:%M:%S}" in alert.text


async def test_a_success_that_no_facade_saw_ends_the_alert_at_the_next_check(bench: Open) -> None:
    facade = bench()
    task = await facade.task(alerts=ALERTS)
    await hours_later(facade, 4)
    assert [each.kind for each in await facade.opened()] == [AlertKind.NO_SUCCESS]
    await facade.end(task, True, is_heard=False)
    await facade.another().alerts.rules.look()
    assert await facade.opened() == []


async def test_a_pause_an_edit_or_a_deletion_ends_the_alert(bench: Open) -> None:
    facade = bench()
    paused, edited, deleted, disabled, asking = [
        await facade.task(alerts=TaskAlerts(expect_success=replace(EXPECTED, while_paused=number == 4)))
        for number in range(5)
    ]
    await hours_later(facade, 4)
    assert len(await facade.opened()) == 5
    stores, now = facade.stores, facade.clock.now()

    def without(task: Task) -> Task:
        return task.redefined(replace(task.definition, alerts=TaskAlerts()), "me", now)

    await stores.tasks.change(paused.id, lambda each: each.with_paused(True, "me", now))
    await stores.tasks.change(asking.id, lambda each: each.with_paused(True, "me", now))
    await stores.tasks.change(edited.id, without)
    await stores.tasks.change(disabled.id, lambda each: each.with_enabled(False, "me", now))
    await stores.tasks.delete(deleted.id)
    await facade.alerts.rules.look()
    assert [each.subject.task_id for each in await facade.opened()] == [asking.id]
    await stores.tasks.change(paused.id, lambda each: each.with_paused(False, "me", facade.clock.now()))
    await hours_later(facade, 1)
    assert len(await facade.opened()) == 1, "the time begins anew"
    await hours_later(facade, 3)
    assert {each.subject.task_id for each in await facade.opened()} == {asking.id, paused.id}


async def test_while_nothing_can_run_that_is_the_alert_and_afterwards_there_is_a_grace(bench: Open) -> None:
    facade = bench()
    await facade.task(alerts=ALERTS)
    facade.crew.workforce = NOBODY
    try:
        await hours_later(facade, 4)
        assert [each.kind for each in await facade.opened()] == [AlertKind.NO_WORKER]
    finally:
        facade.crew.workforce = ONE_WORKER
    await facade.look()
    assert await facade.opened() == []
    await hours_later(facade, 0.2)
    assert [each.kind for each in await facade.opened()] == [AlertKind.NO_SUCCESS]
