"""Supervises one run, from the poll that brought it to the state in which it ends.

The process is forked ahead of time, the run is claimed when it is due, and whatever ends the process, the run gets a
state: the one that it set itself, Cancelled once its process is proven dead, or Crashed with the cause of death.
"""

from __future__ import annotations

import asyncio
import logging
import os
import shutil
import signal
import socket
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from prefect.client.orchestration import PrefectClient
from prefect.client.schemas.objects import FlowRun, State
from prefect.client.schemas.responses import DeploymentResponse

from falcon_scheduler.adapters.prefect.names import ENTRYPOINTS
from falcon_scheduler.flows.interprocess import process_control
from falcon_scheduler.flows.interprocess.messages import Drop, End, LogRecord, RunEnded, Start, Suspend, Work
from falcon_scheduler.flows.prefect_internals import FLOW_RUN_ID_VARIABLE
from falcon_scheduler.flows.termination import WORKER_STOPPED, Reason
from falcon_scheduler.flows.worker.deployment_cache import lets_wait
from falcon_scheduler.flows.worker.forked_process import ProcessEnd
from falcon_scheduler.flows.worker.forkserver_connection import RunProcess
from falcon_scheduler.flows.worker.job_configuration import WarmJobConfiguration
from falcon_scheduler.flows.worker.job_variables import module_entrypoint
from falcon_scheduler.flows.worker.lane_turns import LaneTurns
from falcon_scheduler.flows.worker.launcher import Launcher
from falcon_scheduler.flows.worker.log_shipping import LogShipper
from falcon_scheduler.flows.worker.state_proposer import Claim, StateProposer

DESCRIBED_AFTER = timedelta(seconds=3)
"""Age at which a run gets its process number and its worker's name in Prefect: most runs are over by then."""

_logger = logging.getLogger("falcon.worker.runs")


@dataclass(frozen=True, slots=True)
class RunDependencies:
    """What the supervisors of a worker's runs share."""

    client: PrefectClient
    states: StateProposer
    launcher: Launcher
    logs: LogShipper
    labels: dict[str, Any]
    cancel_grace: timedelta
    result_storage_id: Callable[[], UUID | None]
    shares_pool: Callable[[], bool]
    """Whether other workers take runs from the same pool."""
    follows_events: Callable[[], bool]
    """Whether Prefect's event stream brings cancellations at this moment."""
    turns: LaneTurns
    note_known: Callable[[UUID], None]
    """Called when Prefect calls a run of the lane something else than Scheduled."""


