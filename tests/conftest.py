"""The servers of a test session: real ones, started once, on a home that is thrown away.

`stack` is PostgreSQL, Valkey, MongoDB-compatible and Prefect servers; `scheduler` the services on top of them with
the background duties at work; `worker` a warm worker as its own process. A test that asks for none of these starts
none of them. Tests share the servers, so each makes its own tasks under names of its own.
"""

from __future__ import annotations

import asyncio
import itertools
import os
import re
import time
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import coverage
import hypothesis
import pytest
import pytest_asyncio
from prefect.context import refresh_global_settings_context
from pymongo.asynchronous.database import AsyncDatabase
from redis.asyncio import Redis
from xdist.scheduler import LoadScopeScheduling

from falcon_scheduler.adapters.settings import Settings
from falcon_scheduler.api_facade.composition.services import Services, open_services
from falcon_scheduler.core.domain.execution import Execution, ExecutionStatus
from falcon_scheduler.core.domain.principal import Principal
from falcon_scheduler.core.domain.task import Task
from falcon_scheduler.core.domain.task_definition import TaskDefinition
from falcon_scheduler.core.ports import ExecutionFilter, PageRequest
from falcon_scheduler.deployments.stack.embedded import EmbeddedStack

# A shared machine is slow at times; how long an example takes proves nothing.
hypothesis.settings.register_profile(
    "shared machine", deadline=None, suppress_health_check=[hypothesis.HealthCheck.too_slow]
)
hypothesis.settings.load_profile("shared machine")

ADMIN = Principal(user_id="admin-of-the-tests", character_id=1, is_super_admin=True)
PATIENCE_SECONDS = 120.0
NEVER = "0 0 0 29 2 ?"
"""A schedule that does not fire while the tests run (unless they run on a leap day at midnight)."""

