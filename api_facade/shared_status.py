"""Status and numbers for everybody: those who ask at once share one look, so a public route can't be made costly."""

from __future__ import annotations

from datetime import timedelta

from api_facade.cache import BriefCache
from core.services.status import ServiceStatus, Stats, StatusService

_AT_ONCE_ONLY = timedelta()


class SharedStatus:
    """`StatusService`, asked by one at a time. Who asks while a look is taken gets what it shows."""

    def __init__(self, service: StatusService) -> None:
        self._status: BriefCache[None, ServiceStatus] = BriefCache(lambda _: service.status(), ttl=_AT_ONCE_ONLY)
        self._stats: BriefCache[None, Stats] = BriefCache(lambda _: service.stats(), ttl=_AT_ONCE_ONLY)

    async def status(self) -> ServiceStatus:
        """See `StatusService.status`."""
        return await self._status.get(None)

    async def stats(self) -> Stats:
        """See `StatusService.stats`."""
        return await self._stats.get(None)
