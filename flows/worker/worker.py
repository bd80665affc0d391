"""The worker type `warm-process`: every run is its own process, forked from one that has everything imported.

    prefect worker start --pool falcon --type warm-process --limit 10

A `BaseWorker` in all that Prefect shows of it: name, type, heartbeat, queues, job variables. What differs is how runs
are taken (when they are due, woken at once), started (forked) and ended (with proof).
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import signal
import threading
from collections.abc import Coroutine
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import anyio.abc
import httpx
from prefect.client.schemas.filters import WorkerFilter, WorkerFilterStatus
from prefect.client.schemas.objects import FlowRun, State
from prefect.states import Cancelled, Failed
from prefect.workers.base import BaseWorker

from falcon_scheduler.adapters.prefect.names import DEPLOYMENT_GONE_MESSAGE
from falcon_scheduler.adapters.redis.workers import report_slots
from falcon_scheduler.adapters.settings import SchedulerSettings, Settings, is_for_runs, warn_of_unknown_names
from falcon_scheduler.core.errors import SchedulerError
from falcon_scheduler.flows.worker.deployment_cache import Deployments, configure
from falcon_scheduler.flows.worker.due_queue import WaitingRun
from falcon_scheduler.flows.worker.event_listeners import (
    beat_for,
    redis_of,
    sweep_cancelling,
    watch_events,
    watch_wakes,
)
from falcon_scheduler.flows.worker.graceful_shutdown import finish
from falcon_scheduler.flows.worker.intake import Taking
from falcon_scheduler.flows.worker.job_configuration import WarmJobConfiguration, WarmVariables, WarmWorkerResult
from falcon_scheduler.flows.worker.job_variable_policy import NotAllowed, check, without_command
from falcon_scheduler.flows.worker.launcher import Launcher, LaunchError
from falcon_scheduler.flows.worker.log_shipping import LogShipping
from falcon_scheduler.flows.worker.run_supervisor import Carrier, Surroundings
from falcon_scheduler.flows.worker.state_proposer import Claim, RunStates

_SWEEP_SECONDS = 5.0
_PAUSE_AFTER_ERROR_SECONDS = 1.0
_SERVER_ERROR = 500
"""The least HTTP status by which a server says that the fault is its own."""

_logger = logging.getLogger("falcon.worker")


class WarmProcessWorker(BaseWorker[WarmJobConfiguration, WarmVariables, WarmWorkerResult]):
    """Runs flows in processes forked from a preloaded one."""

    type = "warm-process"
    job_configuration = WarmJobConfiguration
    job_configuration_variables = WarmVariables

    _display_name = "Warm process"
    _description = "Execute flow runs as processes forked from a preloaded one: they start in tens of milliseconds."
    _documentation_url = "https://docs.prefect.io/v3/concepts/workers"

    @classmethod
    def get_default_base_job_template(cls) -> dict[str, Any]:
        """What a new pool offers: no command, unless it is allowed."""
        template = super().get_default_base_job_template()
        return template if SchedulerSettings().allow_command else without_command(template)

    def __init__(self, work_pool_name: str, **options: Any) -> None:
        self._settings = Settings.load_for_work()
        options["limit"] = options.get("limit") or self._settings.scheduler.worker_count
        super().__init__(work_pool_name, **options)
        self._carriers: dict[UUID, Carrier | None] = {}
        self._tasks: set[asyncio.Task[Any]] = set()
        self._stopping = False
        self._hurry = asyncio.Event()
        self._follows_events = False
        self._synced = asyncio.Event()
        self._result_storage_id: UUID | None = None
        self._shares_pool = False

    async def setup(self) -> None:
        """Connect, start the preloaded process, begin to listen and to take runs."""
        await super().setup()
        warn_of_unknown_names(self._logger)
        self._states = RunStates(self.client)
        self._deployments = Deployments(self.client)
        self._logs = LogShipping(self.client)
        self._taking = self._open_intake()
        await self._learn()
        self._launcher = Launcher(self._run_environment())
        await self._launcher.start()
        self._begin(self._logs.run())
        self._begin(self._take_when_synced())
        self._begin(watch_wakes(self._settings.redis, self._work_pool_name, self._taking.wake))
        self._begin(sweep_cancelling(self.client, self._work_pool_name, _SWEEP_SECONDS, self._cancel))
        self._begin(beat_for(self._runs_under_way))
        self._heed_signals()

    async def teardown(self, *exc_info: Any) -> None:
        """Take no new runs, let the running ones finish for the grace period, end the rest, leave nothing behind."""
        self._taking.close()
        await finish(self._carriers, self._settings.scheduler, self._hurry)
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._logs.flush()
        await self._launcher.close()
        await super().teardown(*exc_info)

    async def get_and_submit_flow_runs(self) -> list[FlowRun]:
        """Prefect's own polling loop comes by here. Ours is quicker; this keeps its health check true."""
        if self._has_successfully_synced and self._taking.is_behind():
            try:
                await self._taking.poll()
                self._taking.begin_due()
            except Exception as error:  # noqa: BLE001 - raised again where it matters
                self._outlive(error, "look for runs")
        self._last_polled_time = self._taking.polled_at or self._last_polled_time
        return [carrier.flow_run for carrier in self._carriers.values() if carrier is not None]

    async def run(
        self,
        flow_run: FlowRun,
        configuration: WarmJobConfiguration,
        task_status: anyio.abc.TaskStatus[int] | None = None,
    ) -> WarmWorkerResult:
        """Run one flow run now, outside the queue, as `submit` asks for it."""
        check(configuration, {}, allow_command=self._settings.scheduler.allow_command)
        carrier = Carrier(flow_run, datetime.now(UTC), None, configuration, self._surroundings())
        if task_status is not None:
            task_status.started(os.getpid())
        ended = await carrier.carry()
        return WarmWorkerResult(identifier=str(flow_run.id), status_code=0 if ended else 1)

    async def _sync_and_initialize(self) -> None:
        """The heartbeat, and what is read with it."""
        try:
            await super()._sync_and_initialize()
        except Exception as error:
            if not self.is_setup:
                raise
            self._outlive(error, "send its heartbeat")

    def _outlive(self, error: Exception, what: str) -> None:
        """Go on: Prefect's own loops end a worker, and so its runs, when their calls fail for some minutes.

        Raises:
            Exception: the error, when trying on will not mend it and there is no run to lose.
        """
        status = error.response.status_code if isinstance(error, httpx.HTTPStatusError) else None
        passes = isinstance(error, httpx.TransportError) or (status is not None and status >= _SERVER_ERROR)
        if not passes and not self._carriers:
            raise error
        _logger.warning("The worker could not %s and goes on: %s", what, status or type(error).__name__)

    async def _initialize_after_sync(self) -> None:
        await super()._initialize_after_sync()
        if self._has_successfully_synced:
            self._synced.set()
        if self.is_setup:
            await self._learn()

    async def _learn(self) -> None:
        """Read what seldom changes: with every heartbeat."""
        if self._work_pool is None:
            return
        await self._taking.learn_priorities()
        await self._report_slots()
        storage = await self.client.read_server_default_result_storage()
        self._result_storage_id = storage.default_result_storage_block_id
        online = WorkerFilter(status=WorkerFilterStatus(any_=["ONLINE"]))
        workers = await self.client.read_workers_for_work_pool(self._work_pool_name, worker_filter=online)
        self._shares_pool = any(worker.name != self.name for worker in workers)

    async def _report_slots(self) -> None:
        """Say how many runs this worker takes at once. Redis being away leaves it to the next heartbeat."""
        with contextlib.suppress(SchedulerError):
            async with redis_of(self._settings.redis) as redis:
                await report_slots(redis, self._work_pool_name, self.name, int(self.limiter.total_tokens))

    async def _setup_cancellation_observer(self) -> None:
        """Replace Prefect's observer, which only knows runs that have not begun."""
        if self._work_pool is not None and not self._follows_events:
            self._follows_events = True
            self._begin(watch_events(self._work_pool.id, self._cancel, self._suspend, lambda: self._taking.wake()))

    def _open_intake(self) -> Taking:
        return Taking(
            client=self.client,
            pool_name=self._work_pool_name,
            queue_names=self._work_queues,
            prefetch=timedelta(seconds=self._prefetch_seconds),
            deployments=self._deployments,
            slots=self.limiter,
            begun=lambda: self._carriers.keys(),
            begin=self._begin_run,
        )

    async def _take_when_synced(self) -> None:
        await self._synced.wait()
        await self._taking.run()

    def _begin_run(self, run: WaitingRun) -> None:
        self.limiter.acquire_on_behalf_of_nowait(run.flow_run.id)
        self._carriers[run.flow_run.id] = None
        self._begin(self._carry(run))

    async def _carry(self, run: WaitingRun) -> None:
        flow_run = run.flow_run
        try:
            carrier = await self._prepare(run)
            if carrier is not None:
                self._carriers[flow_run.id] = carrier
                await carrier.carry()
        except LaunchError as error:  # not claimed yet: it stays scheduled, for us or another worker
            _logger.error("Could not start a process: %s", error)
            await asyncio.sleep(_PAUSE_AFTER_ERROR_SECONDS)
        except Exception as error:  # noqa: BLE001 - whatever went wrong, the run must not be left without an end
            self.get_flow_run_logger(flow_run).exception("The worker could not run this")
            message = f"The worker could not run this: {type(error).__name__}: {error}"
            await self._states.set_crashed(flow_run.id, message)
        finally:
            self._carriers.pop(flow_run.id, None)
            self._release_limit_slot(flow_run.id)
            self._taking.slot_came_free()

    async def _prepare(self, run: WaitingRun) -> Carrier | None:
        flow_run, deployment = run.flow_run, None
        if flow_run.deployment_id is not None:
            deployment = await self._deployments.get(flow_run.deployment_id)
            if deployment is None:
                gone: State[Any] = Cancelled(message=DEPLOYMENT_GONE_MESSAGE)
                await self._states.set_surely(flow_run.id, gone, force=True)
                return None
        allow_command = self._settings.scheduler.allow_command
        try:
            configuration = await configure(
                self.client, self.work_pool, flow_run, deployment, allow_command=allow_command
            )
        except NotAllowed as refused:
            await self._refuse(run, str(refused))
            return None
        return Carrier(flow_run, run.due_at, deployment, configuration, self._surroundings())

    async def _refuse(self, run: WaitingRun, reason: str) -> None:
        """End a run that may not run here. It is claimed first: another worker may have begun it."""
        wait = (run.due_at - datetime.now(UTC)).total_seconds()
        await asyncio.sleep(max(0.0, wait))
        answer = await self._states.claim(run.flow_run.id, ask_first=self._shares_pool)
        if answer.claim is Claim.WON:
            self.get_flow_run_logger(run.flow_run).error(reason)
            await self._states.set_surely(run.flow_run.id, Failed(message=reason))

    def _surroundings(self) -> Surroundings:
        return Surroundings(
            client=self.client,
            states=self._states,
            launcher=self._launcher,
            logs=self._logs,
            labels={"prefect.worker.name": self.name, "prefect.worker.type": self.type},
            cancel_grace=self._settings.scheduler.cancel_grace,
            result_storage_id=lambda: self._result_storage_id,
            shares_pool=lambda: self._shares_pool,
        )

    def _runs_under_way(self) -> list[FlowRun]:
        return [carrier.flow_run for carrier in self._carriers.values() if carrier is not None and carrier.began]

    def _cancel(self, flow_run_id: UUID, already_set: bool = False) -> None:
        self._taking.forget(flow_run_id)
        carrier = self._carriers.get(flow_run_id)
        if carrier is not None:
            carrier.cancel(already_set)

    def _suspend(self, flow_run_id: UUID) -> None:
        carrier = self._carriers.get(flow_run_id)
        if carrier is not None:
            carrier.suspend()

    def _begin(self, work: Coroutine[Any, Any, Any]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def _run_environment(self) -> dict[str, str]:
        """What the preloaded process starts with: our own, but for what only facades and Prefect's server need, and
        whether the server asks for CSRF tokens."""
        environment = {name: value for name, value in os.environ.items() if is_for_runs(name)}
        if not getattr(self.client._client, "enable_csrf_support", True):
            environment["PREFECT_CLIENT_CSRF_SUPPORT_ENABLED"] = "false"
        return environment

    def _heed_signals(self) -> None:
        """Stop on the first SIGTERM or SIGINT, without more patience on the second; renew on SIGHUP."""
        loop, main = asyncio.get_running_loop(), asyncio.current_task()
        if main is None or threading.current_thread() is not threading.main_thread():
            return
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._stop, main)
        loop.add_signal_handler(signal.SIGHUP, lambda: self._begin(self._launcher.renew()))

    def _stop(self, main: asyncio.Task[Any]) -> None:
        if self._stopping:
            self._hurry.set()
            return
        self._stopping = True
        main.cancel()
