"""How a worker's runs end when the worker does: by themselves if they can, else by us, and never unseen."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping
from datetime import timedelta
from uuid import UUID

from falcon_scheduler.adapters.settings import SchedulerSettings
from falcon_scheduler.flows.worker.run_supervisor import Carrier

_CLEARING_AWAY = timedelta(seconds=5)
_LOOK_SECONDS = 0.05

_logger = logging.getLogger("falcon.worker.stopping")


async def finish(carriers: Mapping[UUID, Carrier | None], settings: SchedulerSettings, hurry: asyncio.Event) -> None:
    """Wait until no run is left.

    Runs that have not begun are let go at once: another worker takes them. Those under way have `shutdown_grace` to
    finish; then they are asked to end, and killed after `cancel_grace`. `hurry` cuts the first wait short.
    """
    _end_all(carriers, begun=False)
    if await _all_over(carriers, settings.shutdown_grace, hurry):
        return
    _end_all(carriers, begun=True)
    if not await _all_over(carriers, settings.cancel_grace + _CLEARING_AWAY):
        _logger.error("%d runs would not end; they are killed with the worker", len(carriers))


def _end_all(carriers: Mapping[UUID, Carrier | None], begun: bool) -> None:
    for carrier in list(carriers.values()):
        if carrier is not None and carrier.began is begun:
            carrier.shut_down()


async def _all_over(
    carriers: Mapping[UUID, Carrier | None], patience: timedelta, hurry: asyncio.Event | None = None
) -> bool:
    deadline = asyncio.get_running_loop().time() + patience.total_seconds()
    while carriers and asyncio.get_running_loop().time() < deadline:
        if hurry is not None and hurry.is_set():
            break
        await asyncio.sleep(_LOOK_SECONDS)
    return not carriers
