"""The worker type `warm-process`: every run is its own process, forked from one that has everything imported.

    prefect worker start --pool falcon --type warm-process --limit 10

A `BaseWorker` in all that Prefect shows of it: name, type, heartbeat, queues, job variables. What differs is how runs
are taken (when they are due, woken at once), started (forked) and ended (with proof).
"""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import threading
from collections.abc import Coroutine
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import anyio
import anyio.abc
from prefect.client.schemas.objects import FlowRun
from prefect.client.schemas.responses import WorkerFlowRunResponse
from prefect.states import Cancelled
from prefect.workers.base import BaseWorker

from adapters.settings import Settings
from flows.worker.carrier import Carrier, Surroundings
from flows.worker.configuration import WarmJobConfiguration, WarmVariables, WarmWorkerResult
from flows.worker.deployed import Deployments, configure
from flows.worker.launcher import Launcher
from flows.worker.log_shipping import LogShipping
from flows.worker.states import RunStates
from flows.worker.waiting import WaitingRun, WaitingRuns
from flows.worker.watching import sweep_cancelling, watch_events, watch_wakes

_POLL_SECONDS = 3.0
_FRESH_SECONDS = 0.5
"""Age up to which a poll's answer decides what runs next."""
_LEAST_PAUSE_SECONDS = 0.05
_AHEAD = timedelta(seconds=1)
"""How long before a run is due its process is forked."""
_SWEEP_SECONDS = 5.0
_POLLED_AT_ONCE = 50

_logger = logging.getLogger("falcon.worker")


