"""Rest in proportion to cost."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from datetime import timedelta

import pytest

from falcon_scheduler.core.pace import Pace, rest_after
from falcon_scheduler.core.services.duty import Unhurried


@dataclass
class Stopwatch:
    """Seconds that the test lets pass."""

    seconds: float = 0

    def __call__(self) -> float:
        return self.seconds


@pytest.mark.parametrize(("share", "rest"), [(0.1, 9), (0.05, 19), (0.5, 1), (1, 0)])
def test_work_and_its_rest_together_are_as_long_as_the_share_allows(share: float, rest: int) -> None:
    assert rest_after(timedelta(seconds=1), share) == timedelta(seconds=rest)


def test_rest_is_due_for_work_that_has_ended_until_work_begins_again() -> None:
    passed = Stopwatch()
    pace = Pace(0.25, passed)
    pace.begin()
    passed.seconds += 2
    assert pace.owed == timedelta()
    pace.end()
    assert pace.owed == timedelta(seconds=6)
    pace.begin()
    assert pace.owed == timedelta()


async def test_work_in_slices_rests_at_its_end_only_for_what_came_after_the_last_rest() -> None:
    passed = Stopwatch()
    pace = Pace(0.9, passed)
    pace.begin()
    passed.seconds += 0.09
    await pace.rest_after_slice()
    passed.seconds += 0.009
    await pace.rest_after_slice()  # too short for a slice
    pace.end()
    assert pace.owed == rest_after(timedelta(seconds=0.009), 0.9)


async def test_work_that_a_long_pause_follows_rests_only_for_what_goes_beyond_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    passed, rests = Stopwatch(), []

    async def rest(seconds: float) -> None:
        rests.append(timedelta(seconds=seconds))

    monkeypatch.setattr(asyncio, "sleep", rest)
    pace = Pace(0.5, passed, unrested=timedelta(seconds=1))
    for _ in range(4):
        passed.seconds += 0.4
        await pace.rest_after_slice()
    assert rests == [pytest.approx(timedelta(seconds=0.4), abs=timedelta(milliseconds=1))] * 2


async def test_a_duty_that_costs_much_rests_for_longer_and_one_that_failed_does_not() -> None:
    passed, fails = Stopwatch(), False

    async def work() -> None:
        passed.seconds += 60
        if fails:
            raise RuntimeError

    duty = Unhurried("look", work, timedelta(seconds=15), Pace(0.1, passed))
    assert duty.interval == timedelta(seconds=15)
    await duty.work()
    assert duty.interval == timedelta(minutes=9)
    fails = True
    with pytest.raises(RuntimeError):
        await duty.work()
    assert duty.interval == timedelta(seconds=15)
