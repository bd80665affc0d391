"""Alerts about the service itself: opened once by any facade, shown by every facade's status, and resolved."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest

from falcon_scheduler.adapters.prefect.client import Client
from falcon_scheduler.adapters.probes import Probe
from falcon_scheduler.adapters.settings import Settings
from falcon_scheduler.api_facade.composition.services import join
from falcon_scheduler.api_facade.leader import Leader
from falcon_scheduler.api_facade.office import Office
from falcon_scheduler.core.domain.alert import Alert, AlertKind, AlertState
from falcon_scheduler.core.errors import Unavailable
from falcon_scheduler.core.ports import PageRequest
from falcon_scheduler.core.ports.alerts import AlertFilter
from falcon_scheduler.core.services.alerts import duty_watch
from falcon_scheduler.core.services.alerts.duty_watch import DutyWatch
from falcon_scheduler.core.services.duty import Periodic
from falcon_scheduler.core.services.status import Condition
from tests.alerts.conftest import Bench, Open
from tests.alerts.receiver import Receiver
from tests.conftest import wait_until


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """What fails twice in a row is an alert, however short that took."""
    monkeypatch.setattr(duty_watch, "FAILING_AFTER", timedelta())


async def one_of(facade: Bench, kind: AlertKind) -> Alert | None:
    return next((each for each in await facade.opened() if each.kind is kind), None)


async def test_several_facades_open_one_alert_of_a_part_and_one_resolves_it(bench: Open, receiver: Receiver) -> None:
    first = bench(webhooks=receiver.url())
    facades = [first, first.another(), first.another()]
    kind = AlertKind.ENGINE_NOT_PLANNING
    await asyncio.gather(*(each.alerts.service.open(kind, "Nothing is planned", "a") for each in facades))
    await first.alerts.service.open(kind, "Nothing is planned here either", "b")
    assert sorted(each.subject.part for each in await first.opened()) == ["a", "b"]
    await asyncio.gather(*(each.alerts.service.resolve(kind, "It is planned", "a") for each in facades))
    assert [each.subject.part for each in await first.opened()] == ["b"]
    for _ in range(2):
        await first.deliver()
    told = [(each.json["type"], each.json["data"]["part"]) for each in receiver.taken]
    assert sorted(told) == [("alert.opened", "a"), ("alert.opened", "b"), ("alert.recovered", "a")]


async def test_the_status_of_every_facade_says_what_a_service_alert_says(
    bench: Open, settings: Settings, prefect: Client
) -> None:
    facade = bench()
    elsewhere = join(settings, facade.stores, prefect, facade.crew).status
    assert (await elsewhere.status()).condition is Condition.HEALTHY
    await facade.alerts.service.open(AlertKind.UNREADABLE, "Run 7 can't be read", "run 7")
    status = await elsewhere.status()
    assert (status.condition, status.message) == (Condition.DEGRADED, "Run 7 can't be read")
    await facade.alerts.service.resolve(AlertKind.UNREADABLE, "Run 7 is gone", "run 7")
    assert (await elsewhere.status()).condition is Condition.HEALTHY


async def test_looks_at_the_tasks_leave_service_alerts_as_they_are(bench: Open) -> None:
    facade = bench()
    await facade.alerts.service.open(AlertKind.DUTY_FAILING, "The sweep fails", "sweep")
    await facade.end(await facade.task(enabled=False), True)
    await facade.look(times=3)
    assert await one_of(facade, AlertKind.DUTY_FAILING)


async def test_a_duty_that_fails_again_and_again_is_an_alert_until_it_succeeds(
    bench: Open, settings: Settings, prefect: Client, impatient: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The duties of a facade, on a database of the test's own; its preparation fails by a defect."""
    monkeypatch.setattr("falcon_scheduler.core.services.alerts.duty_watch.WATCH_INTERVAL", timedelta(seconds=0.2))
    facade = bench()
    services = join(settings, facade.stores, prefect)
    broken = True

    async def prepare() -> None:
        if broken:
            raise RuntimeError("a secret that no alert may hold")

    class Held:
        async def hold(self, *args: object) -> bool:
            return True

        async def give_up(self, *args: object) -> None: ...

    watch = DutyWatch(alerts=facade.alerts.service, probes=[])
    preparation = Periodic("prepare", prepare, timedelta(seconds=0.1))
    leader = Leader(office=Office(Held()), preparation=preparation, duties=[], at_once=[watch.duty()], watch=watch)
    working = asyncio.create_task(leader.run())
    try:
        alert = await wait_until(lambda: one_of(facade, AlertKind.DUTY_FAILING), "the alert is open")
        assert alert.subject.part == "prepare"
        assert "RuntimeError" in alert.text
        assert "secret" not in alert.text
        assert (await services.status.status()).condition is Condition.DEGRADED
        broken = False

        async def recovered() -> bool:
            wanted = AlertFilter(kind=AlertKind.DUTY_FAILING)
            page = await facade.store.list(wanted, PageRequest())
            return [each.state for each in page.items] == [AlertState.RECOVERED]

        await wait_until(recovered, "the alert has recovered")
    finally:
        working.cancel()
        await asyncio.gather(working, return_exceptions=True)


async def test_while_a_server_is_away_one_alert_names_it_and_none_the_duties(bench: Open, impatient: None) -> None:
    facade = bench()
    is_away = True

    async def ask() -> None:
        if is_away:
            raise Unavailable("Prefect")

    watch = DutyWatch(alerts=facade.alerts.service, probes=[Probe("prefect", ask)])
    for _ in range(3):
        for duty in ("sweep", "reconcile", "cleanup"):
            watch.failed(duty, "Prefect is not available")
        await watch.look()
    assert [(each.kind, each.subject.part) for each in await facade.opened()] == [
        (AlertKind.COMPONENT_AWAY, "prefect")
    ]
    is_away = False
    watch.succeeded("sweep")
    await watch.look()
    assert sorted(each.subject.part for each in await facade.opened()) == ["cleanup", "reconcile"]
    for duty in ("reconcile", "cleanup"):
        watch.succeeded(duty)
    await watch.look()
    assert await facade.opened() == []


async def test_what_a_facade_left_open_is_resolved_by_the_next_whose_duty_succeeds(
    bench: Open, impatient: None
) -> None:
    facade = bench()
    watch = DutyWatch(alerts=facade.alerts.service, probes=[])
    for _ in range(2):
        watch.failed("sweep", "Prefect refused a request with status 422")
    await watch.look()
    following = DutyWatch(alerts=facade.alerts.service, probes=[])
    await following.look()
    assert await one_of(facade, AlertKind.DUTY_FAILING), "nothing is known of the duty yet"
    following.succeeded("sweep")
    await following.look()
    assert await facade.opened() == []
