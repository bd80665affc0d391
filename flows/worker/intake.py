"""Takes runs off the pool: polls, keeps what is to come, and begins each when it is due and a slot is free.

Polling follows wake-ups; without any it comes round every few seconds. Which run is next is decided on what Prefect
says now, not on what it said a while ago, as soon as there are more runs than slots.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Collection
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from uuid import UUID

import anyio
from prefect.client.orchestration import PrefectClient
from prefect.client.schemas.responses import WorkerFlowRunResponse
from prefect.settings import PREFECT_WORKER_QUERY_SECONDS

from falcon_scheduler.flows.worker.deployment_cache import Deployments
from falcon_scheduler.flows.worker.due_queue import WaitingRun, WaitingRuns

AHEAD = timedelta(seconds=1)
"""How long before a run is due its process is forked."""

_SLOWEST_POLL_SECONDS = 3.0
_FRESH_SECONDS = 0.5
"""Age up to which a poll's answer decides what runs next."""
_SHARE = 3.0
"""Pause after a poll that was asked for, as a multiple of what it took: a slow server is not pressed harder."""
_LONGEST_GAP_SECONDS = 2.0
_LEAST_PAUSE_SECONDS = 0.02
_PAUSE_AFTER_ERROR_SECONDS = 1.0
_POLLED_AT_ONCE = 50
_LOWEST_PRIORITY = 1000

_logger = logging.getLogger("falcon.worker.taking")


class Taking:
    """The intake of one worker."""

    def __init__(
        self,
        client: PrefectClient,
        pool_name: str,
        queue_names: Collection[str],
        prefetch: timedelta,
        deployments: Deployments,
        slots: anyio.CapacityLimiter,
        begun: Callable[[], Collection[UUID]],
        begin: Callable[[WaitingRun], None],
    ) -> None:
        self.is_open = True
        """Whether runs are taken. Once false it stays so."""
        self.polled_at: datetime | None = None
        self._client = client
        self._pool_name = pool_name
        self._queue_names = sorted(queue_names)
        self._prefetch = prefetch
        self._deployments = deployments
        self._slots = slots
        self._begun = begun
        self._begin = begin
        self._priorities: dict[UUID, int] = {}
        self._waiting = WaitingRuns(
            lambda queue_id: self._priorities.get(queue_id, _LOWEST_PRIORITY),
            deployments.runs_in_line,
            self._lines_at_work,
        )
        self._lines: dict[UUID, UUID | None] = {}
        self._changed = asyncio.Event()
        self._poll_wanted = True
        self._polled_seconds = -_SLOWEST_POLL_SECONDS
        self._gap_seconds = 0.0
        self._more_is_due = False
        self._complained = False

    async def run(self) -> None:
        """Take runs until closed."""
        while self.is_open:
            try:
                if self._age_seconds() >= (self._gap_seconds if self._poll_wanted else self._interval_seconds()):
                    await self.poll()
                self.begin_due()
                self._complained = False
            except Exception as error:  # noqa: BLE001 - a worker outlives whatever a poll meets
                if not self._complained:
                    _logger.warning("Could not look for runs, trying on: %s: %s", type(error).__name__, error)
                self._complained = True
                await asyncio.sleep(_PAUSE_AFTER_ERROR_SECONDS)
            await self._pause()

    def close(self) -> None:
        """Take nothing more."""
        self.is_open = False
        self._changed.set()

    def wake(self) -> None:
        """Look for runs now."""
        self._poll_wanted = True
        self._changed.set()

    def slot_came_free(self) -> None:
        """Look whether something known can begin."""
        self._changed.set()

    def forget(self, flow_run_id: UUID) -> None:
        """Do not begin this one: it was cancelled."""
        self._waiting.discard(flow_run_id)

    def is_behind(self) -> bool:
        """Whether our own polling does not come round as it should."""
        return self._age_seconds() > 2 * self._interval_seconds()

    async def learn_priorities(self) -> None:
        """Read which queue goes before which."""
        queues = await self._client.read_work_queues(work_pool_name=self._pool_name)
        self._priorities = {queue.id: queue.priority or _LOWEST_PRIORITY for queue in queues}

    async def poll(self) -> None:
        """Ask Prefect what is scheduled."""
        self._poll_wanted = False
        began_seconds = self._polled_seconds = asyncio.get_running_loop().time()
        now = datetime.now(UTC)
        begun = set(self._begun())
        found = await self._next_runs(now)
        self._gap_seconds = min(_SHARE * (asyncio.get_running_loop().time() - began_seconds), _LONGEST_GAP_SECONDS)
        self.polled_at = now
        await self._deployments.learn(entry.flow_run.deployment_id for entry in found)
        # What has ended since we asked may still be called scheduled by the answer.
        ended = begun.difference(self._begun())
        self._waiting.replace(found, begun.union(self._begun()))
        self._poll_wanted = self._poll_wanted or any(entry.flow_run.id in ended for entry in found)

    async def _next_runs(self, now: datetime) -> list[WorkerFlowRunResponse]:
        """What is due, or soon will be; with more runs than slots only what is due, and not all of it."""
        slots = int(self._slots.total_tokens)
        if not self._is_contended():
            limit = max(_POLLED_AT_ONCE, 2 * slots)
            found = await self._scheduled_before(now + self._prefetch, limit)
            if len(found) < limit:
                self._more_is_due = False
                return found
        # What is due later would hide what is due now in a queue of lower priority.
        found = await self._scheduled_before(now + AHEAD, 2 * slots)
        self._more_is_due = len(found) == 2 * slots
        return found

    def begin_due(self) -> None:
        """Begin what is due, as far as slots go."""
        while self.is_open and self._slots.available_tokens > 0:
            if self._is_contended() and self._age_seconds() > max(_FRESH_SECONDS, self._gap_seconds):
                self.wake()
                return
            run = self._waiting.take(datetime.now(UTC), AHEAD)
            if run is None:
                if self._more_is_due:
                    self.wake()
                return
            self._lines[run.flow_run.id] = run.flow_run.deployment_id
            self._begin(run)

    def _lines_at_work(self) -> Collection[UUID | None]:
        """Deployments of which a run has been begun here and not ended."""
        begun = self._begun()
        self._lines = {run_id: line for run_id, line in self._lines.items() if run_id in begun}
        return self._lines.values()

    async def _pause(self) -> None:
        wanted = self._gap_seconds if self._poll_wanted else self._interval_seconds()
        patience = wanted - self._age_seconds()
        due_at = self._waiting.next_due_at()
        if due_at is not None and self._slots.available_tokens > 0:
            patience = min(patience, (due_at - AHEAD - datetime.now(UTC)).total_seconds())
        with suppress(TimeoutError):
            await asyncio.wait_for(self._changed.wait(), max(patience, _LEAST_PAUSE_SECONDS))
        self._changed.clear()

    @staticmethod
    def _interval_seconds() -> float:
        return min(float(PREFECT_WORKER_QUERY_SECONDS.value()), _SLOWEST_POLL_SECONDS)

    def _age_seconds(self) -> float:
        return asyncio.get_running_loop().time() - self._polled_seconds

    def _is_contended(self) -> bool:
        return len(self._waiting) > self._slots.available_tokens

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
