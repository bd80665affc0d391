"""The causes of executions: those that were requested by hand, wait, never began, or were cancelled."""

from __future__ import annotations

from dataclasses import replace

import pytest

from falcon_scheduler.core.domain.audit import Action
from falcon_scheduler.core.domain.execution import Trigger
from falcon_scheduler.core.domain.explanation import Cause, Explanation
from falcon_scheduler.core.domain.outcome import NEVER_BEGAN_ERROR, VANISHED_ERROR
from falcon_scheduler.core.domain.task_definition import Overlap
from tests.core.explained_world import DUE, SECOND, World, a_run, a_waiting_run, add_run, completed, never_began


async def test_an_execution_that_was_requested_by_hand_has_no_instant_to_make_up_for() -> None:
    world = World()
    world.task = world.task.with_paused(True, "u", DUE - 10 * SECOND)
    for trigger in (Trigger.MANUAL, Trigger.PREFECT):
        late = replace(completed(a_run(40 * SECOND, at=DUE + SECOND)), trigger=trigger, queued_at=DUE + SECOND)
        explained = await world.explaining().explain_execution(world.task, late)
        assert (explained.cause, explained.at) == (Cause.LATE, None)
        assert "missed_because" not in {each.name for each in explained.facts}


async def test_a_request_that_was_cancelled_before_it_began_was_cancelled() -> None:
    world = World()
    asked = replace(
        a_waiting_run(), trigger=Trigger.MANUAL, scheduled_for=None, queued_at=DUE + SECOND, started_at=DUE + SECOND
    )
    explained = await world.explaining().explain_execution(world.task, asked.cancelled(DUE + 20 * SECOND))
    assert explained.cause is Cause.CANCELLED


@pytest.mark.parametrize("error", [NEVER_BEGAN_ERROR, VANISHED_ERROR, "Task 't' was not found"])
async def test_what_never_began_has_no_begin_among_its_facts(error: str) -> None:
    world = World()
    await add_run(world, never_began(error))
    assert not {"began_at", "late", "late_at_start"} & {each.name for each in (await world.explain()).facts}


async def test_of_two_that_wait_only_the_later_one_is_behind_the_other() -> None:
    world = World()
    world.overlapping(Overlap.QUEUE)
    first, second = (
        replace(a_waiting_run(), id=name, trigger=Trigger.MANUAL, queued_at=at, started_at=at)
        for name, at in (("first", DUE), ("second", DUE + SECOND))
    )
    for each in (first, second):
        await add_run(world, each)
    assert (await world.explaining().explain_execution(world.task, first)).cause is not Cause.BEHIND
    explained = await world.explaining().explain_execution(world.task, second)
    assert (explained.cause, named(explained)["execution_in_front"]) == (Cause.BEHIND, "first")
    await add_run(world, replace(a_run(id="at work"), trigger=Trigger.MANUAL, queued_at=DUE + 30 * SECOND))
    for each in (first, second):
        explained = await world.explaining().explain_execution(world.task, each)
        assert named(explained)["execution_in_front"] == "at work"


async def test_each_of_two_cancellations_has_its_own_author() -> None:
    world = World()
    first, second = (a_run(id=name).cancelled(DUE + 30 * SECOND) for name in ("first", "second"))
    for name, at in (("first", DUE + 5 * SECOND), ("second", DUE + 10 * SECOND)):
        await world.audited(Action.CANCEL, at)
        entry = world.audit.rows.pop(str(Action.CANCEL))
        world.audit.rows[name] = replace(entry, id=name, user_id=name, after={"execution_id": name})
    for execution in (first, second):
        explained = await world.explaining().explain_execution(world.task, execution)
        assert (named(explained)["by"], named(explained)["audit_entry"]) == (execution.id, execution.id)


def named(explained: Explanation) -> dict[str, str]:
    return {each.name: each.value for each in explained.facts}
