"""Whatever call of a change of tasks fails, and however: after the repair nothing is lost, doubled or half written.

The duties of another process repair what was left behind, and the rules of docs/reliability.md are checked. The
servers are the fakes of `tests.fakes`, which pass the contract suites of the real ones. The operations on runs are in
`test_interrupted_runs`.
"""

from __future__ import annotations

from datetime import timedelta

import pytest

from falcon_scheduler.core.domain.audit import Action, ChangeOutcome
from falcon_scheduler.core.domain.task import Task
from falcon_scheduler.core.services.mirror import reloading
from tests.fakes.faults import Fault
from tests.fakes.records import entries_of
from tests.fakes.shop import ADMIN, Shop
from tests.fakes.trials import (
    DAY,
    Operate,
    Prepare,
    a_task,
    another_name_is_free,
    at_work,
    disabled,
    out_of_step,
    paused,
    paused_in_the_engine,
    trials,
)


@pytest.fixture(autouse=True)
def removals_are_known_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reloading, "REMOVAL_KNOWN_AFTER", timedelta())


async def new(shop: Shop, task: Task) -> object:
    return await shop.task("new")


async def update(shop: Shop, task: Task) -> object:
    return await shop.tasks.update(task.id, {"schedule": "30 * * * * *", "timeout": timedelta(minutes=1)}, ADMIN)


OPERATIONS: dict[str, tuple[Prepare, Operate]] = {
    "create": (another_name_is_free, new),
    "update": (a_task, update),
    "delete": (at_work, lambda shop, task: shop.tasks.delete(task.id, ADMIN)),
    "pause": (a_task, lambda shop, task: shop.tasks.pause(task.id, ADMIN)),
    "resume": (paused, lambda shop, task: shop.tasks.resume(task.id, ADMIN)),
    "enable": (disabled, lambda shop, task: shop.tasks.enable(task.id, ADMIN)),
    "disable": (a_task, lambda shop, task: shop.tasks.disable(task.id, ADMIN)),
    "reload": (out_of_step, lambda shop, task: shop.reconcile.reload_for(ADMIN)),
    "take over a switch": (paused_in_the_engine, lambda shop, task: shop.reconcile.reload()),
    "watch the plan": (a_task, lambda shop, task: shop.plan.look()),
}


@pytest.mark.parametrize("kind", Fault)
@pytest.mark.parametrize("name", ["reload", "take over a switch", "watch the plan"])
async def test_no_rule_is_broken_whichever_call_of_an_operation_fails(name: str, kind: Fault) -> None:
    prepare, operate = OPERATIONS[name]
    assert [each async for each in trials(prepare, operate, kind)]


@pytest.mark.parametrize("kind", Fault)
async def test_a_create_is_whole_or_not_at_all(kind: Fault) -> None:
    async for trial in trials(another_name_is_free, new, kind):
        named = [task for task in trial.kept.tasks.rows.values() if task.definition.name == "new"]
        may_stay = kind in {Fault.DIES_AFTER, Fault.DIES_BEFORE, Fault.AWAY_FROM_HERE}  # nobody can take it back
        assert trial.succeeded == bool(named) or may_stay, trial.what
        assert all(entries_of(trial.kept.audit, task.id) for task in named), trial.what


@pytest.mark.parametrize("kind", Fault)
async def test_a_task_is_deleted_with_all_that_it_had_or_stays(kind: Fault) -> None:
    async for trial in trials(at_work, OPERATIONS["delete"][1], kind):
        if trial.present is not None:
            assert not trial.succeeded, trial.what
            await trial.shop.tasks.delete(trial.task.id, ADMIN)  # a repeat completes it
        assert trial.deployments == [], trial.what
        assert entries_of(trial.kept.audit, trial.task.id), trial.what
        trial.kept.clock.advance(2 * DAY)
        await trial.shop.mirror.sweep()
        await trial.shop.retention.clean(DAY)
        assert trial.kept.executions.rows == {}, trial.what


@pytest.mark.parametrize("kind", Fault)
@pytest.mark.parametrize("name", ["update", "pause", "resume", "enable", "disable"])
async def test_a_change_that_was_made_stays_and_is_in_the_audit(name: str, kind: Fault) -> None:
    prepare, operate = OPERATIONS[name]
    async for trial in trials(prepare, operate, kind):
        assert trial.present is not None, trial.what
        changed = (trial.present.definition, trial.present.paused) != (trial.task.definition, trial.task.paused)
        assert changed or not trial.succeeded, trial.what
        entries = [each for each in entries_of(trial.kept.audit, trial.task.id) if each.action is Action(name)]
        assert entries or not changed, f"{trial.what}: the change is in no entry"
        assert changed or ChangeOutcome.APPLIED not in {each.outcome for each in entries}, trial.what
        await operate(trial.shop, trial.task)  # a repeat does what is left
