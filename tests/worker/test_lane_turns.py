"""Runs of a lane begin by priority, a few at a time, and what lasts holds up no others."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta

from falcon_scheduler.flows.worker.lane_turns import AT_ONCE, LaneTurns, Turn

DUE = datetime(2026, 11, 27, tzinfo=UTC)


def has(turn: Turn) -> bool:
    return turn.done() and not turn.cancelled()


async def test_of_many_that_are_due_at_once_the_more_important_begin_first_then_the_earlier_ones() -> None:
    turns = LaneTurns()
    first = [turns.ask((3, DUE)) for _ in range(AT_ONCE)]
    late, low, high, urgent = (
        turns.ask((3, DUE + timedelta(seconds=1))),
        turns.ask((4, DUE - timedelta(hours=1))),
        turns.ask((2, DUE)),
        turns.ask((1, DUE + timedelta(seconds=1))),
    )
    assert all(has(each) for each in first)
    order = []
    for begun in [*first[:3], urgent]:
        waiting = {each for each in (late, low, high, urgent) if not has(each)}
        turns.give_back(begun)
        order += [each for each in waiting if has(each)]
    assert order == [urgent, high, late, low]


async def test_a_run_that_gives_its_turn_back_while_it_waits_is_passed_over() -> None:
    turns = LaneTurns()
    first = [turns.ask((3, DUE)) for _ in range(AT_ONCE)]
    cancelled, next_one = turns.ask((1, DUE)), turns.ask((2, DUE))
    turns.give_back(cancelled)
    await asyncio.wait([cancelled], timeout=10)
    assert cancelled.cancelled()
    turns.give_back(first[0])
    assert has(next_one)
    turns.give_back(first[0])  # twice gives no second turn
    assert not has(turns.ask((1, DUE)))
