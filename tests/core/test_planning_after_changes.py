"""An instant runs although its plan was dropped by one change and the next change has moved the task on."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from falcon_scheduler.core.domain.execution import Trigger
from falcon_scheduler.core.domain.run import RunPhase
from falcon_scheduler.core.domain.task import DeployedAs, Task
from falcon_scheduler.core.errors import Unavailable
from falcon_scheduler.core.services.mirror import reloading
from tests.fakes.engine import MemoryDeployments, MemoryPlans
from tests.fakes.faults import Faults
from tests.fakes.shop import ADMIN, Kept, Shop, broken_rules

SECOND = timedelta(seconds=1)
FAR_AWAY = "0 0 0 29 2 ?"


def at(instant: datetime) -> str:
    """A schedule that names this instant, and the same one of each year."""
    return f"{instant.second} {instant.minute} {instant.hour} {instant.day} {instant.month} ?"


def runs_of(kept: Kept, instant: datetime) -> list[RunPhase]:
    runs = kept.engine.runs.values()
    return [run.phase for run in runs if run.due_at == instant and run.trigger is Trigger.SCHEDULE]


async def changed_by_a_process_that_died(kept: Kept, task: Task, schedule: str) -> None:
    now = kept.clock.now()

    def orphaned(each: Task) -> Task:
        return each.redefined(replace(each.definition, schedule=schedule), "me", now).to_be_planned(now)

    await kept.tasks.change(task.id, orphaned)


@pytest.mark.parametrize("door", ["an event", "a reload"])
async def test_news_of_an_earlier_change_do_not_hide_one_that_was_not_sent(door: str) -> None:
    kept = Kept()
    shop = Shop(kept, Faults())
    task = await shop.task(schedule=FAR_AWAY)
    [as_created] = kept.engine.deployments.values()
    kept.clock.advance(SECOND)
    instant = kept.clock.now() + 2 * SECOND
    await changed_by_a_process_that_died(kept, task, at(instant))
    if door == "an event":
        await shop.reconcile.follow(as_created)
        assert kept.tasks.rows[task.id].unplanned_since is not None
    else:
        await shop.reconcile.reload()
    kept.clock.advance(90 * SECOND)
    await shop.plan.look()
    assert len(runs_of(kept, instant)) == 1
    assert kept.tasks.rows[task.id].unplanned_since is None


async def test_a_plan_that_failed_is_completed_from_the_change_on_when_a_later_change_is_followed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    kept = Kept()
    shop = Shop(kept, Faults())
    task = await shop.task(schedule=FAR_AWAY)
    instant = kept.clock.now() + 2 * SECOND

    async def away(plans: MemoryPlans, task: Task, since: datetime) -> None:
        raise Unavailable("Prefect")

    with monkeypatch.context() as patch:
        patch.setattr(MemoryPlans, "plan", away)
        await shop.tasks.update(task.id, {"schedule": at(instant)}, ADMIN)
    assert runs_of(kept, instant) == []
    kept.clock.advance(4 * SECOND)
    [present] = kept.engine.deployments.values()
    await shop.reconcile.follow(replace(present, changed_at=kept.clock.now()))
    assert len(runs_of(kept, instant)) == 1
    assert kept.tasks.rows[task.id].unplanned_since is None


@pytest.mark.parametrize("watched_by", ["the same leader", "a new leader"])
async def test_an_instant_whose_run_was_dropped_is_made_up_for_after_a_change_moved_the_task_on(
    watched_by: str,
) -> None:
    kept = Kept()
    shop = Shop(kept, Faults())
    instant = kept.clock.now() + 20 * SECOND
    task = await shop.task(schedule=at(instant))
    await shop.plan.look()
    kept.clock.advance(19 * SECOND)
    await MemoryDeployments(kept.engine).deploy(kept.tasks.rows[task.id])  # another drops the plan and dies
    assert runs_of(kept, instant) == []
    kept.clock.advance(5 * SECOND)
    await shop.tasks.update(task.id, {"description": "moves next_run on"}, ADMIN)
    assert kept.tasks.rows[task.id].next_run > instant + timedelta(days=300)  # type: ignore[operator]
    kept.engine.forget_runs([*kept.engine.runs])  # whatever the change had planned is dropped again
    kept.clock.advance(10 * SECOND)
    watch = shop.plan if watched_by == "the same leader" else Shop(kept, Faults()).plan
    await watch.look()
    assert len(runs_of(kept, instant)) == 1
    kept.clock.advance(10 * SECOND)
    await watch.look()
    assert len(runs_of(kept, instant)) == 1


async def test_instants_of_a_deployment_that_the_engine_lost_run_once_it_is_deployed_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(reloading, "REMOVAL_KNOWN_AFTER", timedelta())
    kept = Kept()
    shop = Shop(kept, Faults())
    instant = kept.clock.now() + 5 * SECOND
    task = await shop.task(schedule=at(instant))
    deleted = await shop.task("deleted", schedule=at(instant))
    await shop.plan.look()
    kept.engine.deployments.clear()  # the engine's database was restored from an older copy
    kept.engine.forget_runs([*kept.engine.runs])
    kept.clock.advance(20 * SECOND)
    await shop.plan.look()
    assert runs_of(kept, instant) == []
    await shop.tasks.delete(deleted.id, ADMIN)
    kept.clock.advance(40 * SECOND)
    await shop.reconcile.reload()
    await shop.plan.look()
    assert [run.deployment_id for run in kept.engine.runs.values() if run.due_at == instant] == [
        kept.tasks.rows[task.id].deployment_id
    ]


async def test_a_create_that_the_engine_takes_long_for_is_sent_once(monkeypatch: pytest.MonkeyPatch) -> None:
    kept = Kept()
    shop = Shop(kept, Faults())
    sent: list[str] = []
    deploy = MemoryDeployments.deploy

    async def slowly(deployments: MemoryDeployments, task: Task) -> DeployedAs:
        sent.append(task.id)
        kept.clock.advance(30 * SECOND)
        if len(sent) == 1:
            await shop.plan.look()
            await shop.reconcile.reload()
        return await deploy(deployments, task)

    monkeypatch.setattr(MemoryDeployments, "deploy", slowly)
    task = await shop.task(schedule=FAR_AWAY)
    assert sent == [task.id]
    assert task.unplanned_since is None
    assert not broken_rules(kept)


@pytest.mark.parametrize("change", ["pause", "edit"])
async def test_runs_that_the_planner_stores_after_a_pause_or_an_edit_are_removed(change: str) -> None:
    kept = Kept()
    shop = Shop(kept, Faults())
    task = await shop.task(schedule="*/5 * * * * *")
    before = kept.tasks.rows[task.id]
    if change == "pause":
        await shop.tasks.pause(task.id, ADMIN)
    else:
        await shop.tasks.update(task.id, {"schedule": "*/10 * * * * *"}, ADMIN)
    now = kept.clock.now()
    stored = [now + number * 5 * SECOND for number in range(1, 9)]
    await MemoryPlans(kept.engine).plan_instants(before, stored)  # the planner had read the former schedule
    for _ in range(4):
        await shop.plan.look()
        kept.clock.advance(5 * SECOND)
    left = [each for each in stored[4:] if runs_of(kept, each)]
    assert left == ([] if change == "pause" else [stored[5], stored[7]])


async def test_an_instant_for_which_it_is_too_late_is_not_planned_any_more() -> None:
    kept = Kept()
    shop = Shop(kept, Faults())
    now = kept.clock.now()
    late, in_time = at(now + 10 * SECOND), now + 40 * SECOND
    for name, rules in (("late", {"start_within": 5 * SECOND}), ("free", {})):
        task = await shop.task(name, schedule=f"{late}; {at(in_time)}", end_at=now + timedelta(days=400), **rules)
        kept.engine.forget_runs([*kept.engine.runs])
        kept.clock.advance(30 * SECOND)
        await kept.tasks.change(task.id, lambda each: each.to_be_planned(now))
        await shop.plan.look()
        planned = [bool(runs_of(kept, each)) for each in (now + 10 * SECOND, in_time)]
        assert planned == [name == "free", True]
        kept.engine.forget_runs([*kept.engine.runs])
        kept.clock.advance(-30 * SECOND)
