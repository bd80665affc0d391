"""What a worker hears from outside: cancellations, new runs, and that it should look.

Prefect's event stream tells at once; Redis tells of runs that the facade created; a sweep finds what both missed.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence
from contextlib import AbstractAsyncContextManager
from uuid import UUID

from prefect.client.orchestration import PrefectClient
from prefect.client.schemas.objects import FlowRun, StateType
from prefect.events import emit_event
from prefect.events.clients import get_events_subscriber
from prefect.events.filters import EventAnyResourceFilter, EventFilter, EventNameFilter
from prefect.settings import get_current_settings
from redis.asyncio import Redis

from falcon_scheduler.adapters.prefect.flow_run_reading import FlowRunReading
from falcon_scheduler.adapters.redis.client import open_redis
from falcon_scheduler.adapters.redis.wake import wakes
from falcon_scheduler.adapters.settings import RedisSettings
from falcon_scheduler.core.errors import SchedulerError

_CANCELLING = "prefect.flow-run.Cancelling"
_CANCELLED = "prefect.flow-run.Cancelled"
_SUSPENDED = "prefect.flow-run.Suspended"
_SCHEDULED = "prefect.flow-run.Scheduled"
_RETRY_SECONDS = 5.0
_NO_BEAT_SECONDS = 60.0

_logger = logging.getLogger("falcon.worker.watching")


async def watch_events(
    pool_id: UUID,
    on_cancel: Callable[[UUID, bool], None],
    on_suspended: Callable[[UUID], None],
    on_scheduled: Callable[[], None],
) -> None:
    """Follow the pool's event stream until cancelled, coming back to it whenever it breaks.

    Args:
        on_cancel: told the flow run, and whether it is Cancelled already rather than Cancelling.
        on_suspended: told the flow run that is to stop at its next step and be resumed some day.
        on_scheduled: told that some run of the pool has been scheduled.
    """
    said = False
    while True:
        try:
            async with get_events_subscriber(filter=_pool_events(pool_id)) as events:
                said = False
                async for event in events:
                    flow_run_id = UUID(event.resource.id.removeprefix("prefect.flow-run."))
                    if event.event == _SCHEDULED:
                        on_scheduled()
                    elif event.event == _SUSPENDED:
                        on_suspended(flow_run_id)
                    else:
                        on_cancel(flow_run_id, event.event == _CANCELLED)
        except Exception as error:  # noqa: BLE001 - the sweep and the poll carry on meanwhile
            if not said:
                _logger.warning("Lost Prefect's event stream, coming back: %s", error)
            said = True
        await asyncio.sleep(_RETRY_SECONDS)


def _pool_events(pool_id: UUID) -> EventFilter:
    return EventFilter(
        event=EventNameFilter(name=[_CANCELLING, _CANCELLED, _SUSPENDED, _SCHEDULED]),
        any_resource=EventAnyResourceFilter(id=[f"prefect.work-pool.{pool_id}"]),
    )


def redis_of(settings: RedisSettings) -> AbstractAsyncContextManager[Redis]:
    """A connection as the settings say, made by the first command."""
    password = settings.password.get_secret_value() if settings.password else None
    return open_redis(
        settings.host, settings.port, password, settings.db, username=settings.username, tls=settings.tls
    )


async def watch_wakes(settings: RedisSettings, pool_name: str, on_wake: Callable[[], None]) -> None:
    """Listen on Redis until cancelled. Redis away is nothing but a slower start of runs."""
    said = False
    while True:
        try:
            async with redis_of(settings) as redis:
                async for _ in wakes(redis, pool_name):
                    said = False
                    on_wake()
        except SchedulerError:
            if not said:
                _logger.warning("Redis is away; new runs are found by polling")
            said = True
        await asyncio.sleep(_RETRY_SECONDS)


async def sweep_cancelling(
    client: PrefectClient,
    pool_name: str,
    interval_seconds: float,
    on_found: Callable[[UUID], None],
) -> None:
    """Look for runs of the pool that are being cancelled, again and again, until cancelled."""
    reading = FlowRunReading(client)
    while True:
        await asyncio.sleep(interval_seconds)
        try:
            found = await reading.ids(  # ids alone, as a run that Prefect can't send would hide the others
                {"state": {"type": {"any_": [StateType.CANCELLING]}}}, {"work_pools": {"name": {"any_": [pool_name]}}}
            )
            for flow_run_id in found:
                on_found(UUID(flow_run_id))
        except Exception as error:  # noqa: BLE001 - the next sweep may do better
            _logger.debug("Could not look for cancelled runs: %s", error)


async def beat_for(runs_under_way: Callable[[], Sequence[FlowRun]]) -> None:
    """Emit Prefect's heartbeat event for every lasting run, until cancelled, so that the runs need not.

    Source of the event's form: prefect.flow_engine, `_emit_flow_run_heartbeat`.
    """
    while True:
        frequency = get_current_settings().flows.heartbeat_frequency
        await asyncio.sleep(frequency or _NO_BEAT_SECONDS)
        if frequency is None:
            continue
        for flow_run in runs_under_way():
            related = [{"prefect.resource.id": f"prefect.flow.{flow_run.flow_id}", "prefect.resource.role": "flow"}]
            if flow_run.deployment_id is not None:
                deployment = f"prefect.deployment.{flow_run.deployment_id}"
                related.append({"prefect.resource.id": deployment, "prefect.resource.role": "deployment"})
            emit_event(
                event="prefect.flow-run.heartbeat",
                resource={
                    "prefect.resource.id": f"prefect.flow-run.{flow_run.id}",
                    "prefect.resource.name": flow_run.name,
                },
                related=related,
            )