class RunSupervisor:
    """Supervises one run."""

    def __init__(
        self,
        flow_run: FlowRun,
        due_at: datetime,
        deployment: DeploymentResponse | None,
        configuration: WarmJobConfiguration,
        dependencies: RunDependencies,
    ) -> None:
        self.flow_run = flow_run
        self.began = False
        """Whether this worker has claimed the run."""
        self._due_at = due_at
        self._deployment = deployment
        self._configuration = configuration
        self._with = dependencies
        self._process: RunProcess | None = None
        self._ending: Reason | None = None
        self._cancelled_already = False
        self._report: RunEnded | None = None
        self._killing: asyncio.Task[None] | None = None

    async def supervise(self) -> ProcessEnd | None:
        """Do everything. Returns how the process ended, or `None` when the run was not ours to run.

        Raises:
            LaunchError: no process could be forked; the run has not been claimed.
        """
        self._process = process = await self._with.launcher.fork_run()
        folder = None if self._configuration.working_dir else tempfile.mkdtemp(prefix="falcon-run-")
        try:
            process.channel.send(self._work(folder))
            state = await self._claim()
            if state is None:
                await self._drop(process)
                return None
            if self._ending == "shutdown":
                await self._with.states.give_back(self.flow_run.id)
                await self._drop(process)
                return None
            self.began = True
            process.note_claim(str(self.flow_run.id))
            process.channel.send(Start(state.model_dump(mode="json")))
            if self._ending is not None:
                self._ask_to_end(self._ending)
            end = await self._follow(process)
            await self._conclude(end)
            return end
        finally:
            if not process.is_over:
                process.signal(signal.SIGKILL)
            process.channel.close()
            if folder is not None:
                await asyncio.to_thread(shutil.rmtree, folder, ignore_errors=True)

    def cancel(self, already_set: bool = False) -> None:
        """End the run because it was cancelled.

        Args:
            already_set: it is Cancelled in Prefect already, not Cancelling.
        """
        self._cancelled_already = self._cancelled_already or already_set
        self._end("cancelled")

    def suspend(self) -> None:
        """Stop the run at its next step: Prefect has set it Suspended."""
        if self.began and self._process is not None and not self._process.is_over:
            self._process.channel.send(Suspend())
            self._process.signal(signal.SIGUSR1)

    def shut_down(self) -> None:
        """End the run because its worker stops."""
        self._end("shutdown")

    def kill(self) -> None:
        """End the run's whole process group, now."""
        if self._process is not None:
            self._process.signal(signal.SIGKILL)

    def _end(self, reason: Reason) -> None:
        if self._ending is None:
            self._ending = reason
            if self.began:
                self._ask_to_end(reason)

    def _ask_to_end(self, reason: Reason) -> None:
        if self._process is None or self._process.is_over:
            return
        self._process.channel.send(End(reason))
        self._process.signal(signal.SIGUSR1)
        self._killing = asyncio.create_task(self._kill_later())

    async def _kill_later(self) -> None:
        await asyncio.sleep(self._with.cancel_grace.total_seconds())
        _logger.info("Flow run %s did not end within its grace and is killed", self.flow_run.id)
        self.kill()

    async def _drop(self, process: RunProcess) -> None:
        process.channel.send(Drop())
        await process.ended()

    async def _claim(self) -> State[Any] | None:
        wait = (self._due_at - datetime.now(UTC)).total_seconds()
        if wait > 0:
            await asyncio.sleep(wait)
        if self._ending is not None:
            return None
        answer = await self._with.states.claim(self.flow_run.id, ask_first=self._with.shares_pool())
        return answer.state if answer.claim is Claim.WON else None

    async def _follow(self, process: RunProcess) -> ProcessEnd:
        """Read what the run sends until nothing of its process is left."""
        description = asyncio.create_task(self._describe(process))
        try:
            async for message in process.channel.messages():
                match message:
                    case LogRecord():
                        self._with.logs.add(message.log)
                    case RunEnded():
                        self._report = message
            return await process.ended()
        finally:
            description.cancel()
            if self._killing is not None:
                self._killing.cancel()

    async def _describe(self, process: RunProcess) -> None:
        """Write to Prefect where a lasting run runs."""
        await asyncio.sleep(DESCRIBED_AFTER.total_seconds())
        try:
            await self._with.client.update_flow_run(
                self.flow_run.id, infrastructure_pid=f"{socket.gethostname()}:{process.pid}"
            )
            await self._with.client.update_flow_run_labels(self.flow_run.id, self._with.labels)
        except Exception as error:  # noqa: BLE001 - it only informs; the run goes on without it
            _logger.debug("Could not describe flow run %s: %s", self.flow_run.id, error)

    async def _conclude(self, end: ProcessEnd) -> None:
        """Set the state of a run that could not set its own."""
        if self._ending == "cancelled":
            if not self._cancelled_already:
                await self._with.states.set_cancelled(self.flow_run.id)
        elif self._report is None or not self._report.settled:
            await self._with.states.set_crashed(self.flow_run.id, self._cause_of_death(end))

    def _cause_of_death(self, end: ProcessEnd) -> str:
        if self._ending == "shutdown":
            return WORKER_STOPPED
        if self._report is not None and self._report.error:
            return self._report.error
        return f"The run's process {process_control.describe_exit(end.status)}."

    def _work(self, folder: str | None) -> Work:
        configuration = self._configuration
        environment = {name: value for name, value in configuration.env.items() if value is not None}
        storage_id = self._with.result_storage_id()
        return Work(
            flow_run=self.flow_run.model_dump(mode="json"),
            entrypoint=module_entrypoint(self._deployment),
            result_storage_id=str(storage_id) if storage_id else None,
            environment={FLOW_RUN_ID_VARIABLE: str(self.flow_run.id), **environment},
            command=configuration.command,
            working_dir=folder or os.fspath(configuration.working_dir or "."),
            memory_limit_mb=configuration.memory_limit_mb or process_control.fair_share_mb(),
            stream_output=configuration.stream_output,
            is_shown_late=_is_shown_late(self._deployment),
        )


def _is_shown_late(deployment: DeploymentResponse | None) -> bool:
    """Flows of others may have hooks that need Running; where runs wait, Prefect's run count bounds that."""
    return (
        deployment is not None and module_entrypoint(deployment) in ENTRYPOINTS.values() and not lets_wait(deployment)
    )
