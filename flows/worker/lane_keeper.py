"""Keeps one lane ready for the next run: forks it ahead of time, and another as soon as that one is unusable."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Sequence

from falcon_scheduler.flows.worker.forkserver_connection import LaunchError
from falcon_scheduler.flows.worker.lane import Lane
from falcon_scheduler.flows.worker.launcher import Launcher
from falcon_scheduler.flows.worker.log_shipping import LogShipper

_SHORT_LIFE_SECONDS = 2.0
_PAUSE_SECONDS = 2.0
_CLOSING_SECONDS = 10.0

_logger = logging.getLogger("falcon.worker.lane")


class LaneKeeper:
    """The lanes of one worker: one that takes runs, and those that finish theirs."""

    def __init__(self, launcher: Launcher, logs: LogShipper, memory_bound_mb: int) -> None:
        self._launcher = launcher
        self._logs = logs
        self._bound_mb = memory_bound_mb
        self._current: Lane | None = None
        self._lanes: set[Lane] = set()
        self._forking = asyncio.Lock()
        self._watches: set[asyncio.Task[None]] = set()

    async def lane(self) -> Lane:
        """The lane for the next run.

        Raises:
            LaunchError: none can be forked.
        """
        async with self._forking:
            lane = self._current
            if lane is not None and lane.is_usable and self._launcher.is_current(lane.process.pid):
                return lane
            fresh = Lane(await self._launcher.fork_lane(), self._logs, self._bound_mb)
            if lane is not None:
                lane.retire()
            self._current = fresh
            self._lanes.add(fresh)
            watch = asyncio.create_task(self._replace(fresh))
            self._watches.add(watch)
            watch.add_done_callback(self._watches.discard)
            return fresh

    async def shared_of(self, deployment_ids: Sequence[str]) -> frozenset[str] | None:
        """See `Lane.shared_of`."""
        try:
            return await (await self.lane()).shared_of(deployment_ids)
        except LaunchError:
            return None

    async def close(self) -> None:
        """End every lane with whatever it performs."""
        for watch in self._watches:
            watch.cancel()
        for lane in self._lanes:
            lane.kill("The worker stops")
        if self._lanes:
            await asyncio.wait(
                [asyncio.ensure_future(lane.ended()) for lane in self._lanes], timeout=_CLOSING_SECONDS
            )

    async def _replace(self, lane: Lane) -> None:
        """Once this lane has ended, fork the next one ahead of the run that needs it."""
        loop = asyncio.get_running_loop()
        forked_at = loop.time()
        await lane.ended()
        self._lanes.discard(lane)
        if loop.time() - forked_at < _SHORT_LIFE_SECONDS:  # one that can't even start is not forked without a pause
            await asyncio.sleep(_PAUSE_SECONDS)
        if self._current is lane:
            with contextlib.suppress(LaunchError):  # the next run tries again, and reports it
                await self.lane()
