"""Instants that had no run because a part was away, or the whole service was down."""

from __future__ import annotations

import pytest

from falcon_scheduler.core.domain.alert import Alert, AlertKind, Subject
from falcon_scheduler.core.domain.explanation import Cause
from falcon_scheduler.core.domain.occurrence import Fate, Occurrence, Reason
from tests.core.ledger_world import MINUTE, World, a_task
from tests.fakes.clock import NOON
from tests.fakes.faults import Fault
from tests.fakes.trials import survived


@pytest.mark.parametrize(
    ("kind", "part", "reason"),
    [
        (AlertKind.COMPONENT_AWAY, "prefect", Reason.ENGINE_AWAY),
        (AlertKind.COMPONENT_AWAY, "mongodb", Reason.STORE_AWAY),
        (AlertKind.COMPONENT_AWAY, "redis", Reason.NOT_PLANNED),
        (AlertKind.ENGINE_NOT_PLANNING, "", Reason.NOT_PLANNED),
    ],
)
async def test_an_alert_of_the_time_names_the_part_that_was_away(kind: AlertKind, part: str, reason: Reason) -> None:
    world = World()
    await world.put(a_task())
    await world.begins()
    alert = Alert(id="a", kind=kind, subject=Subject(part=part), text="away", opened_at=NOON + 2 * MINUTE)
    await world.alerts.open(alert)
    await world.alerts.change("a", lambda each: each.recovered(NOON + 5 * MINUTE, "back"))
    await world.passes(8)
    await world.settles()
    rows = {minute: row.reason for row in world.store.rows.values() for minute in minutes_of(row)}
    assert {rows[minute] for minute in (2, 3, 4, 5)} == {reason}
    assert rows[1] is Reason.NOT_PLANNED


def minutes_of(row: Occurrence) -> list[int]:
    return [*range((row.at - NOON) // MINUTE, (row.until - NOON) // MINUTE + 1)]


async def test_a_service_that_was_down_is_named_by_the_gap_between_its_notes() -> None:
    world = World()
    await world.put(a_task())
    await world.begins()
    await world.outages().note()
    await world.passes(20)
    await world.outages().note()
    await world.settles()
    [row] = [each for each in await world.fates() if each.fate is Fate.MISSED]
    assert (row.reason, row.since) == (Reason.SERVICE_DOWN, NOON)


async def test_while_mongodb_refuses_the_notes_it_is_mongodb_that_was_away() -> None:
    world = World()
    outages = world.outages()
    await outages.note()
    await world.passes(1)
    world.faults.kind, world.faults.at = Fault.AWAY_FROM_HERE, world.faults.number + 1
    assert not await survived(outages.note())
    world.faults.at = None
    await world.passes(5)
    await outages.note()
    [outage] = await world.store.outages(NOON, NOON + 10 * MINUTE)
    assert (outage.cause, outage.since, outage.until) == (Cause.STORE_AWAY, NOON, NOON + 6 * MINUTE)
