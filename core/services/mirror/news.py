"""Follows the engine's news: gathers them for a moment and looks at what they are about, many at once.

News are hints. What is true is asked of the engine, and what they miss is found by the sweep, by the reload and by
`core.services.mirror.deployment_watch`.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Collection, Sequence
from datetime import timedelta

from falcon_scheduler.core.errors import Unavailable
from falcon_scheduler.core.ports import Change, ChangeFeed, ChangeKind, Deployments, Runs
from falcon_scheduler.core.services.duty import Duty
from falcon_scheduler.core.services.mirror.mirror import Mirror
from falcon_scheduler.core.services.mirror.reconcile import ReconcileService

logger = logging.getLogger(__name__)

GATHERING = timedelta(milliseconds=200)
"""How long news are gathered before they are looked at together: one question to the engine instead of many."""
MOST_NEWS = 5000
"""News kept at most; beyond that the sweep does as well and costs less."""
APPLIED_AT_ONCE = 200
PAUSE_AFTER_LOSS = timedelta(seconds=1)
"""Before the stream is opened again."""


class NewsQueue:
    """News that nobody has looked at yet, each once."""

    def __init__(self) -> None:
        self._news: dict[Change, None] = {}
        self._has_news = asyncio.Event()

    def put(self, change: Change) -> None:
        """Add one, unless there are too many already."""
        if len(self._news) < MOST_NEWS:
            self._news[change] = None
        self._has_news.set()

    async def take(self) -> Sequence[Change]:
        """Wait for news, gather them for a moment, and return all that there are."""
        await self._has_news.wait()
        await asyncio.sleep(GATHERING.total_seconds())
        self._has_news.clear()
        news, self._news = list(self._news), {}
        return news


class NewsListener(Duty):
    """Puts the engine's news into the queue for as long as there are any; opens the stream again when it ends."""

    name = "listen to the news"
    interval = PAUSE_AFTER_LOSS

    def __init__(self, feed: ChangeFeed, queue: NewsQueue) -> None:
        self._feed = feed
        self._queue = queue

    async def work(self) -> None:
        """Until the stream ends. A stream that is cut off is no failure: it has been at work until now."""
        try:
            async for change in self._feed.changes():
                self._queue.put(change)
        except Unavailable:
            logger.debug("Prefect's news are cut off; listening again")
        except Exception:
            logger.exception("Could not listen to Prefect's news")

    def forget(self) -> None:
        """Nothing: news that wait are as true for whoever looks at them later."""


class NewsFollower(Duty):
    """Looks at what the news are about. What can't be looked at now is left to the sweep and the reload."""

    name = "follow the news"
    interval = timedelta()

    def __init__(
        self,
        queue: NewsQueue,
        *,
        mirror: Mirror,
        runs: Runs,
        deployments: Deployments,
        reconcile: ReconcileService,
        note_deployments: Callable[[Collection[str]], None],
    ) -> None:
        """`note_deployments` is called with the ids of deployments that were changed, before they are followed."""
        self._queue = queue
        self._mirror = mirror
        self._runs = runs
        self._deployments = deployments
        self._reconcile = reconcile
        self._note_deployments = note_deployments

    async def work(self) -> None:
        """Wait for news and follow them."""
        await self.follow(await self._queue.take())

    async def follow(self, news: Sequence[Change]) -> None:
        """Bring the history and the tasks to where the engine is. Raises `Unavailable`."""
        of_runs = [each for each in news if each.kind is ChangeKind.RUN]
        for start in range(0, len(of_runs), APPLIED_AT_ONCE):
            if asked := await self._mirror.to_be_asked_for(of_runs[start : start + APPLIED_AT_ONCE]):
                await self._mirror.apply([*(await self._runs.of_ids(asked)).values()])
        await self._follow_deployments([each.id for each in news if each.kind is ChangeKind.DEPLOYMENT])
        for each in news:
            if each.kind is ChangeKind.DEPLOYMENT_REMOVED:
                await self._reconcile.removed(each.id)

    async def _follow_deployments(self, ids: Sequence[str]) -> None:
        if not ids:
            return
        self._note_deployments(ids)
        present = await self._deployments.of_ids(ids)
        for deployed in present:
            await self._reconcile.follow(deployed)
        for deployment_id in {*ids} - {each.as_told.id for each in present}:
            await self._reconcile.left(deployment_id)

    def forget(self) -> None:
        """Nothing is remembered."""
