"""Looks at the deployments again and again: the engine announces every change but one.

A single schedule of a deployment that is added, changed, switched or removed by itself is announced to nobody.
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
"""The least time from the beginning of one look to that of the next."""


class DeploymentWatch(Duty):
    """Remembers how each deployment was at the last look, and follows what differs from that."""

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
            share: the part of the time that looks may take, above 0 and at most 1.
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
        """The rest that the last slice of a look asks for, and at least what is left of `WATCH_INTERVAL`."""
        since = timedelta(seconds=time.monotonic() - self._began_at)
        return max(self._pace.owed, WATCH_INTERVAL - since, timedelta())

    def note(self, deployment_ids: Collection[str]) -> None:
        """These were changed, as the news say. They may look as at the last look, and have changed twice since."""
        self._noted.update(deployment_ids)

    async def work(self) -> None:
        """Follow what differs from the last look. The first look only learns: the reload compares everything.

        What the news named since is followed too. What can't be followed now is taken for unseen, so that the next
        look tries again.
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
        """Nothing: what has changed since the last look is followed, however long ago that was."""

    async def _look(self, noted: Collection[str]) -> dict[str, Deployed]:
        before, seen = self._seen or {}, {}
        async for deployed in self._deployments.all():
            deployment_id = deployed.as_told.id
            same = deployment_id not in noted and (self._seen is None or before.get(deployment_id) == deployed)
            known = deployed if same or await self._followed(deployed) else before.get(deployment_id)
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
