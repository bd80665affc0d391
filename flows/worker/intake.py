"""Polls the pool for scheduled runs, and begins each when it is due and a slot is free.

A wake-up makes it poll at once; without any it polls every few seconds. As soon as there are more runs than slots,
the next run is chosen from a fresh poll, not from an older one.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Collection
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from uuid import UUID

from prefect.client.orchestration import PrefectClient
from prefect.client.schemas.objects import FlowRun
from prefect.client.schemas.responses import WorkerFlowRunResponse
from prefect.settings import PREFECT_WORKER_QUERY_SECONDS

from falcon_scheduler.flows.worker.deployment_cache import DeploymentCache
from falcon_scheduler.flows.worker.due_queue import DueQueue, ScheduledRun
from falcon_scheduler.flows.worker.slots import Slots

FORKED_AHEAD = timedelta(seconds=1)
"""How long before a run is due its process is forked."""

_SLOWEST_POLL_SECONDS = 3.0
_FRESH_SECONDS = 0.5
"""Age up to which a poll's answer decides what runs next."""
_PAUSE_FACTOR, _PAUSE_FACTOR_OF_MANY = 3.0, 9.0
"""Pause after a poll that was asked for, as a multiple of its duration: a slow server gets no more load. With more
runs than slots, an answer has up to 200 of them, and each end asks for the next answer."""
_LONGEST_GAP_SECONDS = 2.0
_LEAST_PAUSE_SECONDS = 0.02
_PAUSE_AFTER_ERROR_SECONDS = 1.0
_POLLED_AT_ONCE = 50
_MOST_POLLED = 200
"""Prefect answers no more at once. Source: PREFECT_API_DEFAULT_LIMIT."""
_KINDS = (True, False)
"""Runs in the lane, which are begun in no time, and runs in processes of their own."""
_LOWEST_PRIORITY = 1000

_logger = logging.getLogger("falcon.worker.intake")


