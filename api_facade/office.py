"""The leader's office: a lease in Redis, held by one process at a time.

A facade holds it to do the duties, and a `migrate` command holds it to keep facades from the database.
"""

from __future__ import annotations

import asyncio
import logging
import os
import socket
import uuid
from collections.abc import Coroutine
from datetime import timedelta
from typing import Any, TypeVar

from falcon_scheduler.api_facade.together import end
from falcon_scheduler.core.errors import SchedulerError, Unavailable
from falcon_scheduler.core.ports import Lease

logger = logging.getLogger(__name__)

T = TypeVar("T")

OFFICE = "mirror"
LEASE_TTL = timedelta(seconds=4)
LEASE_RENEWAL = timedelta(seconds=1)


class OfficeTaken(SchedulerError):
    """Another process holds the office."""

    code = "facade_at_work"


class Office:
    """The lease, held under a name that no other process has."""

    def __init__(self, lease: Lease, *, renewal: timedelta = LEASE_RENEWAL) -> None:
        """`renewal` is how often a holder renews the lease."""
        self._lease = lease
        self._holder = f"{socket.gethostname()}:{os.getpid()}:{uuid.uuid4().hex[:8]}"
        self.renewal = renewal

    async def hold(self) -> bool:
        """Take or renew the lease. False while another process holds it.

        Raises:
            Unavailable: Redis does not answer.
        """
        return await self._lease.hold(OFFICE, self._holder, LEASE_TTL)

    async def leave(self) -> None:
        """Give the lease up if it is ours. While Redis is away it expires by itself."""
        try:
            await self._lease.give_up(OFFICE, self._holder)
        except Unavailable:
            logger.debug("Redis is away; the lease expires by itself")

    async def during(self, work: Coroutine[Any, Any, T]) -> T:
        """What the work returns, done while the office is held.

        If Redis goes away, the work goes on, and the lease is taken again as soon as Redis is back.

        Raises:
            OfficeTaken: another process holds the office. If it takes it during the work, the work is cancelled.
            Unavailable: Redis does not answer at the beginning, when it is not known whether a facade is at work.
        """
        try:
            if not await self.hold():
                raise OfficeTaken("A facade of this service works on this database; stop every facade first")
        except BaseException:
            work.close()
            raise
        working, losing = asyncio.create_task(work), asyncio.create_task(self._until_lost())
        try:
            await asyncio.wait({working, losing}, return_when=asyncio.FIRST_COMPLETED)
            if working.done():
                return working.result()
        finally:
            await end([working, losing])
            await self.leave()
        losing.result()
        raise OfficeTaken("A facade of this service began to work on this database; stop it and run this again")

    async def _until_lost(self) -> None:
        """Renew the lease until another process has it."""
        is_away = False
        while True:
            await asyncio.sleep(self.renewal.total_seconds())
            try:
                if not await self.hold():
                    return
                is_away = False
            except Unavailable as error:
                if not is_away:
                    logger.warning("%s; no facade may start now. The lease is taken again once Redis is back", error)
                is_away = True
