"""Every instant that a schedule names gets one fate, whatever is away, whoever dies, and however many settle."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from falcon_scheduler.core.domain.audit import Action, AuditEntry, Origin
from falcon_scheduler.core.domain.catch_up import CatchUp, CatchUpRules, Missed
from falcon_scheduler.core.domain.execution import ExecutionStatus
from falcon_scheduler.core.domain.occurrence import FATE_OF, Fate, Occurrence, Reason, fate_of, preferred
from falcon_scheduler.core.domain.skip import Skip, SkipReason
from falcon_scheduler.core.domain.task import Task
from falcon_scheduler.core.services.ledger.ledger import OccurrenceFilter
from tests.core.ledger_world import MINUTE, World, a_task, brief, ran
from tests.fakes.clock import NOON
from tests.fakes.faults import Fault, Faults
from tests.fakes.trials import survived


def a_pause(at: datetime) -> AuditEntry:
    return AuditEntry(
        id="1",
        at=at,
        user_id="u",
        character_id=0,
        action=Action.PAUSE,
        task_id="t",
        origin=Origin(),
        after={"paused": True},
    )


async def test_what_ran_is_read_from_the_executions_and_nothing_is_stored_for_it() -> None:
    world = World()
    await world.put(a_task())
    await world.begins()
    await world.put(*(ran(minute) for minute in range(6)))
    await world.passes(10)
    await world.settles()
    assert brief(await world.fates()) == [
        *((m, m, "ran", None, 1) for m in range(6)),
        (6, 8, "missed", "not_planned", 3),
        (9, 9, "waiting", None, 1),
    ]
    assert brief([*world.store.rows.values()]) == [(6, 8, "missed", "not_planned", 3)]


async def test_instants_that_no_run_was_planned_for_because_the_last_ones_waited_are_beyond_the_limit() -> None:
    world = World()
    task = a_task()
    catch_up = CatchUpRules(after_outage=CatchUp(runs=Missed.ALL))
    task = replace(task, definition=replace(task.definition, max_runs=1, catch_up=catch_up))
    await world.put(task)
    await world.begins()
    late = ran(0, late=3.5 * MINUTE)
    await world.put(late, task.started(late.id, late.started_at, 1, by_schedule=True))
    await world.passes(10)
    await world.settles()
    expected = [(0, 0, "ran", None, 1), (1, 3, "skipped", "run_limit", 3), (4, 9, "skipped", "run_limit", 6)]
    assert brief(await world.fates()) == expected
    assert not (await world.tasks.get("t")).owed, "none of them gets a run later"


async def test_a_skip_is_the_fate_at_once_and_a_second_run_of_an_instant_is_none() -> None:
    world = World()
    await world.put(a_task())
    await world.begins()
    first, second = ran(1), replace(ran(1), id="second", occurrence="", status=ExecutionStatus.PENDING)
    refused = replace(ran(2), occurrence="", status=ExecutionStatus.PENDING)
    await world.put(ran(0), first, second.skipped(Skip.still_running(first.id), first.started_at))
    await world.put(refused.skipped(Skip.still_running(first.id), refused.started_at))
    await world.passes(2.5)
    expected = [(0, 0, "ran", None, 1), (1, 1, "ran", None, 1), (2, 2, "skipped", "overlap", 1)]
    assert brief(await world.fates()) == expected
    await world.put(replace(ran(2, late=9 * MINUTE), id="again"))
    assert brief(await world.fates())[-1] == (2, 2, "caught_up", "overlap", 1)


async def test_a_run_that_was_requested_for_a_missed_instant_caught_up_with_it_although_a_late_one_came_too() -> None:
    world = World()
    await world.put(a_task())
    await world.begins()
    owed = replace(ran(1, late=MINUTE), queued_at=NOON + 2 * MINUTE)
    planned = replace(ran(1), id="planned", occurrence="", status=ExecutionStatus.PENDING)
    await world.put(ran(0), owed, planned.skipped(Skip.still_running(owed.id), owed.started_at))
    await world.passes(1.5)
    assert brief(await world.fates())[-1] == (1, 1, "caught_up", "overlap", 1)


async def test_a_run_that_was_skipped_because_its_task_was_paused_names_who_paused_it() -> None:
    world = World()
    paused = a_task().with_paused(True, "u", NOON + MINUTE / 2)
    await world.put(paused)
    await world.begins()
    await world.audit.add(a_pause(NOON + MINUTE / 2))
    for minute in (0, 1, 2, 7):  # one of them was due before the pause
        due = replace(ran(minute), occurrence="", status=ExecutionStatus.PENDING)
        await world.put(due.skipped(Skip.held("paused", still=True), NOON + (minute + 1) * MINUTE))
    await world.passes(8)
    rows = [each for each in await world.fates() if each.reason is Reason.PAUSED]
    assert {(each.by, each.since) for each in rows} == {("u", NOON + MINUTE / 2)}
    assert sum(each.count for each in rows) == 8
    everywhere = await world.ledger().page(OccurrenceFilter(begin=NOON), limit=1000)
    assert [each.by for each in everywhere.occurrences if each.reason is Reason.PAUSED] == [each.by for each in rows]


async def test_a_pause_that_was_over_in_the_first_minute_of_an_installation_is_in_the_ledger() -> None:
    world = World()
    await world.settling().settle()  # before the mirror and the watch of the plan have done anything
    task = a_task("*/10 * * * * *")
    paused = task.with_paused(True, "u", NOON + MINUTE / 4)
    await world.put(paused.with_paused(False, "v", NOON + MINUTE / 2))
    await world.passes(0.75)
    seconds = [(each.at - NOON).seconds for each in await world.fates() if each.reason is Reason.PAUSED]
    assert seconds == [20]


async def test_a_gap_is_one_row_that_grows_and_ends_at_what_ran() -> None:
    world = World()
    await world.put(a_task(), ran(3))
    await world.begins()
    for _ in range(30):
        await world.passes(0.5)
        await world.settles()
    await world.put(ran(14))
    assert brief(await world.fates()) == [
        (0, 2, "missed", "not_planned", 3),
        (3, 3, "ran", None, 1),
        (4, 13, "missed", "not_planned", 10),
        (14, 14, "ran", None, 1),
    ]


async def test_a_run_that_makes_up_for_a_missed_instant_has_caught_up() -> None:
    world = World()
    await world.put(a_task("0 */5 * * * *"))
    await world.begins()
    await world.passes(30)
    await world.settles()
    await world.put(ran(10, late=20 * MINUTE))
    found = brief(await world.fates())
    assert (10, 10, "caught_up", "not_planned", 1) in found
    assert sum(each[4] for each in found if each[2] == "missed") == 5


async def test_a_pause_is_one_row_with_its_author_and_since_when() -> None:
    world = World()
    task = a_task()
    await world.put(task)
    await world.begins()
    await world.put(*(ran(minute) for minute in (0, 1, 2, 10, 11, 12)))
    paused = task.with_paused(True, "u", NOON + 2.5 * MINUTE)
    await world.audit.add(a_pause(NOON + 2.5 * MINUTE))
    await world.put(paused)
    await world.passes(8)
    await world.settles()
    assert world.store.rows == {}, "a pause that lasts is read from the task"
    [row] = [each for each in await world.fates() if each.reason is Reason.PAUSED]
    assert brief([row]) == [(3, 7, "missed", "paused", 5)]
    assert (row.by, row.since) == ("u", NOON + 2.5 * MINUTE)
    await world.put(paused.with_paused(False, "v", NOON + 9.5 * MINUTE))
    await world.passes(5)
    await world.settles()
    assert brief(await world.fates()) == [
        *((m, m, "ran", None, 1) for m in (0, 1, 2)),
        (3, 9, "missed", "paused", 7),
        *((m, m, "ran", None, 1) for m in (10, 11, 12)),
    ]


async def test_a_long_pause_of_a_fast_schedule_is_one_row_with_its_true_last_instant() -> None:
    world = World()
    task = a_task("* * * * * *").with_paused(True, "u", NOON)
    await world.put(task)
    await world.passes(60 * 24 * 30)
    [row] = await world.fates(begin=NOON + timedelta(days=10))
    assert (row.at, row.count) == (NOON, 0)
    assert row.until == NOON + timedelta(days=30) - timedelta(seconds=1)


@pytest.mark.parametrize("kind", Fault)
async def test_whichever_call_fails_the_next_settling_leaves_each_instant_with_one_fate(kind: Fault) -> None:
    for number in range(1, 60):
        world = World()
        task = a_task("*/30 * * * * *")
        await world.put(task, a_task("0 */7 * * * *", id="other"))
        await world.begins()
        await world.put(*(ran(minute) for minute in (0, 0.5, 4, 11.5)))
        held = task.with_paused(True, "u", NOON + 5 * MINUTE).with_paused(False, "u", NOON + 6 * MINUTE)
        await world.put(held)
        await world.passes(25)
        world.faults.kind, world.faults.at = kind, world.faults.number + number
        world.faults.happened.clear()
        await survived(world.settles())
        happened = [*world.faults.happened]
        world.faults = Faults()
        await world.settles()
        await world.settles()
        covered = [minute for each in await world.fates() for minute in half_minutes(each, task, await own(world))]
        assert covered == [each / 2 for each in range(50)], happened
        if not happened:
            assert number > 5
            return
    raise AssertionError("settling makes fewer calls than that")


async def own(world: World) -> set[float]:
    return {(each.scheduled_for - NOON) / MINUTE for each in world.executions.rows.values() if each.scheduled_for}


def half_minutes(fate: Occurrence, task: Task, own: set[float]) -> list[float]:
    """The instants of an entry, in minutes."""
    first, last = (fate.at - NOON) / MINUTE, (fate.until - NOON) / MINUTE
    if first == last:
        return [first]
    return [each / 2 for each in range(int(first * 2), int(last * 2) + 1) if each / 2 not in own]


async def test_pages_hold_every_occurrence_once_whatever_their_length() -> None:
    world = World()
    await world.put(a_task(), a_task(id="u"))
    await world.begins()
    await world.put(*(ran(minute) for minute in (1, 2, 9)), *(ran(minute + 0.0, "u") for minute in (30, 31)))
    await world.passes(15)
    await world.settles()
    whole = (await world.ledger().page(OccurrenceFilter(begin=NOON), limit=1000)).occurrences
    for limit in (1, 2, 3, 5):
        pieces: list[Occurrence] = []
        page = await world.ledger().page(OccurrenceFilter(begin=NOON), limit=limit)
        pieces += page.occurrences
        while page.following is not None:
            page = await world.ledger().page(OccurrenceFilter(begin=NOON), limit=limit, after=page.following)
            pieces += page.occurrences
        assert [(each.at, each.task_id, each.fate) for each in pieces] == [
            (each.at, each.task_id, each.fate) for each in whole
        ], limit
    only = await world.ledger().page(OccurrenceFilter(begin=NOON, fates=[Fate.RAN]), limit=1000)
    assert [each.fate for each in only.occurrences] == [Fate.RAN] * 3


async def test_nothing_is_settled_while_the_mirror_or_the_plan_is_behind() -> None:
    world = World()
    await world.put(a_task())
    await world.begins()
    await world.passes(20)
    await world.watermark.write("mirror", world.clock.now())
    await world.settling().settle()
    assert world.store.rows == {}
    assert {each.fate for each in await world.fates()} == {Fate.WAITING}


def test_every_reason_leads_to_one_fate_and_every_skip_to_a_reason() -> None:
    assert {*FATE_OF} == {*Reason}
    for reason in SkipReason:
        skip = Skip(reason=reason, text="because")
        fate = fate_of(replace(ran(0), occurrence="").skipped(skip, NOON))
        if reason is SkipReason.ALREADY_SERVED:
            assert fate is None
        else:
            assert fate is not None
            assert fate.reason is not None
            assert fate.fate is FATE_OF[fate.reason]


def test_of_two_findings_the_run_that_began_decides() -> None:
    began = fate_of(ran(0))
    skipped = fate_of(replace(ran(0), id="b", occurrence="").skipped(Skip.still_running("x"), NOON))
    assert began is not None
    assert skipped is not None
    assert preferred(began, skipped) == preferred(skipped, began) == began


async def test_a_time_before_all_schedules_is_empty_and_one_to_come_ends_now() -> None:
    world = World()
    await world.put(a_task(), ran(0))
    await world.begins()
    await world.passes(1.5)
    first, last = datetime.min.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC)
    nothing = OccurrenceFilter(begin=first, end=first + timedelta(days=1)), OccurrenceFilter(end=first)
    for wanted in (*nothing, OccurrenceFilter(begin=last)):
        assert not (await world.ledger().page(wanted, limit=10)).occurrences
    shown = (await world.ledger().page(OccurrenceFilter(end=last), limit=10)).occurrences
    assert [each.fate for each in shown] == [Fate.RAN, Fate.WAITING]
