"""What every `AlertStore` does, whatever server it is on."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from falcon_scheduler.core.domain.alert import Alert, AlertKind, AlertState, Subject
from falcon_scheduler.core.ports import PageRequest
from falcon_scheduler.core.ports.alerts import AlertFilter, AlertStore
from tests.stores.conftest import StoresUnderTest
from tests.stores.samples import MINUTE, NOON


@pytest.fixture
def store(stores: StoresUnderTest) -> AlertStore:
    return stores.alerts


def an_alert(id: str, task_id: str = "", minutes: int = 0, **fields: Any) -> Alert:
    kind = AlertKind.LATE_RUN if task_id else AlertKind.NO_WORKER
    given = {"kind": kind, "text": "late", "subject": Subject(task_id=task_id, task_name=task_id), **fields}
    return Alert(id=id, opened_at=NOON + minutes * MINUTE, **given)


def recovered(minutes: int) -> Any:
    return lambda alert: alert.recovered(NOON + minutes * MINUTE, "it ran")


async def listed(store: AlertStore, **wanted: Any) -> list[str]:
    return [each.id for each in (await store.list(AlertFilter(**wanted), PageRequest())).items]


async def test_of_one_key_one_alert_is_open(store: AlertStore) -> None:
    opened = await asyncio.gather(*(store.open(an_alert(f"a{number}", "t")) for number in range(5)))
    assert sum(opened) == 1
    [alert] = await store.opened()
    assert await store.open(an_alert("b", "another task"))
    assert await store.change(alert.id, recovered(5)) is not None
    assert await store.open(an_alert("c", "t", 9))
    assert {each.id for each in await store.opened()} == {"b", "c"}


async def test_what_is_stored_is_read_again_as_it_was(store: AlertStore) -> None:
    alert = an_alert("a", "t").announced_to(("mail", "chat"))
    assert await store.open(alert)
    assert [*await store.opened()] == [alert]
    changed = await store.change("a", lambda each: each.claimed(each.deliveries[0], NOON))
    assert changed is not None
    assert [*await store.opened()] == [changed]
    over = await store.change("a", recovered(3))
    assert [*(await store.list(AlertFilter(), PageRequest())).items] == [over]


async def test_a_change_that_changes_nothing_or_nobody_reports_it(store: AlertStore) -> None:
    await store.open(an_alert("a"))
    assert await store.change("a", lambda each: each) is None
    assert await store.change("unknown", recovered(1)) is None
    assert await store.change("a", recovered(1)) is not None
    assert await store.change("a", recovered(2)) is None


async def test_of_several_claims_of_a_delivery_one_is_made(store: AlertStore) -> None:
    alert = an_alert("a").announced_to(("mail",))
    await store.open(alert)
    claim = alert.deliveries[0]
    claims = await asyncio.gather(*(store.change("a", lambda each: each.claimed(claim, NOON)) for _ in range(5)))
    assert sum(each is not None for each in claims) == 1
    [stored] = await store.opened()
    assert stored.deliveries[0].attempts == 1


async def test_open_alerts_are_found_by_task_and_by_kind(store: AlertStore) -> None:
    for alert in (an_alert("a", "t"), an_alert("b", "u", 1), an_alert("c", minutes=-1), an_alert("d", "v")):
        await store.open(alert)
    await store.change("d", recovered(1))
    assert {each.id for each in await store.opened(["t", "v", "unknown"])} == {"a"}
    assert [*await store.opened([])] == []
    found = await store.opened_of([AlertKind.LATE_RUN, AlertKind.NO_WORKER])
    assert [each.id for each in found] == ["c", "a", "b"]
    assert [each.id for each in await store.opened_of([AlertKind.NO_WORKER])] == ["c"]


async def test_deliveries_are_due_longest_waiting_first(store: AlertStore) -> None:
    for number in (3, 1, 2):
        await store.open(an_alert(f"a{number}", f"t{number}", number).announced_to(("mail",)))
    await store.open(an_alert("other", "u").announced_to(("chat",)))
    await store.open(an_alert("nobody", "v"))
    assert [each.id for each in await store.due("mail", NOON + 2 * MINUTE, 10)] == ["a1", "a2"]
    assert [each.id for each in await store.due("mail", NOON + 9 * MINUTE, 1)] == ["a1"]
    assert set(await store.waiting_channels()) == {"mail", "chat"}
    await store.change("other", lambda each: each.delivered(each.deliveries[0], NOON))
    assert [*await store.waiting_channels()] == ["mail"]


async def test_lists_are_filtered_paged_and_newest_first(store: AlertStore) -> None:
    for alert in (an_alert("b", "t", 1), an_alert("a", "u", 1), an_alert("c", minutes=2)):
        await store.open(alert)
    await store.change("b", recovered(5))
    assert await listed(store) == ["c", "a", "b"]
    assert await listed(store, state=AlertState.OPEN) == ["c", "a"]
    assert await listed(store, state=AlertState.RECOVERED) == ["b"]
    assert await listed(store, kind=AlertKind.NO_WORKER) == ["c"]
    assert await listed(store, task_id="u") == ["a"]
    page = await store.list(AlertFilter(), PageRequest(page=2, size=2))
    assert ([each.id for each in page.items], page.total) == (["b"], 3)


async def test_what_is_over_for_long_is_forgotten(store: AlertStore) -> None:
    for number in range(3):
        await store.open(an_alert(f"a{number}", f"t{number}"))
    await store.change("a0", recovered(1))
    await store.change("a1", recovered(9))
    assert await store.forget(NOON + 5 * MINUTE) == 1
    assert await store.forget(NOON + 5 * MINUTE) == 0
    assert await listed(store) == ["a1", "a2"]
