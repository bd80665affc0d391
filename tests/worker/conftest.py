"""A pool of its own on the session's servers, and workers as their users start them: by Prefect's command line."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import uuid
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

import psutil
import pytest
import pytest_asyncio
from prefect.client.orchestration import PrefectClient
from prefect.client.schemas.actions import WorkPoolCreate
from prefect.client.schemas.filters import LogFilter, LogFilterFlowRunId
from prefect.client.schemas.objects import FlowRun, State
from prefect.states import Cancelling, Scheduled

from falcon_scheduler.deployments.stack.embedded import EmbeddedStack
from tests.conftest import wait_until

ROOT = Path(__file__).parents[2]
QUEUES = ("critical", "high", "normal", "low")


@dataclass
class Pool:
    """A work pool with its queues, and what tests do with flow runs again and again."""

    client: PrefectClient
    name: str
    _deployments: dict[str, uuid.UUID] = field(default_factory=dict)

    async def deploy(self, flow_name: str, entrypoint: str | None = None, **options: Any) -> uuid.UUID:
        """A deployment of a flow from `sample_flows`, or of another entrypoint."""
        flow_id = await self.client.create_flow_from_name(flow_name.replace("_", "-"))
        options.setdefault("name", f"{flow_name}-{uuid.uuid4().hex[:6]}")
        options.setdefault("work_queue_name", "normal")
        return await self.client.create_deployment(
            flow_id=flow_id,
            entrypoint=entrypoint or f"tests.worker.sample_flows.{flow_name}",
            work_pool_name=self.name,
            enforce_parameter_schema=False,
            **options,
        )

    async def run(
        self, flow_name: str, at: datetime | None = None, queue: str = "normal", **parameters: Any
    ) -> uuid.UUID:
        """A run of a flow from `sample_flows`, now or at an instant. Returns its id."""
        key = f"{flow_name}/{queue}"
        if key not in self._deployments:
            self._deployments[key] = await self.deploy(flow_name, work_queue_name=queue)
        return await self.run_deployment(self._deployments[key], at=at, **parameters)

    async def run_deployment(
        self, deployment_id: uuid.UUID, at: datetime | None = None, **parameters: Any
    ) -> uuid.UUID:
        created = await self.client.create_flow_run_from_deployment(
            deployment_id, parameters=parameters, state=Scheduled(scheduled_time=at) if at else None
        )
        return created.id

    async def cancel(self, flow_run_id: uuid.UUID) -> None:
        """As the Prefect UI does it."""
        await self.client.set_flow_run_state(flow_run_id, Cancelling())

    async def ended(self, flow_run_id: uuid.UUID) -> State[Any]:
        """The state that the run ended in."""

        async def look() -> State[Any] | None:
            state = (await self.client.read_flow_run(flow_run_id)).state
            return state if state is not None and state.is_final() else None

        found: State[Any] = await wait_until(look, f"run {flow_run_id} has ended")
        return found

    async def running(self, flow_run_id: uuid.UUID) -> FlowRun:
        """The run, once it is running."""

        async def look() -> FlowRun | None:
            flow_run = await self.client.read_flow_run(flow_run_id)
            return flow_run if flow_run.state is not None and flow_run.state.is_running() else None

        found: FlowRun = await wait_until(look, f"run {flow_run_id} is running")
        return found

    async def states(self, flow_run_id: uuid.UUID) -> list[str | None]:
        """The names of the states that the run went through, as the UI shows them."""
        states = await self.client.read_flow_run_states(flow_run_id)
        return [state.name for state in sorted(states, key=lambda state: state.timestamp)]

    async def logs(self, flow_run_id: uuid.UUID, containing: str) -> list[str]:
        """The messages of the run's log, once one of them contains this."""

        async def look() -> list[str] | None:
            logs = await self.client.read_logs(LogFilter(flow_run_id=LogFilterFlowRunId(any_=[flow_run_id])))
            messages = [log.message for log in logs]
            return messages if any(containing in message for message in messages) else None

        found: list[str] = await wait_until(look, f"the log of {flow_run_id} says {containing!r}")
        return found


@dataclass
class WorkerProcess:
    """A worker started from the command line."""

    process: subprocess.Popen[bytes]
    log: Path

    async def started(self) -> None:
        async def look() -> bool:
            assert self.process.poll() is None, self.log.read_text()
            return "started!" in self.log.read_text()

        await wait_until(look, "the worker has started")

    async def stop(self, number: signal.Signals = signal.SIGTERM) -> int:
        if self.process.poll() is None:
            self.process.send_signal(number)
        return await asyncio.to_thread(self.process.wait, 60)


@pytest_asyncio.fixture(scope="session")
async def pool(stack: EmbeddedStack) -> AsyncIterator[Pool]:
    """A work pool for this folder's tests alone."""
    url, auth_string = os.environ["PREFECT_API_URL"], os.environ["PREFECT_API_AUTH_STRING"]
    async with PrefectClient(url, auth_string=auth_string) as client:
        yield await make_pool(client)


async def make_pool(client: PrefectClient) -> Pool:
    """A new work pool with the product's queues."""
    name = f"worker-tests-{uuid.uuid4().hex[:6]}"
    await client.create_work_pool(WorkPoolCreate(name=name, type="warm-process"))
    for priority, queue in enumerate(QUEUES, start=1):
        await client.create_work_queue(queue, work_pool_name=name, priority=priority)
    return Pool(client, name)


StartWorker = Callable[..., WorkerProcess]


@pytest.fixture(scope="session")
def start_worker(tmp_path_factory: pytest.TempPathFactory, stack: EmbeddedStack) -> Any:
    """Start a worker by `prefect worker start`; whatever is left at the end is stopped."""
    workers: list[WorkerProcess] = []

    def start(
        pool: Pool, limit: int = 10, type: str = "warm-process", in_background: bool = False, **environment: str
    ) -> WorkerProcess:
        log = tmp_path_factory.mktemp("worker") / "log"
        command = ["-m", "prefect", "worker", "start", "--pool", pool.name, "--type", type, "--limit", str(limit)]
        shell = ["/bin/sh", "-c", "trap '' INT; exec \"$@\"", "sh"] if in_background else []  # as `command &` does
        with log.open("wb") as output:
            process = subprocess.Popen(
                [*shell, sys.executable, *command],
                cwd=ROOT,
                env={**os.environ, "SCHEDULER_PRELOAD": "tests.worker.sample_flows", **environment},
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        workers.append(WorkerProcess(process, log))
        return workers[-1]

    yield start
    for worker in workers:
        if worker.process.poll() is None:
            worker.process.terminate()
    for worker in workers:
        worker.process.wait(60)


@pytest_asyncio.fixture(scope="session")
async def warm_worker(pool: Pool, start_worker: StartWorker) -> WorkerProcess:
    """One worker for all tests that need nothing special of theirs."""
    worker = start_worker(pool)
    await worker.started()
    return worker


@pytest_asyncio.fixture(scope="session")
async def narrow_pool(pool: Pool, start_worker: StartWorker) -> Pool:
    """A pool whose one worker has one slot."""
    narrow = await make_pool(pool.client)
    await start_worker(narrow, limit=1).started()
    return narrow


def is_alive(pid: int) -> bool:
    """Whether a process is there and not merely waiting to be reaped."""
    try:
        return bool(psutil.Process(pid).status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False
