"""Answers that are kept because they were costly to find."""

from __future__ import annotations

import asyncio

from falcon_scheduler.core.costly import CHEAP, CostlyAnswers

COST_SECONDS = 2 * CHEAP.total_seconds()


class Search:
    """Answers with the number of the search."""

    def __init__(self, *, is_costly: bool) -> None:
        self._is_costly = is_costly
        self.searches = 0

    async def __call__(self, _: str) -> int:
        self.searches += 1
        mine = self.searches
        if self._is_costly:
            await asyncio.sleep(COST_SECONDS)
        return mine


async def test_those_who_ask_together_share_one_costly_search() -> None:
    search = Search(is_costly=True)
    answers = CostlyAnswers(search, lambda _: True)
    assert await asyncio.gather(*(answers.get("a") for _ in range(5))) == [1] * 5


async def test_a_rested_answer_is_found_anew_behind_those_who_ask() -> None:
    search = Search(is_costly=True)
    answers = CostlyAnswers(search, lambda _: True)
    first = await answers.get("a")
    for _ in range(300):
        if await answers.get("a") > first:
            return
        await asyncio.sleep(0.1)
    raise AssertionError("the answer was never found anew")


async def test_what_is_not_worth_keeping_is_found_each_time() -> None:
    answers = CostlyAnswers(Search(is_costly=True), lambda _: False)
    assert [await answers.get("a"), await answers.get("a")] == [1, 2]


async def test_what_was_being_found_when_all_was_forgotten_is_not_kept() -> None:
    answers = CostlyAnswers(Search(is_costly=True), lambda _: True)
    early = asyncio.create_task(answers.get("a"))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    answers.forget()
    assert await answers.get("a") == 2
    assert await early == 1
    assert await answers.get("a") >= 2
