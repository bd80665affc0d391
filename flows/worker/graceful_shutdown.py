"""How the runs of a worker end when the worker does: by themselves if they can, else by it, each with a state."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping
from datetime import timedelta
from uuid import UUID

from falcon_scheduler.adapters.settings import SchedulerSettings
from falcon_scheduler.flows.worker.lane_supervisor import LaneSupervisor
from falcon_scheduler.flows.worker.run_supervisor import RunSupervisor

_CLEAN_UP = timedelta(seconds=5)
_CHECK_SECONDS = 0.05

_logger = logging.getLogger("falcon.worker.shutdown")


async def drain(
    supervisors: Mapping[UUID, RunSupervisor | LaneSupervisor | None],
    settings: SchedulerSettings,
    no_grace: asyncio.Event,
) -> None:
    """Wait until no run is left.

    Runs that have not begun are given back at once: another worker takes them. Those in progress have
    `shutdown_grace` to finish; then they are asked to end, and killed after `cancel_grace`. `no_grace` ends the first
    wait early.
    """
    _end_all(supervisors, begun=False)
    if await _all_over(supervisors, settings.shutdown_grace, no_grace):
        return
    _end_all(supervisors, begun=True)
    if not await _all_over(supervisors, settings.cancel_grace + _CLEAN_UP):
        _logger.error("%d runs would not end; they are killed with the worker", len(supervisors))


def _end_all(supervisors: Mapping[UUID, RunSupervisor | LaneSupervisor | None], begun: bool) -> None:
    for supervisor in list(supervisors.values()):
        if supervisor is not None and supervisor.began is begun:
            supervisor.shut_down()


async def _all_over(
    supervisors: Mapping[UUID, RunSupervisor | LaneSupervisor | None],
    patience: timedelta,
    no_grace: asyncio.Event | None = None,
) -> bool:
    deadline = asyncio.get_running_loop().time() + patience.total_seconds()
    while supervisors and asyncio.get_running_loop().time() < deadline:
        if no_grace is not None and no_grace.is_set():
            break
        await asyncio.sleep(_CHECK_SECONDS)
    return not supervisors
