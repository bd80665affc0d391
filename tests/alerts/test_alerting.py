"""What is reported, and that it is reported once, for any number of facades and checks."""

from __future__ import annotations

import asyncio
from datetime import timedelta

from falcon_scheduler.adapters.prefect.client import Client
from falcon_scheduler.adapters.prefect.names import POOL
from falcon_scheduler.core.domain.alert import AlertKind, AlertState, TaskAlerts
from falcon_scheduler.core.domain.execution import Execution, ExecutionStatus, Trigger
from falcon_scheduler.core.domain.priority import Priority
from falcon_scheduler.core.domain.task import Source
from falcon_scheduler.core.domain.task_definition import Overlap
from falcon_scheduler.core.ports import PageRequest
from falcon_scheduler.core.ports.alerts import AlertFilter
from falcon_scheduler.core.services.alerts import alerting
from tests.alerts.conftest import Open
from tests.alerts.receiver import Receiver
from tests.conftest import ADMIN, Scheduler, wait_until


def opened_then_recovered(kind: AlertKind) -> list[tuple[str, str]]:
    return [("alert.opened", kind), ("alert.recovered", kind)]


async def test_a_failing_task_is_reported_once_not_per_run_and_so_is_its_recovery(
    bench: Open, receiver: Receiver
) -> None:
    facade = bench(webhooks=receiver.url())
    task = await facade.task(name="Prices")
    await facade.end(task, *[False] * 6)
    await facade.deliver()
    await facade.alerts.rules.look()
    await facade.deliver()
    assert receiver.alerts_received() == [("alert.opened", "failures_in_a_row")]
    await facade.end(task, *[True] * 3)
    await facade.deliver()
    assert receiver.alerts_received() == opened_then_recovered(AlertKind.FAILURES_IN_A_ROW)
    assert receiver.taken[0].json["data"]["task"] == {"id": task.id, "name": "Prices"}


async def test_several_facades_and_outcomes_reported_twice_make_one_alert(bench: Open, receiver: Receiver) -> None:
    first = bench(webhooks=receiver.url())
    task = await first.task()
    await first.end(task, False, False)
    others = [first.another() for _ in range(3)]
    await asyncio.gather(*(each.end(task, False) for each in others))
    await asyncio.gather(*(each.alerts.rules.look() for each in others))
    await asyncio.gather(*(each.deliver() for each in others for _ in range(3)))
    assert receiver.alerts_received() == [("alert.opened", "failures_in_a_row")]
    await others[0].end(task, True)
    await asyncio.gather(*(each.alerts.rules.look() for each in others))
    await asyncio.gather(*(each.deliver() for each in others for _ in range(3)))
    assert receiver.alerts_received() == opened_then_recovered(AlertKind.FAILURES_IN_A_ROW)


async def test_the_next_facade_does_not_repeat_what_the_last_has_reported(bench: Open, receiver: Receiver) -> None:
    last = bench(webhooks=receiver.url())
    await last.end(await last.task(), False, False, False)
    await last.deliver()
    following = last.another()
    await following.alerts.rules.look()
    await following.deliver()
    assert len(receiver.taken) == 1


async def test_what_a_facade_left_unsent_is_sent_by_the_next(bench: Open, receiver: Receiver) -> None:
    last = bench(webhooks=receiver.url())
    await last.end(await last.task(), False, False, False)
    await last.another().deliver()
    assert receiver.alerts_received() == [("alert.opened", "failures_in_a_row")]


async def test_a_facade_that_died_while_sending_is_made_up_for_under_the_same_id(
    bench: Open, receiver: Receiver
) -> None:
    receiver.silent = True
    last = bench(webhooks=receiver.url())
    await last.end(await last.task(), False, False, False)
    sending = asyncio.create_task(last.deliver())
    await wait_until(receiver.has_taken, "the receiver has the message and says nothing")
    sending.cancel()
    await asyncio.gather(sending, return_exceptions=True)
    receiver.silent = False
    following = last.another()
    await following.deliver()
    assert len(receiver.taken) == 1, "the message belongs to the other for a minute"
    following.clock.ahead += timedelta(seconds=61)
    await following.deliver()
    assert len(receiver.taken) == 2
    assert len({each.headers["webhook-id"] for each in receiver.taken}) == 1


async def test_failures_that_no_facade_saw_are_found_by_the_first_that_looks(bench: Open) -> None:
    facade = bench()
    task = await facade.task()
    await facade.end(task, False, False, False, is_heard=False)
    assert await facade.opened() == []
    await facade.another().alerts.rules.look()
    assert [each.kind for each in await facade.opened()] == [AlertKind.FAILURES_IN_A_ROW]


async def test_a_run_that_does_not_begin_is_reported_until_one_does(bench: Open, receiver: Receiver) -> None:
    facade = bench(webhooks=receiver.url(), late_after="5m")
    task = await facade.task(schedule="0 0 * * * *")
    await facade.alerts.rules.look()
    assert await facade.opened() == [], "everything may just have come back"
    for _ in range(3):
        await facade.look()
        await facade.deliver()
    assert receiver.alerts_received() == [("alert.opened", "late_run")]
    following = facade.another()
    await following.alerts.rules.look()
    assert len(await facade.opened()) == 1, "whoever takes over does not take it for over"
    await facade.stores.tasks.change(task.id, lambda each: each.started("e", facade.clock.now(), 1))
    for _ in range(2):
        await facade.look()
        await facade.deliver()
    assert receiver.alerts_received() == opened_then_recovered(AlertKind.LATE_RUN)


