"""Things that run side by side end together, also those that overhear the first word."""

from __future__ import annotations

import asyncio

import pytest

from falcon_scheduler.api_facade.together import end, together


async def for_ever() -> None:
    await asyncio.Event().wait()


async def hard_of_hearing(heard: list[str]) -> None:
    while True:
        try:
            await for_ever()
        except asyncio.CancelledError:
            heard.append("cancel")
            if len(heard) == 3:
                raise


async def test_a_part_that_misses_a_cancel_is_cancelled_again() -> None:
    heard: list[str] = []
    both = asyncio.create_task(together(for_ever(), hard_of_hearing(heard)))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    both.cancel()
    await asyncio.sleep(0)
    await end([both])
    assert both.cancelled()
    assert len(heard) == 3


async def test_when_one_fails_the_others_end_and_its_error_is_reported() -> None:
    heard: list[str] = []

    async def fails() -> None:
        await asyncio.sleep(0)
        raise ValueError("no more")

    with pytest.raises(ValueError, match="no more"):
        await together(hard_of_hearing(heard), fails())
    assert len(heard) == 3


async def test_it_ends_when_all_have_ended() -> None:
    done: list[int] = []

    async def part(number: int) -> None:
        done.append(number)

    await together(part(1), part(2))
    assert sorted(done) == [1, 2]