class Intake:
    """Polls one pool for one worker."""

    def __init__(
        self,
        client: PrefectClient,
        pool_name: str,
        queue_names: Collection[str],
        prefetch: timedelta,
        deployments: DeploymentCache,
        slots: Slots,
        fits_lane: Callable[[FlowRun], bool],
        learn: Callable[[Collection[UUID | None]], Awaitable[None]],
        begun: Callable[[], Collection[UUID]],
        begin: Callable[[ScheduledRun], None],
    ) -> None:
        self.is_open = True
        """Whether runs are begun. Once false it stays false."""
        self.polled_at: datetime | None = None
        self._client = client
        self._pool_name = pool_name
        self._queue_names = sorted(queue_names)
        self._prefetch = prefetch
        self._deployments = deployments
        self._learn = learn
        self._slots = slots
        self._begun = begun
        self._begin = begin
        self._priorities: dict[UUID, int] = {}
        self._queue = DueQueue(
            lambda queue_id: self._priorities.get(queue_id, _LOWEST_PRIORITY),
            deployments.is_queueing,
            self._busy_deployments,
            fits_lane,
        )
        self._deployment_of: dict[UUID, UUID | None] = {}
        self._changed = asyncio.Event()
        self._poll_wanted = True
        self._polled_seconds = -_SLOWEST_POLL_SECONDS
        self._gap_seconds = 0.0
        self._are_many = False
        """Whether the last poll found more than there are slots for."""
        self._more_is_due = False
        self._is_failing = False

    async def run(self) -> None:
        """Poll and begin runs until closed."""
        while self.is_open:
            try:
                if self._age_seconds() >= (self._gap_seconds if self._poll_wanted else self._interval_seconds()):
                    await self.poll()
                self.begin_due()
                self._is_failing = False
            except Exception as error:  # noqa: BLE001 - a failed poll must not end the worker
                if not self._is_failing:
                    _logger.warning("Could not poll for runs, trying again: %s: %s", type(error).__name__, error)
                self._is_failing = True
                await asyncio.sleep(_PAUSE_AFTER_ERROR_SECONDS)
            await self._pause()

    def close(self) -> None:
        """Begin nothing more."""
        self.is_open = False
        self._changed.set()

    def wake(self) -> None:
        """Poll now."""
        self._poll_wanted = True
        self._changed.set()

    def slot_came_free(self) -> None:
        """Begin what waits for a slot."""
        self._changed.set()

    def forget(self, flow_run_id: UUID) -> None:
        """Do not begin this one: it was cancelled."""
        self._queue.discard(flow_run_id)

    def is_late(self) -> bool:
        """Whether the last poll was longer ago than it should be."""
        return self._age_seconds() > 2 * self._interval_seconds()

    async def read_priorities(self) -> None:
        """Read the priorities of the work queues."""
        queues = await self._client.read_work_queues(work_pool_name=self._pool_name)
        self._priorities = {queue.id: queue.priority or _LOWEST_PRIORITY for queue in queues}

    async def poll(self) -> None:
        """Ask Prefect what is scheduled."""
        self._poll_wanted = False
        began_seconds = self._polled_seconds = asyncio.get_running_loop().time()
        now = datetime.now(UTC)
        begun = set(self._begun())
        found = await self._next_runs(now)
        took_seconds = asyncio.get_running_loop().time() - began_seconds
        factor = _PAUSE_FACTOR_OF_MANY if self._are_many else _PAUSE_FACTOR
        self._gap_seconds = min(factor * took_seconds, _LONGEST_GAP_SECONDS)
        self.polled_at = now
        deployment_ids = {entry.flow_run.deployment_id for entry in found}
        await self._deployments.read(deployment_ids)
        await self._learn(deployment_ids)
        # What has ended since we asked may still be called scheduled by the answer.
        ended = begun.difference(self._begun())
        self._queue.replace(found, begun.union(self._begun()))
        self._poll_wanted = self._poll_wanted or any(entry.flow_run.id in ended for entry in found)

    async def _next_runs(self, now: datetime) -> list[WorkerFlowRunResponse]:
        """What is due, or will be within the prefetch; with more runs than slots only what is due, up to a limit."""
        limit = min(max(_POLLED_AT_ONCE, 2 * self._slots.total), _MOST_POLLED)
        if not any(self._is_contended(in_lane) for in_lane in _KINDS):
            found = await self._scheduled_before(now + self._prefetch, limit)
            if len(found) < limit:
                self._more_is_due = self._are_many = False
                return found
        self._are_many = True
        # What is due later would hide what is due now in a queue of lower priority.
        limit = min(2 * self._slots.total, _MOST_POLLED)
        found = await self._scheduled_before(now + FORKED_AHEAD, limit)
        self._more_is_due = len(found) == limit
        return found

    def begin_due(self) -> None:
        """Begin what is due, while slots of its kind are free."""
        for in_lane in _KINDS:
            self._begin_due(in_lane)

    def _begin_due(self, in_lane: bool) -> None:
        while self.is_open and self._slots.free(in_lane=in_lane) > 0:
            if self._is_contended(in_lane) and self._age_seconds() > max(_FRESH_SECONDS, self._gap_seconds):
                self.wake()
                return
            run = self._queue.take(datetime.now(UTC), FORKED_AHEAD, in_lane=in_lane)
            if run is None:
                if self._more_is_due:
                    self.wake()
                return
            self._deployment_of[run.flow_run.id] = run.flow_run.deployment_id
            self._begin(run)

    def _busy_deployments(self) -> Collection[UUID | None]:
        """DeploymentCache of which a run has been begun here and not ended."""
        begun = self._begun()
        self._deployment_of = {run: deployment for run, deployment in self._deployment_of.items() if run in begun}
        return self._deployment_of.values()

    async def _pause(self) -> None:
        wanted = self._gap_seconds if self._poll_wanted else self._interval_seconds()
        pause_seconds = wanted - self._age_seconds()
        for in_lane in _KINDS:
            due_at = self._queue.next_due_at(in_lane=in_lane)
            if due_at is not None and self._slots.free(in_lane=in_lane) > 0:
                pause_seconds = min(pause_seconds, (due_at - FORKED_AHEAD - datetime.now(UTC)).total_seconds())
        with suppress(TimeoutError):
            await asyncio.wait_for(self._changed.wait(), max(pause_seconds, _LEAST_PAUSE_SECONDS))
        self._changed.clear()

    @staticmethod
    def _interval_seconds() -> float:
        return min(float(PREFECT_WORKER_QUERY_SECONDS.value()), _SLOWEST_POLL_SECONDS)

    def _age_seconds(self) -> float:
        return asyncio.get_running_loop().time() - self._polled_seconds

    def _is_contended(self, in_lane: bool) -> bool:
        return self._queue.count(in_lane=in_lane) > self._slots.free(in_lane=in_lane)

    async def _scheduled_before(self, instant: datetime, limit: int) -> list[WorkerFlowRunResponse]:
        response = await self._client.request(
            "POST",
            "/work_pools/{name}/get_scheduled_flow_runs",
            path_params={"name": self._pool_name},
            json={
                "work_queue_names": self._queue_names,
                "scheduled_before": instant.isoformat(),
                "limit": limit,
            },
        )
        return [WorkerFlowRunResponse.model_validate(entry) for entry in response.json()]
