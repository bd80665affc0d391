"""A reload while a task is deleted or changed beside it, and the pace of the repeated reload."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator
from datetime import timedelta

import pytest

from falcon_scheduler.core.domain.run import Deployed
from falcon_scheduler.core.domain.task import DeployedAs, Task
from falcon_scheduler.core.errors import Unavailable
from falcon_scheduler.core.pace import Pace
from falcon_scheduler.core.services.mirror import reloading
from falcon_scheduler.core.services.mirror.repeated_reload import FIRST_SHARE, RepeatedReload
from tests.fakes.engine import MemoryDeployments
from tests.fakes.faults import Faults
from tests.fakes.shop import ADMIN, Kept, Shop, broken_rules
from tests.fakes.stores import MemoryTaskStore

LIST, DEPLOY, LIST_DEPLOYED = MemoryTaskStore.all, MemoryDeployments.deploy, MemoryDeployments.all


@pytest.mark.parametrize("moment", ["after it is listed", "while it is sent"])
async def test_a_task_that_is_deleted_during_a_reload_is_no_error_and_leaves_no_deployment(
    moment: str, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept = Kept()
    shop, other = Shop(kept, Faults()), Shop(kept, Faults())
    task, now = await shop.task(), kept.clock.now()
    await kept.tasks.change(task.id, lambda each: each.with_paused(True, "somebody", now).to_be_planned(now))

    async def delete() -> None:
        if task.id in kept.tasks.rows:
            await other.tasks.delete(task.id, ADMIN)

    async def listed(store: MemoryTaskStore) -> AsyncIterator[Task]:
        async for each in LIST(store):
            await delete()
            yield each

    async def sent(deployments: MemoryDeployments, task: Task) -> DeployedAs:
        await delete()
        return await DEPLOY(deployments, task)

    if moment == "after it is listed":
        monkeypatch.setattr(MemoryTaskStore, "all", listed)
    else:
        monkeypatch.setattr(MemoryDeployments, "deploy", sent)
    with caplog.at_level(logging.WARNING):
        outcome = await shop.reconcile.reload()
    assert outcome.failed == ()
    assert not caplog.text
    assert kept.tasks.rows == {}
    assert kept.engine.deployments == {}
    assert not broken_rules(kept)


async def test_a_task_that_is_changed_after_the_deployments_were_listed_is_left_as_it_was_sent(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A reload in slices compares with a list that is minutes old."""
    kept = Kept()
    shop, other = Shop(kept, Faults()), Shop(kept, Faults())
    task = await shop.task()
    sent: list[str] = []

    async def listed_early(deployments: MemoryDeployments) -> AsyncIterator[Deployed]:
        listed = [each async for each in LIST_DEPLOYED(deployments)]
        await other.tasks.update(task.id, {"schedule": "0 0 7 * * *"}, ADMIN)
        sent.clear()
        for each in listed:
            yield each

    async def noted(deployments: MemoryDeployments, task: Task) -> DeployedAs:
        sent.append(task.id)
        return await DEPLOY(deployments, task)

    monkeypatch.setattr(MemoryDeployments, "all", listed_early)
    monkeypatch.setattr(MemoryDeployments, "deploy", noted)
    outcome = await shop.reconcile.reload()
    assert (outcome.unchanged, outcome.updated, outcome.failed, sent) == (1, 0, (), [])
    assert (await shop.tasks.get(task.id)).definition.schedule == "0 0 7 * * *"


@pytest.mark.parametrize("beside", ["a reload", "the news of the former deployment"])
async def test_a_change_of_type_is_neither_undone_nor_taken_for_a_change_in_the_engine(
    beside: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The engine has the new deployment, and the former one is paused there, before the task names the new one."""
    kept = Kept()
    shop, other = Shop(kept, Faults()), Shop(kept, Faults())
    task = await shop.task(schedule="0 0 7 * * *")
    former = str(task.deployment_id)

    async def sent(deployments: MemoryDeployments, changed: Task) -> DeployedAs:
        as_sent = await DEPLOY(deployments, changed)
        monkeypatch.setattr(MemoryDeployments, "deploy", DEPLOY)
        if beside == "a reload":
            await other.reconcile.reload()
        else:
            await other.reconcile.follow(kept.engine.deployments[former])
        return as_sent

    monkeypatch.setattr(MemoryDeployments, "deploy", sent)
    await shop.tasks.update(task.id, {"type": "custom"}, ADMIN)
    changed = kept.tasks.rows[task.id]
    assert not changed.paused
    assert not kept.engine.removed & {changed.deployment_id}
    await other.reconcile.reload()
    assert {*kept.engine.deployments} == {changed.deployment_id}
    assert kept.engine.removed == {former}
    assert not broken_rules(kept)


async def test_a_deployment_that_replaces_a_lost_one_is_no_stray_for_a_reload_beside_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Were it removed, its task would be taken for one whose deployment a user removed."""
    monkeypatch.setattr(reloading, "REMOVAL_KNOWN_AFTER", timedelta())
    kept = Kept()
    shop, other = Shop(kept, Faults()), Shop(kept, Faults())
    task = await shop.task(schedule="0 0 7 * * *")
    kept.engine.deployments.clear()  # without an event: its database was restored

    async def sent(deployments: MemoryDeployments, lost: Task) -> DeployedAs:
        as_sent = await DEPLOY(deployments, lost)
        monkeypatch.setattr(MemoryDeployments, "deploy", DEPLOY)
        await other.reconcile.reload()
        return as_sent

    monkeypatch.setattr(MemoryDeployments, "deploy", sent)
    await shop.reconcile.reload()
    await other.reconcile.reload()
    assert kept.engine.removed == set()
    assert {*kept.engine.deployments} == {kept.tasks.rows[task.id].deployment_id}
    assert not broken_rules(kept)


async def test_the_repeated_reload_keeps_to_its_share_but_for_the_first_that_succeeds_in_an_office() -> None:
    shares: list[float] = []
    is_away = True

    async def reload(pace: Pace) -> None:
        shares.append(pace.share)
        if is_away:
            raise Unavailable("Prefect")

    duty = RepeatedReload(reload, 0.05)
    with pytest.raises(Unavailable):
        await duty.work()
    is_away = False
    await duty.work()
    await duty.work()
    duty.forget()
    await duty.work()
    assert shares == [FIRST_SHARE, FIRST_SHARE, 0.05, FIRST_SHARE]
