"""Keeps one preloaded process ready to fork from, and never one that is out of date.

    launcher = Launcher(environment); await launcher.start()
    process = await launcher.fork_run(); process.channel.send(Work(...)); end = await process.ended()

A preloaded process whose files have changed on disk is replaced. The replaced one lives until the last process that
it forked has ended.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping
from typing import TypeVar

from falcon_scheduler.flows.worker.forkserver_connection import (
    ForkserverConnection,
    LaneProcess,
    LaunchError,
    RunProcess,
    UpgradedInPlace,
)

ProcessT = TypeVar("ProcessT")

_BETWEEN_RENEWALS_SECONDS = 15.0
_ATTEMPTS = 5

_logger = logging.getLogger("falcon.worker.launcher")


class Launcher:
    """Forks processes from a preloaded one."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        self._environment = dict(environment)
        self._current: ForkserverConnection | None = None
        self._former: list[ForkserverConnection] = []
        self._renewing = asyncio.Lock()
        self._renewals: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Start the preloaded process and keep it up to date.

        Raises:
            LaunchError: it does not start.
        """
        self._current = await ForkserverConnection.launch(self._environment)
        self._renewals = asyncio.create_task(self._renew_when_out_of_date())

    async def fork_run(self) -> RunProcess:
        """A new process for a run, which waits for its work.

        Raises:
            LaunchError: the preloaded process can't be started, as when its interpreter is gone.
            UpgradedInPlace: it can't be used, because the package was upgraded while this worker ran.
        """
        return await self._fork(ForkserverConnection.fork_run)

    async def fork_lane(self) -> LaneProcess:
        """A new lane; see `fork_run`."""
        return await self._fork(ForkserverConnection.fork_lane)

    async def _fork(self, fork: Callable[[ForkserverConnection], Awaitable[ProcessT | None]]) -> ProcessT:
        for _ in range(_ATTEMPTS):
            forkserver = self._current
            if forkserver is None:
                raise LaunchError("not started")
            try:
                if (forked := await fork(forkserver)) is not None:
                    return forked
            except LaunchError:
                _logger.warning("The preloaded process ended unexpectedly; starting another")
            await self.renew(forkserver)
        raise LaunchError("the files that runs are preloaded with do not stop changing")

    def is_current(self, pid: int) -> bool:
        """Whether this process was forked from what is on disk now."""
        forkserver = self._current
        return forkserver is not None and pid in forkserver.processes and not forkserver.is_out_of_date.is_set()

    async def renew(self, outdated: ForkserverConnection | None = None) -> None:
        """Start anew with what is on disk now. Runs in progress go on as they were.

        Args:
            outdated: renew only if this one is still in use.
        """
        async with self._renewing:
            if self._current is None or (outdated is not None and outdated is not self._current):
                return
            former, self._current = self._current, await ForkserverConnection.launch(self._environment)
            former.retire()
            self._former = [each for each in self._former if each.processes] + [former]

    async def close(self) -> None:
        """End every preloaded process and whatever of their runs is left."""
        if self._renewals is not None:
            self._renewals.cancel()
        forkservers = [each for each in (self._current, *self._former) if each is not None]
        self._current = None
        for forkserver in forkservers:
            forkserver.close()
        for forkserver in forkservers:
            await forkserver.wait()

    async def _renew_when_out_of_date(self) -> None:
        """Renew ahead of the next run, but not with every file that somebody saves: a run renews at once anyway."""
        while (forkserver := self._current) is not None:
            await forkserver.is_out_of_date.wait()
            await asyncio.sleep(_BETWEEN_RENEWALS_SECONDS)
            try:
                await self.renew(forkserver)
            except UpgradedInPlace as error:
                _logger.error("Could not renew the preloaded process: %s", error)
                return  # the next run finds it too, and stops the worker
            except LaunchError as error:
                _logger.warning("Could not renew the preloaded process: %s", error)
