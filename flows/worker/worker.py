"""The worker type `warm-process`: every run is its own process, forked from one that has everything imported.

    prefect worker start --pool falcon --type warm-process --limit 10

A `BaseWorker` in all that Prefect shows of it: name, type, heartbeat, queues, job variables. What differs is how runs
are polled (when they are due, woken at once), started (forked) and ended (with proof). This is the one module that
uses what Prefect keeps private in its worker class; `tests/worker/test_prefect_internals.py` lists those names.
"""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import threading
from collections.abc import Collection, Coroutine
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import anyio.abc
import httpx
from prefect.client.schemas.objects import FlowRun
from prefect.workers.base import BaseWorker

from falcon_scheduler.adapters.settings import SchedulerSettings, Settings, warn_of_unknown_names
from falcon_scheduler.flows.prefect_internals import WORKER_NAME_VARIABLE
from falcon_scheduler.flows.worker import event_listeners
from falcon_scheduler.flows.worker.deployment_cache import DeploymentCache
from falcon_scheduler.flows.worker.dispatcher import Dispatcher, WorkerHooks
from falcon_scheduler.flows.worker.graceful_shutdown import drain
from falcon_scheduler.flows.worker.intake import Intake
from falcon_scheduler.flows.worker.job_configuration import WarmJobConfiguration, WarmVariables, WarmWorkerResult
from falcon_scheduler.flows.worker.job_variable_policy import check, without_command
from falcon_scheduler.flows.worker.lane_choice import SharedDeployments, fits_lane
from falcon_scheduler.flows.worker.lane_keeper import LaneKeeper
from falcon_scheduler.flows.worker.lane_turns import LaneTurns
from falcon_scheduler.flows.worker.launcher import Launcher
from falcon_scheduler.flows.worker.log_shipping import LogShipper
from falcon_scheduler.flows.worker.pool_state import PoolState
from falcon_scheduler.flows.worker.run_environment import csrf_protection_is_on, run_environment
from falcon_scheduler.flows.worker.run_heartbeats import send_heartbeats
from falcon_scheduler.flows.worker.run_supervisor import RunDependencies, RunSupervisor
from falcon_scheduler.flows.worker.slots import Slots
from falcon_scheduler.flows.worker.state_proposer import StateProposer

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
        self._main: asyncio.Task[Any] | None = None
        self._is_stopping = False
        self._no_grace = asyncio.Event()
        self._handle_signals()  # before all else: what handles them until then may lose them
        self._settings = Settings.load_for_work()
        options["limit"] = options.get("limit") or self._settings.scheduler.worker_count
        super().__init__(work_pool_name, **options)
        self._tasks: set[asyncio.Task[Any]] = set()
        self._follows_events = False
        self._is_connected = False
        """Whether Prefect's event stream is open."""
        self._synced = asyncio.Event()

    async def setup(self) -> None:
        """Connect, start the preloaded process, begin to listen and to poll."""
        self._handle_signals()  # again, for the task that runs it need not be the one that made it
        await super().setup()
        warn_of_unknown_names(self._logger)
        self._settings.system_tasks.log_problems(self._logger)
        uses_csrf = await csrf_protection_is_on(self.client)
        environment = run_environment(uses_csrf=uses_csrf) | {WORKER_NAME_VARIABLE: self.name}
        self._launcher = Launcher(environment)
        self._pool = PoolState(self.client, self._work_pool_name, self.name, self._settings.redis)
        self._logs = LogShipper(self.client)
        self._lanes = LaneKeeper(self._launcher, self._logs, self._settings.scheduler.http_memory_mb)
        self._slots = Slots(self.limiter, self._release_limit_slot, self._settings.scheduler.http_concurrency)
        self._dependencies = self._share_with_runs()
        deployments = DeploymentCache(self.client)
        self._dispatcher = self._open_dispatcher(deployments)
        self._shared = SharedDeployments(deployments, self._lanes.shared_of)
        self._intake = self._open_intake(deployments)
        await self._read_pool()
        await self._launcher.start()
        if self._slots.has_lane:
            await self._lanes.lane()
        self._spawn(self._logs.run())
        self._spawn(self._poll_when_synced())
        self._spawn(event_listeners.follow_wake_ups(self._settings.redis, self._work_pool_name, self._intake.wake))
        self._spawn(event_listeners.sweep_cancelling(self.client, self._work_pool_name, self._cancel))
        self._spawn(send_heartbeats(self._dispatcher.in_progress))
        self._signs_of_life = self._spawn(self._pool.report_life())
        self._renew_on_hangup()

    async def teardown(self, *exc_info: Any) -> None:
        """Begin no new runs, let the running ones finish for the grace period, end the rest, leave nothing behind."""
        self._intake.close()
        self._signs_of_life.cancel()
        await asyncio.gather(self._signs_of_life, return_exceptions=True)
        await self._pool.report_end()
        await drain(self._dispatcher.supervisors, self._settings.scheduler, self._no_grace)
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._lanes.close()
        await self._logs.flush()
        await self._launcher.close()
        await super().teardown(*exc_info)

    async def get_and_submit_flow_runs(self) -> list[FlowRun]:
        """Called by Prefect's own polling loop. Ours is quicker; this keeps Prefect's health check true."""
        if self._has_successfully_synced and self._intake.is_late():
            try:
                await self._intake.poll()
                self._intake.begin_due()
            except Exception as error:  # noqa: BLE001 - raised again where it matters
                self._survive(error, "poll for runs")
        self._last_polled_time = self._intake.polled_at or self._last_polled_time
        return self._dispatcher.supervised()

    async def run(
        self,
        flow_run: FlowRun,
        configuration: WarmJobConfiguration,
        task_status: anyio.abc.TaskStatus[int] | None = None,
    ) -> WarmWorkerResult:
        """Run one flow run now, outside the queue, as `submit` asks for it."""
        check(configuration, {}, allow_command=self._settings.scheduler.allow_command)
        supervisor = RunSupervisor(flow_run, datetime.now(UTC), None, configuration, self._dependencies)
        if task_status is not None:
            task_status.started(os.getpid())
        end = await supervisor.supervise()
        return WarmWorkerResult(identifier=str(flow_run.id), status_code=0 if end else 1)

    async def _sync_and_initialize(self) -> None:
        """Prefect's heartbeat, and what is read with it."""
        try:
            await super()._sync_and_initialize()
        except Exception as error:
            if not self.is_setup:
                raise
            self._survive(error, "send its heartbeat")

    def _survive(self, error: Exception, what: str) -> None:
        """Go on: Prefect's own loops end a worker, and so its runs, when their calls fail for some minutes.

        Raises:
            Exception: the error, when another attempt can't succeed and there is no run to lose.
        """
        status = error.response.status_code if isinstance(error, httpx.HTTPStatusError) else None
        passes = isinstance(error, httpx.TransportError) or (
            status is not None and httpx.codes.is_server_error(status)
        )
        if not passes and not self._dispatcher.begun():
            raise error
        _logger.warning("The worker could not %s and goes on: %s", what, status or type(error).__name__)

    async def _initialize_after_sync(self) -> None:
        """After each heartbeat of Prefect's, the first included."""
        await super()._initialize_after_sync()
        if self._has_successfully_synced:
            self._synced.set()
        if self.is_setup:
            await self._read_pool()

    async def _read_pool(self) -> None:
        if self._work_pool is not None:
            await self._intake.read_priorities()
            await self._pool.refresh(int(self.limiter.total_tokens), self._settings.scheduler.http_concurrency)

    async def _setup_cancellation_observer(self) -> None:
        """Replace Prefect's observer, which only knows runs that have not begun."""
        if self._work_pool is not None and not self._follows_events:
            self._follows_events = True
            self._spawn(
                event_listeners.follow_events(
                    self._work_pool.id,
                    self._cancel,
                    lambda flow_run_id: self._dispatcher.suspend(flow_run_id),
                    lambda: self._intake.wake(),
                    self._note_connected,
                )
            )

    def _note_connected(self, is_connected: bool) -> None:
        self._is_connected = is_connected

    def _cancel(self, flow_run_id: UUID, already_set: bool = False) -> None:
        self._intake.forget(flow_run_id)
        self._dispatcher.cancel(flow_run_id, already_set)

    async def _poll_when_synced(self) -> None:
        await self._synced.wait()
        await self._intake.run()

    def _share_with_runs(self) -> RunDependencies:
        return RunDependencies(
            client=self.client,
            states=StateProposer(self.client),
            launcher=self._launcher,
            logs=self._logs,
            labels={"prefect.worker.name": self.name, "prefect.worker.type": self.type},
            cancel_grace=self._settings.scheduler.cancel_grace,
            result_storage_id=lambda: self._pool.result_storage_id,
            shares_pool=lambda: self._pool.is_shared,
            follows_events=lambda: self._is_connected,
            turns=LaneTurns(),
            note_known=self._note_known,
        )

    def _note_known(self, flow_run_id: UUID) -> None:
        self._slots.note_known(flow_run_id)
        self._intake.slot_came_free()

    def _open_dispatcher(self, deployments: DeploymentCache) -> Dispatcher:
        hooks = WorkerHooks(
            work_pool=lambda: self.work_pool,
            slots=self._slots,
            spawn=self._spawn,
            logger_of=self.get_flow_run_logger,
            on_slot_free=lambda: self._intake.slot_came_free(),
            on_upgraded=self._stop_to_be_restarted,
        )
        allow_command = self._settings.scheduler.allow_command
        return Dispatcher(self._dependencies, deployments, self._lanes, hooks, allow_command=allow_command)

    def _open_intake(self, deployments: DeploymentCache) -> Intake:
        return Intake(
            client=self.client,
            pool_name=self._work_pool_name,
            queue_names=self._work_queues,
            prefetch=timedelta(seconds=self._prefetch_seconds),
            deployments=deployments,
            slots=self._slots,
            fits_lane=lambda flow_run: self._fits_lane(flow_run, deployments),
            learn=self._learn_shared,
            begun=self._dispatcher.begun,
            begin=self._dispatcher.begin,
        )

    def _fits_lane(self, flow_run: FlowRun, deployments: DeploymentCache) -> bool:
        deployment = deployments.known(flow_run.deployment_id)
        return self._slots.has_lane and fits_lane(
            flow_run, deployment, self.work_pool.base_job_template, self._shared
        )

    async def _learn_shared(self, deployment_ids: Collection[UUID | None]) -> None:
        if self._slots.has_lane:
            await self._shared.learn(deployment_ids)

    def _spawn(self, work: Coroutine[Any, Any, Any]) -> asyncio.Task[Any]:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    def _handle_signals(self) -> None:
        """Stop on the first SIGTERM or SIGINT, without grace on the second.

        Prefect's command turns SIGTERM into SIGINT and restores what handled SIGINT before. That is nothing when a
        shell script started the worker with `&`: such a shell lets its background processes ignore SIGINT.
        """
        if threading.current_thread() is not threading.main_thread():
            return
        try:
            loop, self._main = asyncio.get_running_loop(), asyncio.current_task()
        except RuntimeError:
            return  # nothing runs yet: somebody only makes a worker
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._stop)

    def _renew_on_hangup(self) -> None:
        if self._main is not None:
            loop = asyncio.get_running_loop()
            loop.add_signal_handler(signal.SIGHUP, lambda: self._spawn(self._launcher.renew()))

    def _stop(self) -> None:
        if self._is_stopping:
            self._no_grace.set()
        elif self._main is not None:
            self._is_stopping = True
            self._main.cancel()

    def _stop_to_be_restarted(self) -> None:
        """End the worker as a signal would: what supervises it starts the version that is installed now."""
        self._intake.close()
        if not self._is_stopping:
            self._stop()
