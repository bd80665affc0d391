"""Pages fetched one ahead of their user."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import aclosing

import pytest

from falcon_scheduler.adapters.prefect.ahead import one_ahead
from falcon_scheduler.core.errors import Unavailable


class Pages:
    """Three pages, and what became of them."""

    def __init__(self, *, failing: bool = False) -> None:
        self.fetched: list[int] = []
        self._failing = failing

    async def each(self) -> AsyncIterator[list[int]]:
        for number in range(3):
            if self._failing and number == 1:
                raise Unavailable("Prefect")
            self.fetched.append(number)
            yield [number]


async def test_the_next_page_is_fetched_while_the_present_one_is_worked_on_and_no_more() -> None:
    pages, seen = Pages(), []
    async for page in one_ahead(pages.each()):
        await asyncio.sleep(0.01)
        seen += page
        assert pages.fetched == [*range(min(page[0] + 2, 3))]
    assert seen == [0, 1, 2]


async def test_a_failure_comes_after_the_pages_before_it() -> None:
    async with aclosing(one_ahead(Pages(failing=True).each())) as ahead:
        assert await anext(ahead) == [0]
        with pytest.raises(Unavailable):
            await anext(ahead)


async def test_who_stops_early_leaves_nothing_running() -> None:
    pages = Pages()
    async with aclosing(one_ahead(pages.each())) as ahead:
        assert await anext(ahead) == [0]
    await asyncio.sleep(0.01)
    assert len(pages.fetched) <= 2