class WarmProcessWorker(BaseWorker[WarmJobConfiguration, WarmVariables, WarmWorkerResult]):
    """Runs flows in processes forked from a preloaded one."""

    type = "warm-process"
    job_configuration = WarmJobConfiguration
    job_configuration_variables = WarmVariables

    _display_name = "Warm process"
    _description = "Execute flow runs as processes forked from a preloaded one: they start in tens of milliseconds."
    _documentation_url = "https://docs.prefect.io/v3/concepts/workers"

    def __init__(self, *args: Any, limit: int | None = None, **fields: Any) -> None:
        self._settings = Settings.load()
        super().__init__(*args, limit=limit or self._settings.scheduler.worker_count, **fields)
        self._carriers: dict[UUID, Carrier] = {}
        self._tasks: set[asyncio.Task[Any]] = set()
        self._taking = False
        self._stopping = False
        self._hurry = asyncio.Event()
        self._changed = asyncio.Event()
        self._poll_wanted = True
        self._polled_at = 0.0
        self._priorities: dict[UUID, int] = {}
        self._waiting = WaitingRuns(lambda queue_id: self._priorities.get(queue_id, 1000))
        self._result_storage_id: UUID | None = None

    async def setup(self) -> None:
        """Connect, start the preloaded process, begin to listen and to take runs."""
        await super().setup()
        self._states = RunStates(self.client)
        self._deployments = Deployments(self.client)
        self._logs = LogShipping(self.client)
        self._launcher = Launcher(self._run_environment())
        await self._launcher.start()
        self._taking = True
        self._begin(self._logs.run())
        self._begin(self._take_runs())
        self._begin(watch_wakes(self._settings.redis, self._work_pool_name, self._wake))
        self._begin(sweep_cancelling(self.client, self._work_pool_name, _SWEEP_SECONDS, self._find_cancelling))
        self._heed_signals()

    def _heed_signals(self) -> None:
        """Stop on the first SIGTERM or SIGINT, without more patience on the second; renew on SIGHUP."""
        loop, main = asyncio.get_running_loop(), asyncio.current_task()
        if main is None or threading.current_thread() is not threading.main_thread():
            return
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._stop, main)
        loop.add_signal_handler(signal.SIGHUP, self._renew)

    def _stop(self, main: asyncio.Task[Any]) -> None:
        if self._stopping:
            self._hurry.set()
            return
        self._stopping = True
        main.cancel()

    async def teardown(self, *exc_info: Any) -> None:
        """Take no new runs, let the running ones finish for the grace period, end the rest, leave nothing behind."""
        self._taking = False
        await self._finish_runs()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._logs.flush()
        await self._launcher.close()
        await super().teardown(*exc_info)

    async def _finish_runs(self) -> None:
        scheduler = self._settings.scheduler
        for carrier in list(self._carriers.values()):
            if not carrier.began:
                carrier.shut_down()
        if await self._runs_over(scheduler.shutdown_grace):
            return
        self._hurry.clear()
        for carrier in list(self._carriers.values()):
            carrier.shut_down()
        if not await self._runs_over(scheduler.cancel_grace + timedelta(seconds=5)):
            _logger.error("Some runs would not end; they end with the worker")

    async def _runs_over(self, patience: timedelta) -> bool:
        deadline = asyncio.get_running_loop().time() + patience.total_seconds()
        while self._carriers and asyncio.get_running_loop().time() < deadline and not self._hurry.is_set():
            await asyncio.sleep(0.05)
        return not self._carriers

    async def _initialize_after_sync(self) -> None:
        await super()._initialize_after_sync()
        if self._work_pool is None or self._client is None:
            return
        queues = await self._client.read_work_queues(work_pool_name=self._work_pool_name)
        self._priorities = {queue.id: queue.priority or 1000 for queue in queues}
        storage = await self._client.read_server_default_result_storage()
        self._result_storage_id = storage.default_result_storage_block_id

    async def _setup_cancellation_observer(self) -> None:
        """Replace Prefect's observer, which only knows runs that have not begun."""
        if self._work_pool is not None and not getattr(self, "_watching_events", False):
            self._watching_events = True
            self._begin(watch_events(self._work_pool.id, self._cancel, self._wake))

    async def get_and_submit_flow_runs(self) -> list[FlowRun]:
        """Prefect's own polling loop comes by here; ours is quicker, this one keeps the health check true."""
        await self._poll()
        self._begin_due()
        return [carrier.flow_run for carrier in self._carriers.values()]

    async def run(
        self,
        flow_run: FlowRun,
        configuration: WarmJobConfiguration,
        task_status: anyio.abc.TaskStatus[int] | None = None,
    ) -> WarmWorkerResult:
        """Run one flow run now, outside the queue, as `submit` asks for it."""
        carrier = Carrier(flow_run, datetime.now(UTC), None, configuration, self._surroundings())
        if task_status is not None:
            task_status.started(os.getpid())
        ended = await carrier.carry()
        return WarmWorkerResult(identifier=str(flow_run.id), status_code=0 if ended else 1)

    # Taking runs

    async def _take_runs(self) -> None:
        while self._taking:
            try:
                if self._poll_wanted or self._seconds_since_poll() >= _POLL_SECONDS:
                    await self._poll()
                self._begin_due()
            except Exception as error:  # noqa: BLE001 - a worker outlives whatever a poll meets
                _logger.warning("Could not look for runs: %s", error)
                await asyncio.sleep(1)
            await self._pause()

    async def _pause(self) -> None:
        patience = _POLL_SECONDS - self._seconds_since_poll()
        if (due_at := self._waiting.next_due_at()) is not None and self.limiter.available_tokens > 0:
            patience = min(patience, (due_at - _AHEAD - datetime.now(UTC)).total_seconds())
        with suppress(TimeoutError):
            await asyncio.wait_for(self._changed.wait(), max(patience, _LEAST_PAUSE_SECONDS))
        self._changed.clear()

    def _seconds_since_poll(self) -> float:
        return asyncio.get_running_loop().time() - self._polled_at

    async def _poll(self) -> None:
        if not self._has_successfully_synced:
            return
        self._poll_wanted = False
        self._polled_at = asyncio.get_running_loop().time()
        now = datetime.now(UTC)
        limit = max(_POLLED_AT_ONCE, 2 * int(self.limiter.total_tokens))
        found = await self._scheduled_before(now + timedelta(seconds=self._prefetch_seconds), limit)
        if len(found) == limit:  # what is due later may hide what is due now in a queue of lower priority
            found = await self._scheduled_before(now + _AHEAD, limit)
        self._last_polled_time = now
        await self._deployments.learn(entry.flow_run.deployment_id for entry in found)
        self._waiting.replace(found, self._carriers)

    async def _scheduled_before(self, instant: datetime, limit: int) -> list[WorkerFlowRunResponse]:
        response = await self.client.request(
            "POST",
            "/work_pools/{name}/get_scheduled_flow_runs",
            path_params={"name": self._work_pool_name},
            json={
                "work_queue_names": sorted(self._work_queues),
                "scheduled_before": instant.isoformat(),
                "limit": limit,
            },
        )
        return [WorkerFlowRunResponse.model_validate(entry) for entry in response.json()]

    def _begin_due(self) -> None:
        while self._taking and self.limiter.available_tokens > 0:
            if len(self._waiting) > 0 and self._seconds_since_poll() > _FRESH_SECONDS and self._is_contended():
                self._want_poll()
                return
            run = self._waiting.take(datetime.now(UTC), _AHEAD)
            if run is None:
                return
            self.limiter.acquire_on_behalf_of_nowait(run.flow_run.id)
            self._carriers[run.flow_run.id] = None  # type: ignore[assignment]
            self._begin(self._carry(run))

    def _is_contended(self) -> bool:
        return len(self._waiting) > self.limiter.available_tokens

    async def _carry(self, run: WaitingRun) -> None:
        flow_run = run.flow_run
        try:
            carrier = await self._prepare(run)
            if carrier is not None:
                self._carriers[flow_run.id] = carrier
                await carrier.carry()
        except Exception as error:
            self.get_flow_run_logger(flow_run).exception("The worker could not run this")
            message = f"The worker could not run this: {type(error).__name__}: {error}"
            await self._states.set_crashed(flow_run.id, message)
        finally:
            self._carriers.pop(flow_run.id, None)
            self._release_limit_slot(flow_run.id)
            self._changed.set()

    async def _prepare(self, run: WaitingRun) -> Carrier | None:
        flow_run, deployment = run.flow_run, None
        if flow_run.deployment_id is not None:
            deployment = await self._deployments.get(flow_run.deployment_id)
            if deployment is None:
                message = "Its deployment no longer exists."
                await self._states.set_surely(flow_run.id, Cancelled(message=message), force=True)
                return None
        configuration = await configure(self.client, self.work_pool, flow_run, deployment)
        return Carrier(flow_run, run.due_at, deployment, configuration, self._surroundings())

    def _surroundings(self) -> Surroundings:
        return Surroundings(
            client=self.client,
            states=self._states,
            launcher=self._launcher,
            logs=self._logs,
            labels={"prefect.worker.name": self.name, "prefect.worker.type": self.type},
            cancel_grace=self._settings.scheduler.cancel_grace,
            result_storage_id=lambda: self._result_storage_id,
        )

    # Hearing

    def _wake(self) -> None:
        self._want_poll()

    def _want_poll(self) -> None:
        self._poll_wanted = True
        self._changed.set()

    def _cancel(self, flow_run_id: UUID, already_set: bool) -> None:
        self._waiting.discard(flow_run_id)
        carrier = self._carriers.get(flow_run_id)
        if carrier is not None:
            carrier.cancel(already_set)

    async def _find_cancelling(self, flow_run: FlowRun) -> None:
        self._cancel(flow_run.id, already_set=False)

    def _renew(self) -> None:
        self._begin(self._launcher.renew())

    def _begin(self, work: Coroutine[Any, Any, Any]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def _run_environment(self) -> dict[str, str]:
        environment = dict(os.environ)
        if not getattr(self.client._client, "enable_csrf_support", True):
            environment["PREFECT_CLIENT_CSRF_SUPPORT_ENABLED"] = "false"
        return environment
