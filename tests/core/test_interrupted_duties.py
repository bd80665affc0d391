"""Whatever call of a duty or of a start fails, and however: the next time completes it, and nothing is done twice.

See `test_interrupted_operations`.
"""

from __future__ import annotations

import random
from dataclasses import replace
from datetime import timedelta

import pytest

from falcon_scheduler.core.domain.alert import Alert, AlertKind, Message
from falcon_scheduler.core.domain.alert_delivery import CLAIM, DeliveryState
from falcon_scheduler.core.domain.owed import OwedRun
from falcon_scheduler.core.domain.run import RunPhase
from falcon_scheduler.core.domain.task import Source, Task
from falcon_scheduler.core.domain.task_definition import TaskDefinition
from falcon_scheduler.core.ports import Change, ChangeKind
from falcon_scheduler.core.services.alerts.delivery import AlertDelivery
from falcon_scheduler.core.services.mirror import reloading
from falcon_scheduler.core.services.mirror.news import NewsFollower, NewsQueue
from falcon_scheduler.core.services.tasks.seeding import Seeding
from tests.fakes.alerts import MemoryAlertStore
from tests.fakes.engine import MemoryDeployments, MemoryRuns
from tests.fakes.faults import Fault, Faults
from tests.fakes.records import entries_of
from tests.fakes.shop import ADMIN, EVERY_MINUTE, Kept, Shop, broken_rules, repaired
from tests.fakes.trials import a_task, ended_in_the_engine, survived, trials


@pytest.fixture(autouse=True)
def removals_are_known_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reloading, "REMOVAL_KNOWN_AFTER", timedelta())


class Inbox:
    """See `core.ports.alerts.AlertChannel`: keeps the ids of messages in the order of their arrival."""

    name = "inbox"

    def __init__(self) -> None:
        self.ids: list[str] = []

    async def send(self, message: Message) -> None:
        self.ids.append(message.id)


def delivery_of(kept: Kept, alerts: MemoryAlertStore, inbox: Inbox, faults: Faults) -> AlertDelivery:
    return AlertDelivery(
        alerts=faults.through(alerts),
        channels=[faults.through(inbox)],
        clock=kept.clock,
        timeout=timedelta(seconds=10),
        give_up_after=timedelta(days=1),
    )


@pytest.mark.parametrize("kind", Fault)
async def test_every_alert_arrives_and_only_the_one_at_fault_arrives_twice(kind: Fault) -> None:
    for number in range(1, 12):
        kept, alerts, inbox = Kept(), MemoryAlertStore(), Inbox()
        for each in (AlertKind.FAILURES_IN_A_ROW, AlertKind.FAILURE_RATE, AlertKind.LATE_RUN):
            alert = Alert(id=each, kind=each, text="it is late", opened_at=kept.clock.now())
            await alerts.open(alert.announced_to(("inbox",)))
        faults = Faults(kind=kind, at=number)
        succeeded = await survived(delivery_of(kept, alerts, inbox, faults).deliver("inbox"))
        if not faults.happened:
            assert succeeded
            assert number == 11, "one call finds the alerts, and three deliver each"
            break
        if kind in {Fault.AWAY, Fault.ANSWER_LOST, Fault.NONSENSE} and number > 1:
            assert len(inbox.ids) >= 2, "the others arrive at once"
        for _ in range(3):
            kept.clock.advance(CLAIM)
            await delivery_of(kept, alerts, inbox, Faults()).deliver("inbox")
        assert len({*inbox.ids}) == 3, faults.happened
        assert len(inbox.ids) <= 4 or kind is Fault.AWAY_FROM_HERE, faults.happened
        states = {each.state for alert in alerts.rows.values() for each in alert.deliveries}
        assert states == {DeliveryState.DELIVERED}, faults.happened


def follower_of(shop: Shop) -> NewsFollower:
    return NewsFollower(
        NewsQueue(),
        mirror=shop.mirror,
        runs=shop.through(MemoryRuns(shop.kept.engine)),
        deployments=shop.through(MemoryDeployments(shop.kept.engine)),
        reconcile=shop.reconcile,
        note_deployments=lambda ids: None,
    )


async def changed_in_the_engine(kept: Kept, shop: Shop) -> Task:
    """Ended runs, a switch that was turned, and a deployment that was removed, all in the engine."""
    task = await ended_in_the_engine(kept, shop)
    switched, removed = await shop.task("switched"), await shop.task("removed")
    kept.clock.advance(timedelta(seconds=10))
    present = kept.engine.deployments[str(switched.deployment_id)]
    off = replace(present.as_deployed, active=False)
    kept.engine.deployments[off.id] = replace(present, as_deployed=off, changed_at=kept.clock.now())
    await MemoryDeployments(kept.engine).remove_deployment(str(removed.deployment_id))
    return task


def changes_in(kept: Kept) -> list[Change]:
    """All events of what happened there: also those that say what is no longer so."""
    phases = (RunPhase.WAITING, RunPhase.CLAIMED, RunPhase.RUNNING)
    runs = [
        Change(ChangeKind.RUN, run.id, phase) for run in kept.engine.runs.values() for phase in (*phases, run.phase)
    ]
    deployed = [Change(ChangeKind.DEPLOYMENT, each) for each in kept.engine.deployments]
    gone = [Change(ChangeKind.DEPLOYMENT_REMOVED, each) for each in kept.engine.removed]
    stale = [Change(ChangeKind.DEPLOYMENT, each) for each in kept.engine.removed]
    return [*runs, *deployed, *stale, *gone]


