"""What the worker benchmarks need: their own servers, pools, workers as processes, and what they cost."""

from __future__ import annotations

import asyncio
import math
import os
import platform
import statistics
import sys
import tempfile
import time
import uuid
from collections.abc import AsyncIterator, Collection, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import psutil
from prefect.client.orchestration import PrefectClient
from prefect.client.schemas.actions import WorkPoolCreate
from prefect.client.schemas.filters import FlowRunFilter, FlowRunFilterId
from prefect.client.schemas.objects import FlowRun, State
from prefect.states import Scheduled

from falcon_scheduler.deployments.stack.embedded import EmbeddedStack
from falcon_scheduler.deployments.stack.prefect_settings import worker_settings

ROOT = Path(__file__).parent.parent
QUEUES = ("critical", "high", "normal", "low")


def machine() -> str:
    """The machine in a line: what the figures belong to."""
    model = next(
        (line.partition(":")[2].strip() for line in _lines("/proc/cpuinfo") if line.startswith("model name")), "?"
    )
    memory = psutil.virtual_memory().total / 2**30
    return (
        f"{os.cpu_count()} cores ({model}), {memory:.0f} GiB, {platform.system()} {platform.release()}, "
        f"Python {platform.python_version()}"
    )


def load() -> str:
    """How busy the machine is with anything."""
    return "load average " + ", ".join(f"{value:.1f}" for value in os.getloadavg())


def _lines(path: str) -> list[str]:
    try:
        return Path(path).read_text().splitlines()
    except OSError:
        return []


def spread(seconds: Sequence[float]) -> str:
    """Median, 95th percentile and worst."""
    ordered = sorted(seconds)
    return f"p50 {percentile(ordered, 50):.3f} s  p95 {percentile(ordered, 95):.3f} s  max {ordered[-1]:.3f} s"


def percentile(values: Sequence[float], share: float) -> float:
    """The value that this share of the values does not exceed (nearest rank)."""
    ordered = sorted(values)
    return ordered[max(math.ceil(len(ordered) * share / 100) - 1, 0)]


def mean(values: Sequence[float]) -> float:
    """Average, 0 of nothing."""
    return statistics.fmean(values) if values else 0.0


@dataclass
class Stage:
    """A Prefect server and its database, a client, and the environment for workers."""

    client: PrefectClient
    stack: EmbeddedStack
    environment: dict[str, str]

    async def pool(self, type: str) -> Pool:
        """A new work pool of this type, with the product's queues."""
        name = f"bench-{type}-{uuid.uuid4().hex[:6]}"
        await self.client.create_work_pool(WorkPoolCreate(name=name, type=type))
        for priority, queue in enumerate(QUEUES, start=1):
            await self.client.create_work_queue(queue, work_pool_name=name, priority=priority)
        return Pool(self, name, type)


@dataclass
class Pool:
    """A work pool, its deployments and the runs made of them."""

    stage: Stage
    name: str
    type: str

    async def deploy(self, flow_name: str, **options: Any) -> uuid.UUID:
        """A deployment of one of the sample flows."""
        client = self.stage.client
        return await client.create_deployment(
            flow_id=await client.create_flow_from_name(flow_name.replace("_", "-")),
            name=f"{flow_name}-{uuid.uuid4().hex[:6]}",
            entrypoint=f"tests.worker.sample_flows.{flow_name}",
            work_pool_name=self.name,
            work_queue_name="normal",
            enforce_parameter_schema=False,
            **options,
        )

    async def run(self, deployment: uuid.UUID, at: datetime | None = None, **parameters: Any) -> uuid.UUID:
        """A run, now or at an instant."""
        state: State[Any] | None = Scheduled(scheduled_time=at) if at else None
        created = await self.stage.client.create_flow_run_from_deployment(
            deployment, parameters=parameters, state=state
        )
        return created.id

    async def hold(self, is_paused: bool) -> None:
        """Keep workers from the pool's runs, or let them."""
        queue = await self.stage.client.read_work_queue_by_name("normal", work_pool_name=self.name)
        await self.stage.client.update_work_queue(queue.id, is_paused=is_paused)

    async def read(self, ids: Sequence[uuid.UUID]) -> list[FlowRun]:
        """These runs as they are."""
        found: list[FlowRun] = []
        for start in range(0, len(ids), 200):
            chosen = FlowRunFilter(id=FlowRunFilterId(any_=list(ids[start : start + 200])))
            found += await self.stage.client.read_flow_runs(flow_run_filter=chosen, limit=200)
        return found

    async def ended(self, ids: Sequence[uuid.UUID], patience_seconds: float = 300) -> list[FlowRun]:
        """These runs, once all have ended."""
        deadline = time.monotonic() + patience_seconds
        while True:
            runs = await self.read(ids)
            if all(run.state is not None and run.state.is_final() for run in runs):
                return runs
            if time.monotonic() > deadline:
                raise TimeoutError("not all runs have ended")
            await asyncio.sleep(0.5)


