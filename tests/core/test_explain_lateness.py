"""A run that began late has one cause: what it waited for."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from falcon_scheduler.core.domain.alert import AlertKind
from falcon_scheduler.core.domain.execution import ExecutionStatus
from falcon_scheduler.core.domain.explanation import Cause
from falcon_scheduler.core.domain.skip import Skip
from falcon_scheduler.core.domain.task_definition import Overlap
from falcon_scheduler.core.domain.workforce import OnlineWorker, Workforce
from falcon_scheduler.core.ports.ledger import Outage
from falcon_scheduler.core.ports.run_times import RunTimes
from tests.core.explained_world import (
    DUE,
    SECOND,
    Cases,
    World,
    a_run,
    a_waiting_run,
    add_run,
    completed,
)
from tests.fakes.clock import NOON

case = Cases()


@case(Cause.LATE)
async def a_second_run_of_the_instant_was_refused_while_the_first_began_late(world: World) -> None:
    await add_run(world, completed(a_run(40 * SECOND)))
    await add_run(world, replace(a_waiting_run(), id="b").skipped(Skip.still_running("run"), DUE + 41 * SECOND))


@case(Cause.LATE)
async def it_began_late_for_no_known_reason(world: World) -> None:
    await add_run(world, completed(a_run(40 * SECOND)))


@case(Cause.ENGINE_AWAY)
async def it_began_late_after_prefect_was_away(world: World) -> None:
    await world.away(AlertKind.COMPONENT_AWAY, "prefect", until=DUE + 30 * SECOND)
    await add_run(world, completed(a_run(40 * SECOND)))


@case(Cause.STORE_AWAY)
async def it_began_late_after_mongodb_was_away(world: World) -> None:
    outage = Outage(cause=Cause.STORE_AWAY, since=DUE - SECOND, until=DUE + 30 * SECOND)
    await world.store.add_outage(outage)
    await add_run(world, completed(a_run(40 * SECOND)))


@case(Cause.SERVICE_DOWN)
async def it_began_late_while_no_facade_led(world: World) -> None:
    await world.away(AlertKind.COMPONENT_AWAY, "prefect", until=DUE + 30 * SECOND)
    outage = Outage(cause=Cause.SERVICE_DOWN, since=DUE - SECOND, until=DUE + 30 * SECOND)
    await world.store.add_outage(outage)
    await add_run(world, completed(a_run(40 * SECOND)))


@case(Cause.NO_WORKER)
async def it_began_late_after_no_worker_was_there(world: World) -> None:
    await world.store.add_outage(Outage(cause=Cause.NO_WORKER, since=DUE - SECOND, until=DUE + 30 * SECOND))
    await add_run(world, completed(a_run(40 * SECOND)))


@case(Cause.POOL_PAUSED)
async def it_began_late_after_the_pool_was_paused(world: World) -> None:
    await world.store.add_outage(Outage(cause=Cause.POOL_PAUSED, since=DUE - SECOND, until=DUE + 30 * SECOND))
    await add_run(world, completed(a_run(40 * SECOND)))


@case(Cause.QUEUE_PAUSED)
async def it_began_late_after_its_work_queue_was_paused(world: World) -> None:
    for queue in ("normal", "low"):
        outage = Outage(cause=Cause.QUEUE_PAUSED, queue=queue, since=DUE - SECOND, until=DUE + 30 * SECOND)
        await world.store.add_outage(outage)
    await add_run(world, completed(a_run(40 * SECOND)))


@case(Cause.LATE)
async def it_began_late_while_another_work_queue_was_paused(world: World) -> None:
    outage = Outage(cause=Cause.QUEUE_PAUSED, queue="low", since=DUE - SECOND, until=DUE + 30 * SECOND)
    await world.store.add_outage(outage)
    await add_run(world, completed(a_run(40 * SECOND)))


@case(Cause.SLOTS_FULL)
async def it_began_late_while_all_slots_were_in_use(world: World) -> None:
    for number in range(4):
        other = a_run(id=f"o{number}", task_id=f"other-{number}", at=DUE - 60 * SECOND)
        await add_run(world, other.ended(ExecutionStatus.COMPLETED, DUE + 40 * SECOND))
    await add_run(world, completed(a_run(40 * SECOND)))


@case(Cause.LATE)
async def it_began_late_beside_http_runs_which_have_slots_of_their_own(world: World) -> None:
    world.workforce = Workforce(workers=[OnlineWorker(name="w", slots=4, http_slots=5)])
    for number in range(4):
        other = a_run(id=f"o{number}", task_id="t", at=DUE - 60 * SECOND)
        await add_run(world, other.ended(ExecutionStatus.COMPLETED, DUE + 40 * SECOND))
    await add_run(world, completed(a_run(40 * SECOND)))


@case(Cause.LATE)
async def it_began_late_beside_functions_that_share_a_process(world: World) -> None:
    await beside_four_functions(world, "shared")


@case(Cause.SLOTS_FULL)
async def it_began_late_beside_functions_that_need_processes(world: World) -> None:
    await beside_four_functions(world, "alone")


async def beside_four_functions(world: World, name: str) -> None:
    world.workforce = Workforce(workers=[OnlineWorker(name="w", slots=4, http_slots=5)])
    world.runs("function", {"function_name": "alone"})
    definition = replace(world.task.definition, config={"function_name": name})
    for number in range(4):
        task_id = f"other-{number}"
        world.tasks.rows[task_id] = replace(world.task, id=task_id, definition=definition)
        other = a_run(id=f"o{number}", task_id=task_id, at=DUE - 60 * SECOND)
        await add_run(world, other.ended(ExecutionStatus.COMPLETED, DUE + 40 * SECOND))
    await add_run(world, completed(a_run(40 * SECOND)))


@case(Cause.BEHIND)
async def it_began_late_after_the_run_in_front_of_it(world: World) -> None:
    world.overlapping(Overlap.QUEUE)
    front = a_run(id="front", at=DUE - timedelta(minutes=30))
    await add_run(world, front.ended(ExecutionStatus.COMPLETED, DUE + 40 * SECOND))
    await add_run(world, completed(a_run(40 * SECOND)))


@case(Cause.BEHIND)
async def it_began_slowly_after_the_run_in_front_of_it_had_ended(world: World) -> None:
    world.overlapping(Overlap.QUEUE)
    front = a_run(id="front", at=DUE - timedelta(minutes=30))
    await add_run(world, front.ended(ExecutionStatus.COMPLETED, DUE + 30 * SECOND))
    await add_run(world, completed(a_run(40 * SECOND)))


@pytest.mark.parametrize("name", case)
async def test_what_made_a_run_late_is_named(name: str) -> None:
    await case.check(name)


async def test_the_facts_name_the_outage() -> None:
    facts = await case.facts("it began late after prefect was away")
    assert facts["away_until"].startswith("2026-11-23T12:30:45")


async def test_lateness_is_divided_between_the_planner_the_queue_and_the_start() -> None:
    world = World()
    world.stages.times = RunTimes(planned_at=DUE + 10 * SECOND, claimed_at=DUE + 32 * SECOND)
    await add_run(world, completed(a_run(40 * SECOND)))
    found = {each.name: each.value for each in (await world.explain()).facts}
    assert [found[name] for name in ("late", "late_by_planner", "late_in_queue", "late_at_start")] == [
        "40s",
        "10s",
        "22s",
        "8s",
    ]
    world.stages.times = RunTimes(planned_at=NOON, claimed_at=DUE - SECOND)
    found = {each.name: each.value for each in (await world.explain()).facts}
    assert [found[name] for name in ("late_by_planner", "late_in_queue", "late_at_start")] == ["0s", "0s", "40s"]