async def test_a_run_that_began_late_is_reported_when_it_has_ended(bench: Open) -> None:
    facade = bench(late_after="5m")
    task = await facade.task()
    due = facade.clock.now() - timedelta(minutes=30)
    await facade.end(task, True, scheduled_for=due, trigger=Trigger.SCHEDULE)
    [alert] = await facade.opened()
    assert alert.kind is AlertKind.LATE_RUN
    assert "30m" in alert.text
    await facade.look()
    await facade.end(task, True, scheduled_for=facade.clock.now())
    assert await facade.opened() == []


async def test_a_task_that_is_paused_deleted_or_disabled_has_no_open_alerts_any_more(bench: Open) -> None:
    facade = bench()
    paused, deleted, disabled = [await facade.task(schedule="0 0 * * * *") for _ in range(3)]
    await facade.look()
    assert len(await facade.opened()) == 3
    stores, now = facade.stores, facade.clock.now()
    await stores.tasks.change(paused.id, lambda each: each.with_paused(True, "me", now))
    await stores.tasks.change(disabled.id, lambda each: each.with_enabled(False, "me", now))
    await stores.tasks.delete(deleted.id)
    await facade.alerts.rules.look()
    assert await facade.opened() == []
    page = await facade.store.list(AlertFilter(state=AlertState.RECOVERED), PageRequest())
    assert {each.recovery for each in page.items} == {
        "The schedule of the task is paused",
        "The task is disabled",
        "The task was deleted",
    }


async def test_when_nothing_runs_any_more_one_alert_replaces_the_others(bench: Open, receiver: Receiver) -> None:
    facade = bench(webhooks=receiver.url())
    tasks = [await facade.task(schedule="0 0 * * * *") for _ in range(alerting.MANY + 5)]
    for _ in range(2):
        await facade.look()
        await facade.deliver()
    assert receiver.alerts_received() == [("alert.opened", "many_late_runs")]
    for task in tasks[1:]:
        await facade.stores.tasks.change(task.id, lambda each: each.started("e", facade.clock.now(), 1))
    for _ in range(3):
        await facade.look()
        await facade.deliver()
    assert sorted(receiver.alerts_received()[1:]) == [
        ("alert.opened", "late_run"),
        ("alert.recovered", "many_late_runs"),
    ]


async def test_a_run_of_somebody_elses_deployment_may_be_stale_too(bench: Open) -> None:
    facade = bench()
    task = await facade.task(source=Source.IMPORT)
    run = Execution(
        id="stale",
        task_id=task.id,
        status=ExecutionStatus.RUNNING,
        started_at=facade.clock.now() - timedelta(hours=3),
        trigger=Trigger.PREFECT,
    )
    await facade.stores.executions.begin(run)
    await facade.stores.tasks.change(task.id, lambda each: each.started(run.id, run.started_at, 0))
    await facade.alerts.rules.look()
    assert [each.kind for each in await facade.opened()] == [AlertKind.STALE_RUN]


async def test_a_full_queue_is_reported_and_that_it_has_emptied(
    bench: Open, receiver: Receiver, scheduler: Scheduler, prefect: Client
) -> None:
    [low] = [each for each in await prefect.read_work_queues(work_pool_name=POOL) if each.name == Priority.LOW]
    await prefect.update_work_queue(low.id, is_paused=True)
    waiting_already = await scheduler.services.engine.runs.waiting()
    more = waiting_already // 4 + 2
    facade = bench(webhooks=receiver.url(), queue_share=(waiting_already + more) / 1000)
    try:
        task = await scheduler.task(priority=Priority.LOW, overlap=Overlap.QUEUE)
        for _ in range(more):
            await scheduler.execute(task)
        for _ in range(2):
            await facade.alerts.rules.look()
        await scheduler.services.runs.stop(task.id, ADMIN)
    finally:
        await prefect.update_work_queue(low.id, is_paused=False)

    async def has_recovered() -> bool:
        await facade.alerts.rules.look()
        await facade.deliver()
        return len(receiver.taken) == 2

    await wait_until(has_recovered, "the queue has emptied")
    assert receiver.alerts_received() == opened_then_recovered(AlertKind.QUEUE_FULL)


async def test_a_task_sets_its_channels_and_thresholds(bench: Open, receiver: Receiver) -> None:
    facade = bench(webhooks=f"ops={receiver.url('/ops')}, chat={receiver.url('/chat')}")
    chatty = await facade.task(alerts=TaskAlerts(failures_in_a_row=1, channels=("chat",)))
    silent = await facade.task(alerts=TaskAlerts(enabled=False))
    await facade.end(chatty, False)
    await facade.end(silent, *[False] * 5)
    await facade.deliver()
    assert [each.path for each in receiver.taken] == ["/chat"]


async def test_a_channel_that_no_setting_names_is_seen_to_be_missing(bench: Open) -> None:
    facade = bench()
    await facade.end(await facade.task(alerts=TaskAlerts(channels=("nobody",))), *[False] * 3)
    await facade.alerts.delivery.fail_unknown()
    [alert] = await facade.opened()
    assert [(each.state, each.error) for each in alert.deliveries] == [("pending", "no setting names this channel")]


async def test_alerts_that_are_over_are_forgotten_with_the_history(bench: Open) -> None:
    facade = bench()
    task = await facade.task()
    await facade.end(task, False, False, False, True)
    facade.clock.ahead += timedelta(days=31)
    await facade.stores.tasks.delete(task.id)
    await facade.alerts.rules.look()
    assert (await facade.store.list(AlertFilter(), PageRequest())).total == 0
