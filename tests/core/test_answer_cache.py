"""Answers that are kept: for a time, or because they were costly to find."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest

from falcon_scheduler.core.answer_cache import CHEAP, AnswerCache, briefly, if_costly, refreshed
from tests.conftest import wait_until

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
    answers = AnswerCache(search, if_costly(lambda _: True))
    assert await asyncio.gather(*(answers.get("a") for _ in range(5))) == [1] * 5


async def test_a_rested_answer_is_found_anew_behind_those_who_ask() -> None:
    search = Search(is_costly=True)
    answers = AnswerCache(search, if_costly(lambda _: True))
    first = await answers.get("a")
    for _ in range(300):
        if await answers.get("a") > first:
            return
        await asyncio.sleep(0.1)
    raise AssertionError("the answer was never found anew")


async def test_what_is_not_worth_keeping_is_found_each_time() -> None:
    answers = AnswerCache(Search(is_costly=True), if_costly(lambda _: False))
    assert [await answers.get("a"), await answers.get("a")] == [1, 2]


async def test_what_was_being_found_when_all_was_forgotten_is_not_kept() -> None:
    answers = AnswerCache(Search(is_costly=True), if_costly(lambda _: True))
    early = asyncio.create_task(answers.get("a"))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    answers.forget()
    assert await answers.get("a") == 2
    assert await early == 1
    assert await answers.get("a") >= 2


async def test_an_answer_that_is_kept_briefly_is_found_once_however_cheap() -> None:
    answers = AnswerCache(Search(is_costly=False), briefly(timedelta(hours=1)))
    assert [await answers.get("a"), await answers.get("a"), await answers.get("b")] == [1, 1, 2]


async def test_with_no_time_to_keep_only_those_who_ask_together_share() -> None:
    answers = AnswerCache(Search(is_costly=True), briefly(timedelta()))
    assert tuple(await asyncio.gather(answers.get("a"), answers.get("a"))) == (1, 1)
    assert await answers.get("a") == 2


async def test_the_oldest_answers_make_room_for_new_ones() -> None:
    answers = AnswerCache(Search(is_costly=False), briefly(timedelta(hours=1)), capacity=1)
    assert [await answers.get("a"), await answers.get("b"), await answers.get("a")] == [1, 2, 3]


async def test_an_error_reaches_all_who_wait_and_is_not_kept() -> None:
    errors = [LookupError()]

    async def find(key: str) -> str:
        await asyncio.sleep(0)
        if errors:
            raise errors.pop()
        return key

    answers = AnswerCache(find, briefly(timedelta(hours=1)))
    both = await asyncio.gather(answers.get("a"), answers.get("a"), return_exceptions=True)
    assert [type(each) for each in both] == [LookupError, LookupError]
    assert await answers.get("a") == "a"


async def test_one_who_goes_away_takes_nobodys_answer_along() -> None:
    answers = AnswerCache(Search(is_costly=True), briefly(timedelta()))
    leaving, staying = asyncio.create_task(answers.get("a")), asyncio.create_task(answers.get("a"))
    await asyncio.sleep(0)
    leaving.cancel()
    with pytest.raises(asyncio.CancelledError):
        await leaving
    assert await staying == 1


async def test_an_answer_that_is_no_longer_fresh_is_given_out_while_a_new_one_is_found_behind_it() -> None:
    search = Search(is_costly=True)
    answers = AnswerCache(search, refreshed(timedelta(), timedelta(minutes=5)))
    assert await answers.get("a") == 1
    assert await answers.get("a") == 1, "at once, although another search has begun"
    await asyncio.sleep(COST_SECONDS)
    await wait_until(lambda: is_newer(answers), "the new answer is given out")


async def is_newer(answers: AnswerCache[str, int]) -> bool:
    return await answers.get("a") > 1
