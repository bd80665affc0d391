"""The engine's news: gathered for a moment, each once, from a stream that is opened again whenever it ends."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from falcon_scheduler.core.errors import Unavailable
from falcon_scheduler.core.ports import Change, ChangeKind
from falcon_scheduler.core.services.mirror import news
from falcon_scheduler.core.services.mirror.news import NewsListener, NewsQueue

FIRST, SECOND = Change(ChangeKind.RUN, "1"), Change(ChangeKind.DEPLOYMENT, "2")


class Stream:
    """News that come at once; then the stream ends, or breaks as no real server does on request."""

    def __init__(self, *changes: Change, error: Exception | None = None) -> None:
        self._changes = changes
        self._error = error

    async def changes(self) -> AsyncIterator[Change]:
        for change in self._changes:
            yield change
        if self._error is not None:
            raise self._error


async def test_news_that_come_together_are_taken_together_and_each_once() -> None:
    queue = NewsQueue()
    for change in (FIRST, SECOND, FIRST):
        queue.put(change)
    assert await queue.take() == [FIRST, SECOND]


async def test_who_takes_waits_for_news() -> None:
    queue = NewsQueue()
    taking = asyncio.create_task(queue.take())
    await asyncio.sleep(0)
    assert not taking.done()
    queue.put(FIRST)
    assert await taking == [FIRST]


async def test_news_beyond_what_is_kept_are_left_to_the_sweep(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(news, "MOST_NEWS", 1)
    queue = NewsQueue()
    queue.put(FIRST)
    queue.put(SECOND)
    assert await queue.take() == [FIRST]


@pytest.mark.parametrize("error", [None, Unavailable("Prefect"), RuntimeError("a defect")])
async def test_a_stream_that_ends_or_breaks_keeps_the_news_that_it_brought(error: Exception | None) -> None:
    queue = NewsQueue()
    await NewsListener(Stream(FIRST, error=error), queue).work()
    assert await queue.take() == [FIRST]
