"""Follows the engine's events: collects them for a moment and reads the runs and deployments that they name.

Events are hints: the state is always read from the engine. Changes without an event are found by the sweep, the
reload and `core.services.mirror.deployment_watch`.
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
"""How long events are collected before they are handled together: one request to the engine instead of many."""
MOST_NEWS = 5000
"""Events kept at most; beyond that the sweep is cheaper."""
APPLIED_AT_ONCE = 200
PAUSE_AFTER_LOSS = timedelta(seconds=1)
"""Before the stream is opened again."""


class NewsQueue:
    """Unhandled events, each once."""

    def __init__(self) -> None:
        self._news: dict[Change, None] = {}
        self._has_news = asyncio.Event()

    def put(self, change: Change) -> None:
        """Add one, unless there are too many already."""
        if len(self._news) < MOST_NEWS:
            self._news[change] = None
        self._has_news.set()

    async def take(self) -> Sequence[Change]:
        """Wait for events, collect them for a moment, and return all of them."""
        await self._has_news.wait()
        await asyncio.sleep(GATHERING.total_seconds())
        self._has_news.clear()
        news, self._news = list(self._news), {}
        return news


class NewsListener(Duty):
    """Puts the engine's events into the queue; opens the stream again when it ends."""

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
        """Nothing: waiting events are hints, and valid later too."""


class NewsFollower(Duty):
    """Handles events. One that can't be handled now is left to the sweep and the reload."""

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
        """Wait for events and handle them."""
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
        for deployment_id in {*ids} - {each.as_deployed.id for each in present}:
            await self._reconcile.left(deployment_id)

    def forget(self) -> None:
        """Nothing is remembered."""