@asynccontextmanager
async def set_stage(parts: set[str]) -> AsyncIterator[Stage]:
    """Start servers in a folder that is thrown away."""
    with tempfile.TemporaryDirectory(prefix="falcon-bench-") as home:
        async with EmbeddedStack(Path(home), parts=parts) as stack:
            environment = {**os.environ, **worker_settings(), **stack.environment}
            environment["SCHEDULER_PRELOAD"] = "tests.worker.sample_flows"
            client = PrefectClient(
                environment["PREFECT_API_URL"], auth_string=environment.get("PREFECT_API_AUTH_STRING")
            )
            async with client:
                yield Stage(client, stack, environment)


@asynccontextmanager
async def at_work(pool: Pool, slots: int) -> AsyncIterator[psutil.Process]:
    """A worker on the pool, started as its users start it, its output in a file."""
    command = ["-m", "prefect", "worker", "start", "--pool", pool.name, "--type", pool.type, "--limit", str(slots)]
    with tempfile.NamedTemporaryFile(prefix="falcon-bench-worker-") as output:
        process = await asyncio.create_subprocess_exec(
            sys.executable, *command, cwd=ROOT, env=pool.stage.environment, stdout=output, stderr=output
        )
        try:
            while "started!" not in (said := await asyncio.to_thread(Path(output.name).read_text)):
                if process.returncode is not None:
                    raise RuntimeError(said)
                await asyncio.sleep(0.2)
            await asyncio.sleep(1)
            yield psutil.Process(process.pid)
        finally:
            await _stop(process)


async def _stop(process: asyncio.subprocess.Process) -> None:
    """Stop a worker; a stock one that was started where SIGINT is ignored has to be killed."""
    if process.returncode is None:
        process.terminate()
    try:
        await asyncio.wait_for(process.wait(), 45)
    except TimeoutError:
        process.kill()
        await process.wait()


def cpu_seconds(*roots: psutil.Process) -> float:
    """CPU spent so far by these processes, their descendants, and those of them that have ended."""
    spent = 0.0
    for root in roots:
        for process in (root, *root.children(recursive=True)):
            try:
                times = process.cpu_times()
            except psutil.NoSuchProcess:
                continue
            spent += times.user + times.system + times.children_user + times.children_system
    return spent


def servers(stage: Stage, names: Collection[str]) -> dict[str, psutil.Process]:
    """The running parts of that name."""
    pids = {name: stage.stack.pid(name) for name in names}
    return {name: psutil.Process(pid) for name, pid in pids.items() if pid is not None}


async def token(stage: Stage) -> str:
    """A super admin's token for the stage's facade."""
    home = stage.environment["SCHEDULER_HOME"]
    command = [sys.executable, "-m", "falcon_scheduler.api_facade.cli", "token", "--super-admin", "--home", home]
    process = await asyncio.create_subprocess_exec(*command, stdout=asyncio.subprocess.PIPE, env=stage.environment)
    output, _ = await process.communicate()
    return output.decode().split()[-1]
