"""A reload while a task is deleted beside it."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator

import pytest

from falcon_scheduler.core.domain.task import DeployedAs, Task
from tests.fakes.engine import MemoryDeployments
from tests.fakes.faults import Faults
from tests.fakes.shop import ADMIN, Kept, Shop, broken_rules
from tests.fakes.stores import MemoryTaskStore

LIST, DEPLOY = MemoryTaskStore.all, MemoryDeployments.deploy


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
