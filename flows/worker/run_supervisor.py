"""Carries one run from the poll that brought it to the state it ends in.

The process is forked ahead of time, the run is claimed when it is due, and whatever ends the process, the run gets a
state that says so: its own, Cancelled with proof of death, or Crashed with the manner of death.
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
from typing import Any, Literal
from uuid import UUID

from prefect.client.orchestration import PrefectClient
from prefect.client.schemas.objects import FlowRun, State
from prefect.client.schemas.responses import DeploymentResponse

from falcon_scheduler.flows.child.lean_engine import WORKER_STOPPED
from falcon_scheduler.flows.interprocess import process_control
from falcon_scheduler.flows.worker.deployment_cache import module_entrypoint
from falcon_scheduler.flows.worker.job_configuration import WarmJobConfiguration
from falcon_scheduler.flows.worker.launcher import Ended, Launcher, RunProcess
from falcon_scheduler.flows.worker.log_shipping import LogShipping
from falcon_scheduler.flows.worker.state_proposer import Claim, RunStates

SETTLING_IN = timedelta(seconds=3)
"""Age at which a run gets its process number and its worker's name in Prefect: most runs are over by then."""

_logger = logging.getLogger("falcon.worker.runs")


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What every run of a worker needs, and all share."""

    client: PrefectClient
    states: RunStates
    launcher: Launcher
    logs: LogShipping
    labels: dict[str, Any]
    cancel_grace: timedelta
    result_storage_id: Callable[[], UUID | None]
    shares_pool: Callable[[], bool]
    """Whether other workers take runs from the same pool."""


class Carrier:
    """One run on its way."""

    def __init__(
        self,
        flow_run: FlowRun,
        due_at: datetime,
        deployment: DeploymentResponse | None,
        configuration: WarmJobConfiguration,
        surroundings: Surroundings,
    ) -> None:
        self.flow_run = flow_run
        self.began = False
        """Whether the run has been claimed by us."""
        self._due_at = due_at
        self._deployment = deployment
        self._configuration = configuration
        self._with = surroundings
        self._process: RunProcess | None = None
        self._ending: Literal["cancelled", "shutdown"] | None = None
        self._cancelled_already = False
        self._last_word: dict[str, Any] | None = None
        self._killing: asyncio.Task[None] | None = None

    async def carry(self) -> Ended | None:
        """Do everything. Returns how the process ended, or `None` when the run was not ours to run."""
        self._process = process = await self._with.launcher.fork(str(self.flow_run.id))
        folder = None if self._configuration.working_dir else tempfile.mkdtemp(prefix="falcon-run-")
        try:
            process.channel.send("work", **self._work(folder))
            state = await self._claim()
            if state is None:
                process.channel.send("drop")
                await process.ended()
                return None
            if self._ending == "shutdown":
                await self._with.states.give_back(self.flow_run.id)
                process.channel.send("drop")
                await process.ended()
                return None
            self.began = True
            process.note_claim()
            process.channel.send("start", state=state.model_dump(mode="json"))
            if self._ending is not None:
                self._ask_to_end(self._ending)
            ended = await self._accompany(process)
            await self._conclude(ended)
            return ended
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
        """Have the run stop at its next step: Prefect has set it Suspended."""
        if self.began and self._process is not None and not self._process.is_over:
            self._process.channel.send("suspend")
            self._process.signal(signal.SIGUSR1)

    def shut_down(self) -> None:
        """End the run because its worker stops."""
        self._end("shutdown")

    def kill(self) -> None:
        """End the run's whole process group, now."""
        if self._process is not None:
            self._process.signal(signal.SIGKILL)

    def _end(self, reason: Literal["cancelled", "shutdown"]) -> None:
        if self._ending is None:
            self._ending = reason
            if self.began:
                self._ask_to_end(reason)

    def _ask_to_end(self, reason: str) -> None:
        if self._process is None or self._process.is_over:
            return
        self._process.channel.send("end", reason=reason)
        self._process.signal(signal.SIGUSR1)
        self._killing = asyncio.create_task(self._kill_later())

    async def _kill_later(self) -> None:
        await asyncio.sleep(self._with.cancel_grace.total_seconds())
        _logger.info("Flow run %s did not end within its grace and is killed", self.flow_run.id)
        self.kill()

    async def _claim(self) -> State[Any] | None:
        wait = (self._due_at - datetime.now(UTC)).total_seconds()
        if wait > 0:
            await asyncio.sleep(wait)
        if self._ending is not None:
            return None
        answer = await self._with.states.claim(self.flow_run.id, ask_first=self._with.shares_pool())
        return answer.state if answer.claim is Claim.WON else None

    async def _accompany(self, process: RunProcess) -> Ended:
        introduction = asyncio.create_task(self._introduce(process))
        try:
            async for message in process.channel.messages():
                if message["kind"] == "log":
                    self._with.logs.add(message["log"])
                elif message["kind"] == "ended":
                    self._last_word = message
            return await process.ended()
        finally:
            introduction.cancel()
            if self._killing is not None:
                self._killing.cancel()

    async def _introduce(self, process: RunProcess) -> None:
        """Write down where a lasting run runs."""
        await asyncio.sleep(SETTLING_IN.total_seconds())
        try:
            await self._with.client.update_flow_run(
                self.flow_run.id, infrastructure_pid=f"{socket.gethostname()}:{process.pid}"
            )
            await self._with.client.update_flow_run_labels(self.flow_run.id, self._with.labels)
        except Exception as error:  # noqa: BLE001 - nice to know, no reason to disturb the run
            _logger.debug("Could not describe flow run %s: %s", self.flow_run.id, error)

    async def _conclude(self, ended: Ended) -> None:
        said = self._last_word or {}
        if self._ending == "cancelled":
            if not self._cancelled_already:
                await self._with.states.set_cancelled(self.flow_run.id)
        elif not said.get("settled"):
            await self._with.states.set_crashed(self.flow_run.id, self._cause_of_death(ended))

    def _cause_of_death(self, ended: Ended) -> str:
        said = self._last_word or {}
        if self._ending == "shutdown":
            return WORKER_STOPPED
        if said.get("error"):
            return str(said["error"])
        return f"The run's process {process_control.describe_exit(ended.status)}."

    def _work(self, folder: str | None) -> dict[str, Any]:
        configuration = self._configuration
        env = {key: value for key, value in configuration.env.items() if value is not None}
        return {
            "flow_run": self.flow_run.model_dump(mode="json"),
            "entrypoint": module_entrypoint(self._deployment),
            "result_storage_id": self._with.result_storage_id(),
            "env": {"PREFECT__FLOW_RUN_ID": str(self.flow_run.id), **env},
            "command": configuration.command,
            "working_dir": folder or os.fspath(configuration.working_dir or "."),
            "memory_limit_mb": configuration.memory_limit_mb or process_control.fair_share_mb(),
            "stream_output": configuration.stream_output,
        }