_numbers = itertools.count(1)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Whatever needs the servers of the session is slow: `make test-fast` starts none of them."""
    for item in items:
        if {"stack", "eve_servers"} & set(getattr(item, "fixturenames", ())):
            item.add_marker(pytest.mark.slow)


def pytest_unconfigure() -> None:
    """Store what `make coverage` measured in this process: xdist kills one that takes more than 10 s to end."""
    if (measurement := coverage.Coverage.current()) is not None:
        measurement.save()


class ByServers(LoadScopeScheduling):  # type: ignore[misc]  # xdist brings no types
    """Shares the tests among processes so that the servers of the session start in two of them only.

    Folder by folder, and some folders together. (The groups of pytest-xdist 3.8 get lost with pytest 9.2, which
    derives a test's id anew.) pytest-xdist begins with the group of most tests, so folders of few long tests are with
    folders of many short ones: what begins last is short.
    """

    TOGETHER: Mapping[str, re.Pattern[str]] = {
        "servers of the api": re.compile(r"tests/(alerts|api|stores|worker)\b"),
        "servers of runs": re.compile(r"tests/(executors|mirror|running)\b"),
        "servers of their own": re.compile(r"tests/(core|faults)\b"),
    }

    def _split_scope(self, nodeid: str) -> str:
        return next((group for group, ids in self.TOGETHER.items() if ids.match(nodeid)), nodeid.split("/")[1])


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> ByServers:
    """What `make test` shares the tests by."""
    return ByServers(config, log)


async def wait_until(
    holds: Callable[[], Awaitable[Any]], what: str, patience_seconds: float = PATIENCE_SECONDS
) -> Any:
    """Ask until the answer is true, and return it. Generous: a shared machine is slow at times."""
    deadline = time.monotonic() + patience_seconds
    while not (answer := await holds()):
        assert time.monotonic() < deadline, f"still not so after {patience_seconds:g} s: {what}"
        await asyncio.sleep(0.1)
    return answer


@dataclass
class Scheduler:
    """The services, and the things that tests do with them again and again."""

    services: Services
    made: list[str] = field(default_factory=list)

    async def task(self, type: str = "function", **definition: Any) -> Task:
        """A task with a name of its own that does not fire by itself, unless the test says otherwise."""
        definition.setdefault("name", f"task {next(_numbers)} {uuid.uuid4().hex[:6]}")
        definition.setdefault("schedule", NEVER)
        if type == "function":
            definition.setdefault("config", function("echo"))
        task = await self.services.tasks.create(TaskDefinition(type=type, **definition), ADMIN)
        self.made.append(task.id)
        return task

    async def execute(self, task: Task, **parameters: Any) -> Execution:
        return await self.services.runs.execute(task.id, parameters=parameters, priority=None, by=ADMIN)

    async def ended(self, execution_id: str) -> Execution:
        """The execution, once it has ended."""

        async def look() -> Execution | None:
            known = await self.services.stores.executions.of_ids([execution_id])
            execution = known.get(execution_id)
            return execution if execution and execution.status.is_terminal else None

        found: Execution = await wait_until(look, f"execution {execution_id} has ended")
        return found

    async def running(self, execution_id: str) -> Execution:
        """The execution, once it is at work."""

        async def look() -> Execution | None:
            known = await self.services.stores.executions.of_ids([execution_id])
            execution = known.get(execution_id)
            return execution if execution and execution.status is ExecutionStatus.RUNNING else None

        found: Execution = await wait_until(look, f"execution {execution_id} is running")
        return found

    async def run(self, task: Task, **parameters: Any) -> Execution:
        """Execute and wait for the end."""
        return await self.ended((await self.execute(task, **parameters)).id)

    async def history(self, task: Task) -> list[Execution]:
        page = await self.services.runs.history(task.id, ExecutionFilter(), PageRequest(size=100))
        return list(page.items)


def function(name: str, **parameters: Any) -> Mapping[str, Any]:
    """The config of a task that calls a function that comes with the product."""
    return {"function_name": name, "module": "builtin", "parameters": parameters}


@pytest.fixture(scope="session")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("falcon")


@pytest.fixture(scope="session")
def surroundings(home: Path) -> Iterator[None]:
    """The environment of the session, put back at its end."""
    before = dict(os.environ)
    os.environ["SCHEDULER_HTTP_ALLOW"] = "127.0.0.0/8"
    os.environ["SCHEDULER_PLUGINS"] = "tests.plugins"
    os.environ["SCHEDULER_CANCEL_GRACE"] = "3s"
    os.environ["JWT_SECRET"] = "a secret that only the tests know, 32 bytes or more"
    yield
    os.environ.clear()
    os.environ.update(before)


@asynccontextmanager
async def started(home: Path, parts: set[str]) -> AsyncIterator[EmbeddedStack]:
    """A stack whose addresses stand in the environment."""
    async with EmbeddedStack(home, parts=parts) as stack:
        os.environ.update(stack.environment)
        refresh_global_settings_context()  # Prefect read its password when it was imported
        yield stack


@pytest_asyncio.fixture(scope="session")
async def stack(home: Path, surroundings: None) -> AsyncIterator[EmbeddedStack]:
    async with started(home, {"postgres", "valkey", "mongo", "prefect", "worker"}) as stack:
        await stack.stop_part("worker")
        yield stack


@pytest.fixture(scope="session")
def settings(stack: EmbeddedStack) -> Settings:
    return Settings.load()


@pytest_asyncio.fixture(scope="session")
async def services(settings: Settings) -> AsyncIterator[Services]:
    """The services with the background duties at work, as in a facade."""
    async with open_services(settings) as services:
        await services.preparation.work()
        await services.reconcile.reload()
        background = asyncio.create_task(services.leader.run())
        yield services
        background.cancel()
        await asyncio.gather(background, return_exceptions=True)


@pytest_asyncio.fixture(scope="session")
async def worker(stack: EmbeddedStack, services: Services) -> AsyncIterator[None]:
    """A warm worker on the pool."""
    await stack.start_part("worker")
    yield
    await stack.stop_part("worker")


@pytest_asyncio.fixture
async def scheduler(services: Services) -> AsyncIterator[Scheduler]:
    """The services; what the test created is deleted at its end."""
    scheduler = Scheduler(services)
    yield scheduler
    for task_id in scheduler.made:
        task = await services.stores.tasks.get(task_id) if await exists(services, task_id) else None
        if task is not None:
            await services.runs.stop(task_id, ADMIN)
            await services.tasks.delete(task_id, ADMIN)


async def exists(services: Services, task_id: str) -> bool:
    """Whether the test left the task standing."""
    return await services.stores.database["scheduler_tasks"].find_one({"_id": task_id}) is not None


@pytest.fixture(scope="session")
def mongo_database(services: Services) -> AsyncDatabase[dict[str, Any]]:
    return services.stores.database


@pytest.fixture(scope="session")
def redis_client(services: Services) -> Redis:
    return services.stores.redis
