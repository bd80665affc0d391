"""What a worker listens to: cancellations, suspensions and new runs in Prefect, wake-ups from the facade in Redis.

Prefect's event stream brings them at once, Redis the runs that the facade created. A sweep finds the cancellations
that the stream missed.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from uuid import UUID

from prefect.client.orchestration import PrefectClient
from prefect.client.schemas.objects import StateType
from prefect.events.clients import get_events_subscriber
from prefect.events.filters import EventAnyResourceFilter, EventFilter, EventNameFilter
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
_SWEEP_SECONDS = 5.0

_logger = logging.getLogger("falcon.worker.listeners")


async def follow_events(
    pool_id: UUID,
    on_cancel: Callable[[UUID, bool], None],
    on_suspended: Callable[[UUID], None],
    on_scheduled: Callable[[], None],
    on_connected: Callable[[bool], None],
) -> None:
    """Follow the pool's event stream until cancelled, connecting again whenever it breaks.

    Args:
        on_cancel: receives the flow run, and whether it is Cancelled already, not Cancelling.
        on_suspended: receives the flow run that is to stop at its next step; it may be resumed later.
        on_scheduled: called when some run of the pool has been scheduled.
        on_connected: receives whether the stream is open, at every change.
    """
    is_reported = False
    while True:
        try:
            async with get_events_subscriber(filter=_pool_events(pool_id)) as events:
                is_reported = False
                on_connected(True)
                async for event in events:
                    flow_run_id = UUID(event.resource.id.removeprefix("prefect.flow-run."))
                    if event.event == _SCHEDULED:
                        on_scheduled()
                    elif event.event == _SUSPENDED:
                        on_suspended(flow_run_id)
                    else:
                        on_cancel(flow_run_id, event.event == _CANCELLED)
        except Exception as error:  # noqa: BLE001 - the sweep and the poll go on without it
            if not is_reported:
                _logger.warning("Lost Prefect's event stream, connecting again: %s", error)
            is_reported = True
        on_connected(False)
        await asyncio.sleep(_RETRY_SECONDS)


def _pool_events(pool_id: UUID) -> EventFilter:
    return EventFilter(
        event=EventNameFilter(name=[_CANCELLING, _CANCELLED, _SUSPENDED, _SCHEDULED]),
        any_resource=EventAnyResourceFilter(id=[f"prefect.work-pool.{pool_id}"]),
    )


def redis_of(settings: RedisSettings) -> AbstractAsyncContextManager[Redis]:
    """A client with these settings. Its first command connects."""
    password = settings.password.get_secret_value() if settings.password else None
    return open_redis(
        settings.host, settings.port, password, settings.db, username=settings.username, tls=settings.tls
    )


async def follow_wake_ups(settings: RedisSettings, pool_name: str, on_wake: Callable[[], None]) -> None:
    """Listen on Redis until cancelled. While Redis is away, runs start only slower."""
    is_reported = False
    while True:
        try:
            async with redis_of(settings) as redis:
                async for _ in wakes(redis, pool_name):
                    is_reported = False
                    on_wake()
        except SchedulerError:
            if not is_reported:
                _logger.warning("Redis is away; new runs are found by polling")
            is_reported = True
        await asyncio.sleep(_RETRY_SECONDS)


async def sweep_cancelling(
    client: PrefectClient,
    pool_name: str,
    on_found: Callable[[UUID], None],
) -> None:
    """Look for runs of the pool that are being cancelled, again and again, until cancelled."""
    reading = FlowRunReading(client)
    while True:
        await asyncio.sleep(_SWEEP_SECONDS)
        try:
            found = await reading.ids(  # ids alone, as a run that Prefect can't send would hide the others
                {"state": {"type": {"any_": [StateType.CANCELLING]}}}, {"work_pools": {"name": {"any_": [pool_name]}}}
            )
            for flow_run_id in found:
                on_found(UUID(flow_run_id))
        except Exception as error:  # noqa: BLE001 - the next sweep tries again
            _logger.debug("Could not look for cancelled runs: %s", error)
