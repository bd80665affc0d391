"""Whatever call of an import fails, and however: the same import again completes it.

See `test_interrupted_operations`.
"""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

import pytest

from falcon_scheduler.api_facade.container import Container
from falcon_scheduler.api_facade.imports import import_all
from falcon_scheduler.api_facade.schemas.batches import ImportResult
from falcon_scheduler.core.domain.task import Task
from tests.fakes.faults import Fault, Faults
from tests.fakes.records import entries_of
from tests.fakes.shop import ADMIN, EVERY_MINUTE, AnyExecutor, Kept, Shop, broken_rules, repaired
from tests.fakes.trials import a_task, survived, trials

GIVEN: dict[str, Any] = {"type": "function", "schedule": EVERY_MINUTE, "config": {"function": "noop"}}
BODIES = [{**GIVEN, "name": "first", "id": "first"}, {**GIVEN, "name": "second"}]
NAMES = [body["name"] for body in BODIES]


async def imported(shop: Shop, *, overwrite: bool = False) -> ImportResult:
    parts = SimpleNamespace(tasks=shop.tasks, catalog=AnyExecutor(), clock=shop.kept.clock, default_timezone="UTC")
    return await import_all(cast(Container, parts), BODIES, ADMIN, overwrite=overwrite)


async def bring(shop: Shop, task: Task) -> None:
    await imported(shop)


@pytest.mark.parametrize("kind", Fault)
@pytest.mark.parametrize("overwrite", [False, True])
async def test_an_import_that_was_interrupted_is_completed_by_the_same_import(kind: Fault, overwrite: bool) -> None:
    async for trial in trials(a_task, bring, kind):
        again = await imported(trial.shop, overwrite=overwrite)
        assert not again.failed_tasks, trial.what
        brought = [each for each in trial.kept.tasks.rows.values() if each.definition.name in NAMES]
        assert sorted(each.definition.name for each in brought) == sorted(NAMES), trial.what
        assert sorted(trial.deployments) == sorted(trial.kept.tasks.rows), trial.what
        assert all(entries_of(trial.kept.audit, each.id) for each in brought), trial.what
        assert not broken_rules(trial.kept), trial.what


async def test_a_task_with_a_given_id_whose_insert_lost_its_answer_stays_and_is_completed() -> None:
    """Nobody knows whose task has the id then, and a repeat of the import would find it."""
    stayed = []
    for number in range(1, 20):
        kept = Kept()
        faults = Faults(kind=Fault.ANSWER_LOST, at=number)
        shop = Shop(kept, faults)
        assert await survived(bring(shop, await a_task(kept, Shop(kept, Faults()))))
        if faults.happened != ["MemoryTaskStore.insert"]:
            continue
        await repaired(kept)
        stayed += [each for each in kept.tasks.rows.values() if each.definition.name in NAMES]
        assert not broken_rules(kept)
        again = await imported(Shop(kept, Faults()), overwrite=True)
        assert (again.imported, again.failed) == (2, 0)
    assert "first" in {each.id for each in stayed}