def outcome_of(kept: Kept) -> object:
    """What the history and the tasks hold in the end."""
    ends = sorted((each.started_at, str(each.status)) for each in kept.executions.rows.values())
    tasks = sorted(
        (task.definition.name, task.paused, task.record.total_runs, task.record.active)
        for task in kept.tasks.rows.values()
    )
    return ends, tasks


@pytest.mark.parametrize("seed", range(12))
async def test_events_that_repeat_and_come_in_any_order_lead_to_the_same(seed: int) -> None:
    outcomes = []
    for shuffled in (False, True):
        kept = Kept()
        await changed_in_the_engine(kept, Shop(kept, Faults()))
        follower, changes = follower_of(Shop(kept, Faults())), changes_in(kept)
        if shuffled:
            order = random.Random(seed)
            changes = order.choices(changes, k=len(changes)) + order.sample(changes, len(changes))
        size = seed % 3 + 1
        for start in range(0, len(changes), size):
            await follower.follow(changes[start : start + size])
        await repaired(kept)
        assert not broken_rules(kept)
        outcomes.append(outcome_of(kept))
    in_order, in_disorder = outcomes
    assert in_order == in_disorder


async def follow(shop: Shop, task: Task) -> None:
    await follower_of(shop).follow(changes_in(shop.kept))


@pytest.mark.parametrize("kind", Fault)
async def test_what_could_not_be_followed_is_found_by_the_sweep_and_the_reload(kind: Fault) -> None:
    async for trial in trials(changed_in_the_engine, follow, kind):
        names = {task.definition.name: task.paused for task in trial.kept.tasks.rows.values()}
        assert names == {"a task": False, "switched": True}, trial.what
        failed = [run for run in trial.kept.engine.runs.values() if run.phase is RunPhase.FAILED]
        assert trial.present is not None
        assert trial.present.record.failure_count == len(failed) >= 2, trial.what


DEFINED = {
    "system-new": TaskDefinition(name="New", type="system", schedule=EVERY_MINUTE),
    "system-changed": TaskDefinition(name="Changed", type="system", schedule="30 * * * * *"),
}
BEFORE = {
    "system-changed": TaskDefinition(name="Changed", type="system", schedule=EVERY_MINUTE),
    "system-gone": TaskDefinition(name="Gone", type="system", schedule=EVERY_MINUTE),
}


def seeding_of(shop: Shop) -> Seeding:
    return Seeding(tasks=shop.through(shop.kept.tasks), clock=shop.kept.clock, audit=shop.audit)


async def seeded_before(kept: Kept, shop: Shop) -> Task:
    await seeding_of(shop).seed(BEFORE)
    return await a_task(kept, shop)


async def seed(shop: Shop, task: Task) -> None:
    await seeding_of(shop).seed(DEFINED)


async def start_again(kept: Kept, shop: Shop) -> None:
    await seeding_of(shop).seed(DEFINED)


@pytest.mark.parametrize("kind", Fault)
async def test_the_next_start_completes_the_system_tasks_of_one_that_was_interrupted(kind: Fault) -> None:
    async for trial in trials(seeded_before, seed, kind, and_then=start_again):
        rows = trial.kept.tasks.rows
        assert rows.keys() == {*DEFINED, *BEFORE, trial.task.id}, trial.what
        assert {each: rows[each].definition for each in DEFINED} == DEFINED, trial.what
        assert {rows[each].source for each in DEFINED} == {Source.SYSTEM}, trial.what
        gone = rows["system-gone"]
        assert (gone.source, gone.definition.enabled) == (Source.RETIRED, False), trial.what
        assert entries_of(trial.kept.audit, "system-changed"), trial.what
        assert entries_of(trial.kept.audit, "system-gone"), trial.what


async def owing(kept: Kept, shop: Shop) -> Task:
    kept.clock.advance(timedelta(seconds=30))
    task, now = await shop.task(), kept.clock.now()
    await shop.tasks.update(task.id, {"schedule": "0 0 0 29 2 ?"}, ADMIN)  # no other run waits
    instants = [now - timedelta(seconds=seconds) for seconds in (3, 2)]
    return await kept.tasks.change(
        task.id, lambda each: each.owing([OwedRun(at=at, request="backfill") for at in instants])
    )


@pytest.mark.parametrize("kind", Fault)
async def test_each_owed_run_is_started_once_and_no_two_at_a_time(kind: Fault) -> None:
    async for trial in trials(owing, lambda shop, task: shop.owed.look(), kind):
        kept, shop = trial.kept, trial.shop
        for count in (1, 2):
            for _ in range(3):
                await shop.owed.look()
            started = [run_id for key, run_id in kept.engine.keys.items() if key.startswith("owed ")]
            assert len(started) == count, f"{trial.what}: the next one waits for the end of the one before"
            for run_id in started:
                kept.engine.enter(run_id, RunPhase.FAILED)
        await shop.owed.look()
        assert kept.tasks.rows[trial.task.id].owed == (), trial.what
