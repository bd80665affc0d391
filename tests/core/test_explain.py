"""Each cause is named when it is the cause, and no other one: on stores in memory, at any instant."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from falcon_scheduler.core.domain.alert import AlertKind
from falcon_scheduler.core.domain.attempt import with_ended
from falcon_scheduler.core.domain.audit import Action
from falcon_scheduler.core.domain.execution import Trigger
from falcon_scheduler.core.domain.explanation import SENTENCES, WHAT_TO_DO, Cause
from falcon_scheduler.core.domain.occurrence import Occurrence, Reason
from falcon_scheduler.core.domain.outcome import (
    DIED_ERROR,
    NEVER_BEGAN_ERROR,
    SHUTDOWN_ERROR,
    STALE_ERROR,
    VANISHED_ERROR,
    ExecutionOutcome,
)
from falcon_scheduler.core.domain.skip import Skip
from falcon_scheduler.core.domain.task_definition import Overlap
from falcon_scheduler.core.domain.workforce import Workforce
from tests.core.explained_world import (
    DUE,
    SECOND,
    Cases,
    World,
    a_run,
    a_waiting_run,
    add_run,
    completed,
    crashed,
    never_began,
)
from tests.fakes.clock import SetClock

case = Cases()


@case(Cause.ON_TIME)
async def it_ran_in_time(world: World) -> None:
    await add_run(world, completed(a_run()))


@case(Cause.ON_TIME)
async def a_second_run_of_the_instant_was_skipped(world: World) -> None:
    await add_run(world, completed(a_run()))
    await add_run(world, replace(a_waiting_run(), id="b").skipped(Skip.already_served(), DUE))


@case(Cause.ON_TIME)
async def a_second_run_of_the_instant_was_refused_while_the_first_was_at_work(world: World) -> None:
    await add_run(world, completed(a_run()))
    for name, holder in (("b", "run"), ("c", "")):
        await add_run(world, replace(a_waiting_run(), id=name).skipped(Skip.still_running(holder), DUE))


@case(Cause.RUNNING)
async def it_is_at_work(world: World) -> None:
    await add_run(world, replace(a_run(), heartbeat_at=world.clock.now()))


@case(Cause.SILENT)
async def its_process_is_frozen(world: World) -> None:
    await add_run(world, replace(a_run(), heartbeat_at=world.clock.now() - 9 * SECOND))


@case(Cause.RETRYING)
async def it_waits_for_another_attempt(world: World) -> None:
    attempts = with_ended(a_run().attempts, DUE + 2 * SECOND, ExecutionOutcome.FAILED, "no")
    await add_run(world, replace(a_run(), attempts=attempts))


@case(Cause.FAILED)
async def its_work_failed(world: World) -> None:
    await add_run(world, a_run().failed(DUE + 5 * SECOND, "it broke", ExecutionOutcome.FAILED))


@case(Cause.FAILED)
async def its_work_failed_after_it_began_late(world: World) -> None:
    await world.away(AlertKind.NO_WORKER, "", until=DUE + 30 * SECOND)
    await add_run(world, a_run(40 * SECOND).failed(DUE + 50 * SECOND, "it broke", ExecutionOutcome.FAILED))


@case(Cause.TIMED_OUT)
async def it_took_too_long(world: World) -> None:
    await add_run(world, a_run().failed(DUE + 5 * SECOND, "Task timed out after 4s", ExecutionOutcome.TIMED_OUT))


@case(Cause.KILLED)
async def its_process_was_killed(world: World) -> None:
    await add_run(world, crashed("Crashed: The run's process was killed by signal 9 (SIGKILL): out of memory"))


@case(Cause.LOST)
async def its_process_died(world: World) -> None:
    await add_run(world, crashed(DIED_ERROR))


@case(Cause.STALE)
async def it_was_stale(world: World) -> None:
    await add_run(world, crashed(STALE_ERROR))


@case(Cause.WORKER_STOPPED)
async def its_worker_was_stopped(world: World) -> None:
    await add_run(world, crashed(SHUTDOWN_ERROR))


@case(Cause.CRASHED)
async def it_crashed_in_prefect(world: World) -> None:
    await add_run(world, crashed("Crashed: Prefect cancelled the run by itself: its slot was lost"))


@case(Cause.REMOVED)
async def its_run_was_removed_in_prefect(world: World) -> None:
    await add_run(world, never_began(VANISHED_ERROR))


@case(Cause.WORKER_DIED)
async def its_worker_died_before_it_began(world: World) -> None:
    await add_run(world, never_began(NEVER_BEGAN_ERROR))


@case(Cause.STORE_AWAY)
async def it_could_not_begin_without_mongodb(world: World) -> None:
    error = "MongoDB is not available; try again later"
    await add_run(world, a_waiting_run().failed(DUE + 40 * SECOND, error, ExecutionOutcome.FAILED))


@case(Cause.CANCELLED)
async def it_was_cancelled_at_work(world: World) -> None:
    await world.audited(Action.CANCEL, DUE + 4 * SECOND)
    await add_run(world, a_run().cancelled(DUE + 5 * SECOND))


@case(Cause.CANCELLED)
async def it_was_stopped_before_it_began(world: World) -> None:
    await world.audited(Action.STOP, DUE + 4 * SECOND)
    world.task = world.task.with_paused(True, "u", DUE + 4 * SECOND)
    await add_run(world, a_waiting_run().cancelled(DUE + 5 * SECOND))


@case(Cause.CANCELLED)
async def it_was_stopped_while_another_went_first(world: World) -> None:
    ended = DUE + 70 * SECOND
    await world.audited(Action.STOP, ended - SECOND)
    world.task = world.task.with_paused(True, "u", ended - SECOND)
    await add_run(world, replace(a_waiting_run().cancelled(ended), started_at=ended))


@case(Cause.REPLACED)
async def a_newer_run_took_its_place_before_the_task_was_stopped(world: World) -> None:
    await a_newer_run_took_its_place(world)
    await world.audited(Action.STOP, DUE + 32 * SECOND)


@case(Cause.REPLACED)
async def a_newer_run_took_its_place(world: World) -> None:
    world.overlapping(Overlap.CANCEL_RUNNING)
    await add_run(world, a_run().cancelled(DUE + 30 * SECOND))
    newer = replace(a_run(id="newer", at=DUE + 29 * SECOND), trigger=Trigger.MANUAL)
    await add_run(world, replace(newer, started_at=DUE + 31 * SECOND))


@case(Cause.OVERLAP)
async def the_run_before_it_was_at_work(world: World) -> None:
    await add_run(world, a_run(id="before", at=DUE - timedelta(minutes=30)))
    await add_run(world, a_waiting_run().skipped(Skip.still_running("before"), DUE))


@case(Cause.LOCK_HELD)
async def somebody_else_held_the_lock(world: World) -> None:
    await add_run(world, a_waiting_run().skipped(Skip.still_running("a stranger"), DUE))


@case(Cause.SCHEDULE_CHANGED)
async def the_schedule_was_changed(world: World) -> None:
    await world.audited(Action.UPDATE, DUE - SECOND)
    await add_run(world, a_waiting_run().skipped(Skip.schedule_changed(), DUE))


@case(Cause.IN_PREFECT)
async def it_was_skipped_in_prefect(world: World) -> None:
    await add_run(world, a_waiting_run().skipped(Skip.of_text("because"), DUE))


@case(Cause.PAUSED)
async def it_was_paused(world: World) -> None:
    await world.audited(Action.PAUSE, DUE - 10 * SECOND)
    world.task = world.task.with_paused(True, "u", DUE - 10 * SECOND)


@case(Cause.PAUSED)
async def it_was_paused_and_resumed_since(world: World) -> None:
    await world.audited(Action.PAUSE, DUE - 10 * SECOND)
    paused = world.task.with_paused(True, "u", DUE - 10 * SECOND)
    world.task = paused.with_paused(False, "u", DUE + 10 * SECOND)


@case(Cause.PAUSED)
async def the_planned_run_was_skipped_by_the_pause(world: World) -> None:
    await world.audited(Action.PAUSE, DUE - 10 * SECOND)
    world.task = world.task.with_paused(True, "u", DUE - 10 * SECOND)
    await add_run(world, a_waiting_run().skipped(Skip.held("paused", still=True), DUE))


@case(Cause.DISABLED)
async def it_was_disabled(world: World) -> None:
    await world.audited(Action.DISABLE, DUE - 10 * SECOND)
    world.task = world.task.with_enabled(False, "u", DUE - 10 * SECOND)


@case(Cause.ENGINE_AWAY)
async def prefect_is_away(world: World) -> None:
    world.engine.message = world.engine_alone.message = "no answer"
    world.workforce = Workforce(workers=[])


@case(Cause.DATABASE_AWAY)
async def the_database_of_prefect_is_away(world: World) -> None:
    world.engine.message = "no answer"


@case(Cause.ENGINE_AWAY)
async def prefect_was_away_and_the_instant_is_not_settled(world: World) -> None:
    await world.away(AlertKind.COMPONENT_AWAY, "prefect", until=DUE + 30 * SECOND)


@case(Cause.NOT_PLANNED)
async def prefect_planned_nothing(world: World) -> None:
    pass


@case(Cause.ENGINE_AWAY)
async def the_ledger_has_the_reason(world: World) -> None:
    await world.store.add([Occurrence.without_run("t", DUE, Reason.ENGINE_AWAY)])
    world.workforce = Workforce(workers=[])


@case(Cause.NO_WORKER)
async def no_worker_is_there(world: World) -> None:
    world.workforce = Workforce(workers=[], is_paused=True)
    await add_run(world, a_waiting_run())


@case(Cause.QUEUE_PAUSED)
async def its_work_queue_is_paused(world: World) -> None:
    world.workforce = replace(world.workforce, paused_queues=["low"])
    await add_run(world, replace(a_waiting_run(), priority="low"))


@case(Cause.WAITING)
async def a_work_queue_of_other_runs_is_paused(world: World) -> None:
    world.workforce = replace(world.workforce, paused_queues=["low"])
    await add_run(world, a_waiting_run())


@case(Cause.POOL_PAUSED)
async def the_pool_is_paused(world: World) -> None:
    world.workforce = replace(world.workforce, is_paused=True)
    await add_run(world, a_waiting_run())


@case(Cause.SLOTS_FULL)
async def every_slot_is_in_use(world: World) -> None:
    await add_run(world, a_waiting_run())
    for number in range(4):
        await add_run(world, a_run(id=f"o{number}", task_id=f"other-{number}"))


@case(Cause.BEHIND)
async def it_waits_behind_another_run_of_the_task(world: World) -> None:
    world.overlapping(Overlap.QUEUE)
    await add_run(world, a_run(id="front", at=DUE - timedelta(minutes=30)))
    await add_run(world, a_waiting_run())


@case(Cause.LOCK_HELD)
async def it_waits_for_a_lock_that_no_run_holds(world: World) -> None:
    world.overlapping(Overlap.QUEUE)
    await world.locks.acquire("t", "a stranger", timedelta(hours=1))
    await add_run(world, a_waiting_run())


@case(Cause.WAITING)
async def it_waits_in_prefect(world: World) -> None:
    await add_run(world, a_waiting_run())


@case(Cause.STARTING)
async def it_is_just_due(world: World) -> None:
    world.clock = SetClock(DUE + 3 * SECOND)
    await add_run(world, a_waiting_run())


@pytest.mark.parametrize("name", case)
async def test_a_cause_is_named_when_it_is_the_cause(name: str) -> None:
    await case.check(name)


async def test_the_facts_name_the_change_and_the_holder() -> None:
    paused = await case.facts("it was paused")
    assert (paused["by"], paused["change"], paused["audit_entry"]) == ("u", "pause", "pause")
    assert paused["since"] == "2026-11-23T12:29:50.000Z"
    assert (await case.facts("the run before it was at work"))["lock_holder"] == "before"
    assert (await case.facts("it waits behind another run of the task"))["execution_in_front"] == "front"


async def test_a_second_run_of_an_instant_is_explained_by_the_one_that_began() -> None:
    world = World()
    await add_run(world, completed(a_run()))
    second = replace(a_waiting_run(), id="b").skipped(Skip.still_running("run"), DUE)
    await add_run(world, second)
    explained = await world.explaining().explain_execution(world.task, second)
    assert (explained.cause, explained.execution_id) == (Cause.ON_TIME, "run")


def test_every_cause_has_a_sentence_and_something_to_do() -> None:
    assert {*SENTENCES} == {*WHAT_TO_DO} == {*Cause}
