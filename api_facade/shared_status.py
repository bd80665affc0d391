"""Status and numbers for public routes: concurrent callers share one check, so a flood stays cheap."""

from __future__ import annotations

from datetime import timedelta

from falcon_scheduler.core.answer_cache import AnswerCache, briefly, if_costly
from falcon_scheduler.core.services.status import ServiceStatus, Stats, StatusService

_AT_ONCE_ONLY = timedelta()
READINESS_TTL = timedelta(seconds=1)
"""Readiness is public and has no rate limit, so one check serves all callers for so long."""
MANY_TASKS = 1_000
"""From so many tasks on, numbers that were costly to add up are shown for a while; see `core.answer_cache`."""


class SharedStatus:
    """`StatusService`, one check at a time. Concurrent callers share its result.

    The components are checked on each call; the numbers of many tasks may be some seconds old.
    """

    def __init__(self, service: StatusService) -> None:
        self._stats: AnswerCache[None, Stats] = AnswerCache(
            lambda _: service.stats(), if_costly(lambda stats: stats.total_tasks >= MANY_TASKS)
        )
        self._status: AnswerCache[None, ServiceStatus] = AnswerCache(
            lambda _: service.status(self.stats), briefly(_AT_ONCE_ONLY)
        )
        self._away: AnswerCache[None, list[str]] = AnswerCache(lambda _: service.away(), briefly(READINESS_TTL))

    async def status(self) -> ServiceStatus:
        """See `StatusService.status`."""
        return await self._status.get(None)

    async def away(self) -> list[str]:
        """See `StatusService.away`."""
        return await self._away.get(None)

    async def stats(self) -> Stats:
        """See `StatusService.stats`."""
        return await self._stats.get(None)
