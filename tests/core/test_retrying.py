"""Calls that are made again."""

from __future__ import annotations

import itertools
from datetime import timedelta

import pytest

from falcon_scheduler.core.errors import ConcurrentChange, Unavailable
from falcon_scheduler.core.retrying import doubling, retried, retried_blocking, spread, within

NONE = timedelta()


class Call:
    """Fails as often as configured, then succeeds."""

    def __init__(self, *errors: Exception) -> None:
        self.errors = list(errors)
        self.times = 0

    async def __call__(self) -> str:
        return self.blocking()

    def blocking(self) -> str:
        self.times += 1
        if self.errors:
            raise self.errors.pop(0)
        return "done"


async def test_a_call_is_made_again_until_it_succeeds() -> None:
    call = Call(Unavailable("MongoDB"), ConcurrentChange("a task"))
    assert await retried(call, on=(Unavailable, ConcurrentChange), pauses=itertools.repeat(NONE)) == "done"
    assert call.times == 3


async def test_the_last_failure_is_raised_when_no_pause_is_left() -> None:
    call = Call(*(Unavailable("MongoDB") for _ in range(9)))
    with pytest.raises(Unavailable):
        await retried(call, on=(Unavailable,), pauses=[NONE, NONE])
    assert call.times == 3


async def test_what_no_repeat_can_mend_is_raised_at_once() -> None:
    call = Call(ValueError("a defect"))
    with pytest.raises(ValueError, match="a defect"):
        await retried(call, on=(Unavailable,), pauses=itertools.repeat(NONE))
    assert call.times == 1


async def test_a_failure_that_is_final_all_the_same_is_raised_at_once() -> None:
    call = Call(Unavailable("MongoDB"), Unavailable("Prefect"))
    reported: list[Exception] = []
    with pytest.raises(Unavailable, match="Prefect"):
        await retried(
            call,
            on=(Unavailable,),
            pauses=itertools.repeat(NONE),
            unless=lambda error: "Prefect" in str(error),
            report=reported.append,
        )
    assert call.times == 2
    assert [str(each) for each in reported] == [str(Unavailable("MongoDB"))]


async def test_each_failure_is_reported_the_last_one_too() -> None:
    failures = [Unavailable("MongoDB"), Unavailable("MongoDB"), Unavailable("MongoDB")]
    reported: list[Exception] = []
    with pytest.raises(Unavailable):
        await retried(Call(*failures), on=(Unavailable,), pauses=[NONE, NONE], report=reported.append)
    assert reported == failures


def test_a_blocking_call_is_made_again_by_the_same_rules() -> None:
    call = Call(Unavailable("MongoDB"), Unavailable("MongoDB"), ValueError("a defect"))
    reported: list[Exception] = []
    with pytest.raises(ValueError, match="a defect"):
        retried_blocking(call.blocking, on=(Unavailable,), pauses=itertools.repeat(NONE), report=reported.append)
    assert (call.times, len(reported)) == (3, 2)
    assert retried_blocking(call.blocking, on=(Unavailable,), pauses=[]) == "done"
    call.errors = [Unavailable("MongoDB"), Unavailable("MongoDB")]
    with pytest.raises(Unavailable):
        retried_blocking(call.blocking, on=(Unavailable,), pauses=[NONE])


def test_pauses_double_up_to_the_longest() -> None:
    pauses = itertools.islice(doubling(timedelta(seconds=1), timedelta(seconds=5)), 5)
    assert [each.total_seconds() for each in pauses] == [1, 2, 4, 5, 5]


def test_patience_that_has_ended_leaves_no_pause() -> None:
    assert [*within(NONE, doubling(timedelta(seconds=1), timedelta(seconds=1)))] == []
    endless = within(timedelta(hours=1), itertools.repeat(NONE))
    assert len([*itertools.islice(endless, 3)]) == 3


def test_spread_pauses_are_one_fewer_than_the_tries_and_within_their_bound() -> None:
    pauses = [*spread(timedelta(milliseconds=10), 5)]
    assert len(pauses) == 4
    assert all(NONE <= each <= timedelta(milliseconds=10) * number for number, each in enumerate(pauses, 1))
