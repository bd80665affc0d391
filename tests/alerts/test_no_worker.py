"""No worker: one alert that says so, none for the runs that are late because of it, none that flaps afterwards."""

from __future__ import annotations

from datetime import timedelta

import pytest

from falcon_scheduler.adapters.workforce import read_workforce
from falcon_scheduler.api_facade.composition.services import Services
from falcon_scheduler.core.domain.alert import AlertKind, AlertState
from falcon_scheduler.core.domain.execution import Trigger
from falcon_scheduler.core.domain.workforce import NO_WORKER
from falcon_scheduler.core.ports import PageRequest
from falcon_scheduler.core.ports.alerts import AlertFilter
from tests.alerts.conftest import NOBODY, ONE_WORKER, Bench, Open
from tests.alerts.receiver import Receiver
from tests.conftest import wait_until


async def kinds(facade: Bench) -> list[AlertKind]:
    return [each.kind for each in await facade.opened()]


async def test_without_a_worker_one_alert_opens_and_no_task_is_called_late(bench: Open, receiver: Receiver) -> None:
    facade = bench(webhooks=receiver.url(), late_after="5m")
    tasks = [await facade.task(schedule="0 * * * * *") for _ in range(5)]
    facade.crew.workforce = NOBODY
    for _ in range(12):
        await facade.look()
        await facade.deliver()
    assert receiver.alerts_received() == [("alert.opened", "no_worker")]
    assert receiver.taken[0].json["data"]["text"] == NO_WORKER
    facade.crew.workforce = ONE_WORKER
    await facade.alerts.rules.look()
    for task in tasks:  # what was due in this time begins late, which has been explained
        due = facade.clock.now() - timedelta(minutes=6)
        await facade.end(task, True, scheduled_for=due, trigger=Trigger.SCHEDULE)
    await facade.look()
    await facade.deliver()
    assert receiver.alerts_received() == [("alert.opened", "no_worker"), ("alert.recovered", "no_worker")]


async def test_a_worker_that_is_back_within_seconds_is_no_alert(bench: Open) -> None:
    facade = bench()
    facade.crew.workforce = NOBODY
    await facade.alerts.rules.look()
    facade.crew.workforce = ONE_WORKER
    await facade.look()
    assert await facade.opened() == []


async def test_runs_that_do_not_begin_although_a_worker_is_back_are_late_from_then_on(bench: Open) -> None:
    facade = bench(late_after="5m")
    await facade.task(schedule="0 * * * * *")
    facade.crew.workforce = NOBODY
    await facade.look(times=3)
    facade.crew.workforce = ONE_WORKER
    await facade.look()
    assert await kinds(facade) == []
    await facade.look(times=6)
    assert await kinds(facade) == [AlertKind.LATE_RUN]


async def test_a_late_run_alert_stays_while_nothing_begins_and_gives_the_reason_it_is_over(bench: Open) -> None:
    facade = bench(late_after="5m")
    task = await facade.task(schedule="0 0 * * * *")
    await facade.look(times=2)
    assert await kinds(facade) == [AlertKind.LATE_RUN]
    await facade.another().alerts.rules.look()  # a facade that knows nothing yet
    facade.crew.workforce = NOBODY  # and now the cause is known
    await facade.look(times=3)
    assert await kinds(facade) == [AlertKind.LATE_RUN, AlertKind.NO_WORKER]
    await facade.stores.tasks.change(
        task.id, lambda each: each.redefined(each.definition, "me", facade.clock.now() + timedelta(seconds=1))
    )
    facade.crew.workforce = ONE_WORKER
    page = await facade.store.list(AlertFilter(kind=AlertKind.LATE_RUN), PageRequest())
    assert [each.state for each in page.items] == [AlertState.OPEN]
    await facade.stores.tasks.change(task.id, lambda each: each.started("e", facade.clock.now(), 1))
    await facade.look()
    page = await facade.store.list(AlertFilter(kind=AlertKind.LATE_RUN), PageRequest())
    assert [(each.state, each.recovery) for each in page.items] == [
        (AlertState.RECOVERED, "Runs begin at their time again")
    ]


@pytest.mark.slow
@pytest.mark.usefixtures("worker")
async def test_a_worker_says_itself_how_many_executions_it_takes(services: Services) -> None:
    async def counted() -> bool:
        workforce = await read_workforce(services.engine.client, services.stores.redis, slots_of_others=999)
        return workforce.slots == 10 and not workforce.problem

    await wait_until(counted, "the one worker has said that it takes ten")
