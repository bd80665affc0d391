"""What a worker reads about its pool with every heartbeat, and what it reports of itself for the facade."""

from __future__ import annotations

import asyncio
import contextlib
from datetime import UTC, datetime
from uuid import UUID

from prefect.client.orchestration import PrefectClient
from prefect.client.schemas.filters import WorkerFilter, WorkerFilterStatus

from falcon_scheduler.adapters.redis.workers import LIFE_INTERVAL, report_end, report_life, report_slots
from falcon_scheduler.adapters.settings import RedisSettings
from falcon_scheduler.core.errors import SchedulerError
from falcon_scheduler.flows.worker.event_listeners import redis_of


class PoolState:
    """One pool, as one of its workers knows it."""

    def __init__(self, client: PrefectClient, pool_name: str, worker_name: str, redis: RedisSettings) -> None:
        self.result_storage_id: UUID | None = None
        """The server's default block for results, if it has one."""
        self.is_shared = False
        """Whether other workers take runs from the same pool."""
        self._client = client
        self._pool_name = pool_name
        self._worker_name = worker_name
        self._redis = redis

    async def refresh(self, slots: int, lane_slots: int) -> None:
        """Report how many runs this worker runs at once, in processes and in its lane, and read the rest anew."""
        await self._report_slots(slots, lane_slots)
        storage = await self._client.read_server_default_result_storage()
        self.result_storage_id = storage.default_result_storage_block_id
        online = WorkerFilter(status=WorkerFilterStatus(any_=["ONLINE"]))
        workers = await self._client.read_workers_for_work_pool(self._pool_name, worker_filter=online)
        self.is_shared = any(worker.name != self._worker_name for worker in workers)

    async def _report_slots(self, slots: int, lane_slots: int) -> None:
        """Write the slots to Redis. If Redis is away, the next heartbeat does it."""
        with contextlib.suppress(SchedulerError):
            async with redis_of(self._redis) as redis:
                await report_slots(redis, self._pool_name, self._worker_name, slots, lane_slots)

    async def report_life(self) -> None:
        """Report again and again that this worker takes runs, until cancelled. If Redis is away, it begins again."""
        began_at = datetime.now(UTC)
        while True:
            with contextlib.suppress(SchedulerError):
                async with redis_of(self._redis) as redis:
                    while True:
                        await report_life(redis, self._pool_name, self._worker_name, began_at, datetime.now(UTC))
                        await asyncio.sleep(LIFE_INTERVAL.total_seconds())
            await asyncio.sleep(LIFE_INTERVAL.total_seconds())

    async def report_end(self) -> None:
        """Report that this worker takes no more runs, once `report_life` has ended."""
        with contextlib.suppress(SchedulerError):
            async with redis_of(self._redis) as redis:
                await report_end(redis, self._pool_name, self._worker_name)
