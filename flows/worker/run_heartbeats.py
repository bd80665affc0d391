"""Prefect's heartbeats of the runs in progress, sent by their worker, so that no run needs a thread for it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence

from prefect.client.schemas.objects import FlowRun
from prefect.events import emit_event
from prefect.settings import get_current_settings

from falcon_scheduler.flows.prefect_internals import heartbeat_of

_CHECK_SECONDS = 60.0
"""How often a setting that turns heartbeats off is read again."""


async def send_heartbeats(runs_in_progress: Callable[[], Sequence[FlowRun]]) -> None:
    """Emit Prefect's heartbeat event for every run in progress, until cancelled."""
    while True:
        interval_seconds = get_current_settings().flows.heartbeat_frequency
        await asyncio.sleep(interval_seconds or _CHECK_SECONDS)
        if interval_seconds is None:
            continue
        for flow_run in runs_in_progress():
            emit_event(**heartbeat_of(flow_run))
