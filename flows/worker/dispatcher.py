"""The runs of one worker: starts a supervisor for each run that the intake begins, and knows which are in progress.

Whatever goes wrong with a run here, the run gets an end, and its slot becomes free.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Collection, Coroutine
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from prefect.client.schemas.objects import FlowRun, State, WorkPool
from prefect.logging.loggers import PrefectLogAdapter
from prefect.states import Cancelled, Failed

from falcon_scheduler.adapters.prefect.names import DEPLOYMENT_GONE_MESSAGE
from falcon_scheduler.flows.worker.deployment_cache import DeploymentCache
from falcon_scheduler.flows.worker.due_queue import ScheduledRun
from falcon_scheduler.flows.worker.forkserver_connection import LaunchError, UpgradedInPlace
from falcon_scheduler.flows.worker.job_variable_policy import NotAllowed
from falcon_scheduler.flows.worker.job_variables import configure
from falcon_scheduler.flows.worker.lane_choice import ALWAYS, lane_flow
from falcon_scheduler.flows.worker.lane_keeper import LaneKeeper
from falcon_scheduler.flows.worker.lane_supervisor import LaneSupervisor
from falcon_scheduler.flows.worker.run_supervisor import RunDependencies, RunSupervisor
from falcon_scheduler.flows.worker.slots import Slots
from falcon_scheduler.flows.worker.state_proposer import Claim

Supervisor = RunSupervisor | LaneSupervisor

_PAUSE_AFTER_ERROR_SECONDS = 1.0

_logger = logging.getLogger("falcon.worker.dispatcher")


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkerHooks:
    """What the dispatcher needs of the worker that it belongs to."""

    work_pool: Callable[[], WorkPool]
    """As the last heartbeat read it."""
    slots: Slots
    spawn: Callable[[Coroutine[Any, Any, None]], object]
    """Run a coroutine as a task of the worker's."""
    logger_of: Callable[[FlowRun], PrefectLogAdapter]
    on_slot_free: Callable[[], None]
    on_upgraded: Callable[[], None]
    """Called when runs can't be started any more, because the package was upgraded while the worker ran."""


class Dispatcher:
    """Starts, cancels, suspends and lists the runs of one worker."""

    def __init__(
        self,
        dependencies: RunDependencies,
        deployments: DeploymentCache,
        lanes: LaneKeeper,
        hooks: WorkerHooks,
        *,
        allow_command: bool,
    ) -> None:
        self.supervisors: dict[UUID, Supervisor | None] = {}
        """Of every run that was begun and has not ended; `None` while its deployment is read."""
        self._dependencies = dependencies
        self._deployments = deployments
        self._lanes = lanes
        self._hooks = hooks
        self._allow_command = allow_command

    def begin(self, run: ScheduledRun) -> None:
        """Begin a run: it holds a slot from now on."""
        self._hooks.slots.take(run.flow_run.id, in_lane=run.in_lane)
        self.supervisors[run.flow_run.id] = None
        self._hooks.spawn(self._supervise(run))

    def begun(self) -> Collection[UUID]:
        """The flow runs that were begun and have not ended."""
        return self.supervisors.keys()

    def supervised(self) -> list[FlowRun]:
        """The flow runs that have a supervisor, whether they are claimed or not."""
        return [each.flow_run for each in self.supervisors.values() if each is not None]

    def in_progress(self) -> list[FlowRun]:
        """The flow runs that this worker has claimed and that have not ended."""
        return [each.flow_run for each in self.supervisors.values() if each is not None and each.began]

    def cancel(self, flow_run_id: UUID, already_set: bool = False) -> None:
        """See `RunSupervisor.cancel`. Without effect when the run is not ours."""
        if (supervisor := self.supervisors.get(flow_run_id)) is not None:
            supervisor.cancel(already_set)

    def suspend(self, flow_run_id: UUID) -> None:
        """See `RunSupervisor.suspend`. Without effect when the run is not ours."""
        if (supervisor := self.supervisors.get(flow_run_id)) is not None:
            supervisor.suspend()

    async def _supervise(self, run: ScheduledRun) -> None:
        flow_run = run.flow_run
        try:
            supervisor = await self._prepare(run)
            if supervisor is not None:
                self.supervisors[flow_run.id] = supervisor
                await supervisor.supervise()
        except UpgradedInPlace as error:
            _logger.error("The worker stops: %s", error)
            self._hooks.on_upgraded()
        except LaunchError as error:  # not claimed yet: it stays scheduled, for us or another worker
            _logger.error("Could not start a process: %s", error)
            await asyncio.sleep(_PAUSE_AFTER_ERROR_SECONDS)
        except Exception as error:  # noqa: BLE001 - whatever went wrong, the run must not be left without an end
            self._hooks.logger_of(flow_run).exception("The worker could not run this")
            message = f"The worker could not run this: {type(error).__name__}: {error}"
            await self._dependencies.states.set_crashed(flow_run.id, message)
        finally:
            self.supervisors.pop(flow_run.id, None)
            self._hooks.slots.release(flow_run.id)
            self._hooks.on_slot_free()

    async def _prepare(self, run: ScheduledRun) -> Supervisor | None:
        """The supervisor of a run, or `None` when the run was ended instead."""
        flow_run, deployment = run.flow_run, None
        if flow_run.deployment_id is not None:
            deployment = await self._deployments.get(flow_run.deployment_id)
            if deployment is None:
                gone: State[Any] = Cancelled(message=DEPLOYMENT_GONE_MESSAGE)
                await self._dependencies.states.set_surely(flow_run.id, gone, force=True)
                return None
        if run.in_lane:
            is_queueing = self._deployments.is_queueing(flow_run.deployment_id)
            return LaneSupervisor(
                flow_run,
                run.rank,
                self._dependencies,
                self._lanes,
                flow=lane_flow(deployment) or ALWAYS,
                is_queueing=is_queueing,
            )
        try:
            configuration = await configure(
                self._dependencies.client,
                self._hooks.work_pool(),
                flow_run,
                deployment,
                allow_command=self._allow_command,
            )
        except NotAllowed as refused:
            await self._refuse(run, str(refused))
            return None
        return RunSupervisor(flow_run, run.due_at, deployment, configuration, self._dependencies)

    async def _refuse(self, run: ScheduledRun, reason: str) -> None:
        """End a run that may not run here. It is claimed first: another worker may have begun it."""
        wait = (run.due_at - datetime.now(UTC)).total_seconds()
        await asyncio.sleep(max(0.0, wait))
        states = self._dependencies.states
        answer = await states.claim(run.flow_run.id, ask_first=self._dependencies.shares_pool())
        if answer.claim is Claim.WON:
            self._hooks.logger_of(run.flow_run).error(reason)
            await states.set_surely(run.flow_run.id, Failed(message=reason))
