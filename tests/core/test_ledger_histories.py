"""Random histories of a task: each instant that a schedule named in its time has one fate, and no other has any.

What is expected is worked out second by second from the list of changes, without the periods that the task keeps.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from random import Random

from falcon_scheduler.core.domain.execution import ExecutionStatus
from falcon_scheduler.core.domain.occurrence import Occurrence
from falcon_scheduler.core.domain.schedule import parse
from falcon_scheduler.core.domain.skip import Skip
from falcon_scheduler.core.domain.task import Task
from tests.core.ledger_world import MINUTE, World, a_task, ran
from tests.fakes.clock import NOON

SECOND = timedelta(seconds=1)
LONG = 15 * MINUTE
SCHEDULES = (
    "0 * * * * *",
    "*/20 * * * * *",
    "30 */2 * * * *",
    "0 0,30 12 * * *",
    "@every 45s",
    "@at 2026-11-23T12:07:00Z",
)
ZONES = ("UTC", "Asia/Kolkata", "America/New_York")

Change = Callable[[Task, datetime], Task]


def redefined(random: Random) -> Change:
    field, values = random.choice([("schedule", SCHEDULES), ("timezone", ZONES)])
    value = random.choice(values)
    return lambda task, at: task.redefined(replace(task.definition, **{field: value}), "u", at)  # type: ignore[arg-type]


def switched(random: Random) -> Change:
    name, value = random.choice(
        [("with_paused", True), ("with_paused", False), ("with_enabled", False), ("with_enabled", True)]
    )
    return lambda task, at: getattr(task, name)(value, "u", at)


def some_instants(random: Random, number: int) -> list[datetime]:
    """Many at the very instant of a schedule, right beside it, or several within a second."""
    found: list[datetime] = []
    for _ in range(number):
        whole = NOON + random.randrange(int(LONG / SECOND)) // 30 * 30 * SECOND
        beside = random.choice([timedelta(), timedelta(milliseconds=1), -timedelta(milliseconds=1), 7 * SECOND])
        again = found and random.random() < 0.3
        found.append(found[-1] + timedelta(milliseconds=300) if again else whole + beside)
    return sorted(each for each in found if NOON < each < NOON + LONG)


def named(history: list[tuple[datetime, Task]]) -> set[datetime]:
    """Every instant that the schedule of its time names, also while the task is held."""
    found = set[datetime]()
    for number, (begin, task) in enumerate(history):
        end = history[number + 1][0] if number + 1 < len(history) else NOON + LONG
        schedule = parse(task.definition.schedule, task.definition.timezone, task_id=task.id)
        at = schedule.next_after(begin - timedelta(microseconds=1), task.created_at)
        while at is not None and at < end:
            found.add(at)
            at = schedule.next_after(at, task.created_at)
    return found


def covered(fates: list[Occurrence], expected: set[datetime]) -> list[datetime]:
    """The instants of all fates: of a row those that no other has of its own."""
    single = {each.at for each in fates if each.at == each.until}
    found = [*single]
    for row in fates:
        if row.at != row.until:
            inside = [each for each in expected if row.at <= each <= row.until and each not in single]
            assert row.count in {0, len(inside)}, row
            found += inside
    return sorted(found)


async def test_each_instant_of_a_random_history_has_one_fate() -> None:
    for seed in range(40):
        random = Random(seed)
        world = World()
        task = a_task(random.choice(SCHEDULES[:4]))
        await world.put(task)
        await world.begins()
        history = [(NOON, task)]
        settled_at = sorted(random.uniform(1, 15) for _ in range(random.randrange(4)))
        for at in some_instants(random, random.randrange(1, 9)):
            while settled_at and NOON + settled_at[0] * MINUTE < at:
                await settled(world, random, NOON + settled_at.pop(0) * MINUTE)
            task = random.choice([redefined, switched])(random)(task, at)
            history.append((at, task))
            await world.put(task)
        expected = named(history)
        for at in sorted(expected):
            await served(world, random, at)
        for _ in range(2):
            await settled(world, random, NOON + LONG)
        fates = [each for each in await world.fates() if each.at < NOON + LONG]
        assert covered(fates, expected) == sorted(expected), (seed, history)


async def test_a_task_that_is_switched_over_and_over_loses_no_fate() -> None:
    world = World()
    task = a_task("* * * * * *")
    await world.put(task)
    await world.begins()
    for number in range(120):
        task = task.with_enabled(number % 2 == 1, "u", NOON + (number + 0.5) * SECOND)
    await world.put(task)
    await settled(world, Random(0), NOON + 3 * MINUTE)
    fates = [each for each in await world.fates() if each.at < NOON + 2 * MINUTE]
    seconds = [NOON + number * SECOND for number in range(120)]
    assert covered(fates, {*seconds}) == seconds


async def settled(world: World, random: Random, at: datetime) -> None:
    """By one facade, or by two of which the second repeats what the first did."""
    await world.passes(max((at - world.clock.now()) / MINUTE, 0))
    for _ in range(random.randrange(1, 3)):
        await world.settles()


async def served(world: World, random: Random, at: datetime) -> None:
    """Perhaps by an execution, perhaps by one that was skipped, perhaps by both."""
    run = replace(ran((at - NOON) / MINUTE), id=f"run-{at.isoformat()}", scheduled_for=at)
    if random.random() < 0.3:
        await world.put(run)
    if random.random() < 0.2:
        second = replace(run, id=f"second-{at.isoformat()}", occurrence="", status=ExecutionStatus.PENDING)
        await world.put(second.skipped(Skip.still_running(run.id), at))
