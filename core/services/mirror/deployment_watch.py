"""Reads the deployments repeatedly: the engine sends an event for every change but one.

It sends none when a single schedule of a deployment is added, changed, switched or removed, unless our stack started
it (`deployments.stack.prefect_schedule_events`).
"""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Collection
from datetime import timedelta

from falcon_scheduler.core.domain.run import Deployed
from falcon_scheduler.core.pace import Pace
from falcon_scheduler.core.ports import Deployments
from falcon_scheduler.core.services.duty import Duty, attempt

WATCH_INTERVAL = timedelta(seconds=2)
"""The shortest time from the beginning of one read to that of the next."""


class DeploymentWatch(Duty):
    """Remembers each deployment as it was in the last read, and follows those that differ."""

    name = "look at the deployments"

    def __init__(
        self,
        *,
        deployments: Deployments,
        follow: Callable[[Deployed], Awaitable[None]],
        left: Callable[[str], Awaitable[None]],
        share: float,
    ) -> None:
        """Make one.

        Args:
            engine: lists the deployments.
            follow: takes over into the task what somebody changed at its deployment.
            left: is called with the id of a deployment that is not listed any more.
            share: the share of the time that reads may take, above 0 and at most 1.
        """
        self._deployments = deployments
        self._follow = follow
        self._left = left
        self._pace = Pace(share)
        self._began_at = time.monotonic()
        self._seen: dict[str, Deployed] | None = None
        self._noted: set[str] = set()

    @property
    def interval(self) -> timedelta:
        """The pause that the cost of the last read requires, and at least the rest of `WATCH_INTERVAL`."""
        since = timedelta(seconds=time.monotonic() - self._began_at)
        return max(self._pace.owed, WATCH_INTERVAL - since, timedelta())

    def note(self, deployment_ids: Collection[str]) -> None:
        """Events reported a change of these. They may equal the last read and have changed twice since."""
        self._noted.update(deployment_ids)

    async def work(self) -> None:
        """Follow deployments that differ from the last read. The first read only remembers: the reload compares all.

        Deployments named by events since are followed too. One that can't be followed now is forgotten, so that the
        next read tries again.
        """
        noted, self._noted = self._noted, set()
        self._began_at = time.monotonic()
        self._pace.begin()
        try:
            self._seen = await self._look(noted)
        except BaseException:
            self._noted |= noted
            raise
        finally:
            self._pace.end()

    def forget(self) -> None:
        """Nothing: a change since the last read is followed even after a long time."""

    async def _look(self, noted: Collection[str]) -> dict[str, Deployed]:
        before, seen = self._seen or {}, {}
        async for deployed in self._deployments.all():
            deployment_id = deployed.as_deployed.id
            same = deployment_id not in noted and (self._seen is None or before.get(deployment_id) == deployed)
            known = deployed.outline() if same or await self._followed(deployed) else before.get(deployment_id)
            if known is not None:
                seen[deployment_id] = known
            await self._pace.rest_after_slice()
        for deployment_id in before.keys() - seen.keys():
            if not await self._let_go(deployment_id):
                seen[deployment_id] = before[deployment_id]
        return seen

    async def _followed(self, deployed: Deployed) -> bool:
        return await attempt("follow a deployment", lambda: self._follow(deployed)) is None

    async def _let_go(self, deployment_id: str) -> bool:
        return await attempt("let a deployment go", lambda: self._left(deployment_id)) is None
