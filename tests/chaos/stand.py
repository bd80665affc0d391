"""The servers and processes under test: each can be killed, frozen, stopped and started again."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import random
import signal
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import httpx
import psutil

from falcon_scheduler.adapters.settings import Settings
from falcon_scheduler.deployments.stack.addresses import Addresses
from falcon_scheduler.deployments.stack.child import Child
from falcon_scheduler.deployments.stack.environment import common_environment
from falcon_scheduler.deployments.stack.errors import PartFailed
from falcon_scheduler.deployments.stack.home import Home, is_port_free, write_private
from falcon_scheduler.deployments.stack.mongo import Mongo
from falcon_scheduler.deployments.stack.part import Part
from falcon_scheduler.deployments.stack.postgres import Postgres
from falcon_scheduler.deployments.stack.process import Command, end_leftovers, leftovers
from falcon_scheduler.deployments.stack.product import Facade, PrefectServer, Worker
from falcon_scheduler.deployments.stack.valkey import Valkey

SERVERS = ("postgres", "valkey", "mongo", "prefect")
FACADES = ("facade-1", "facade-2")
WORKERS = ("worker-1", "worker-2")


def quiet_ports(many: int) -> list[int]:
    """Free ports that the system gives to no outgoing connection.

    A server that is down for a while would lose another kind of port: to a client that tries to reach it, which the
    kernel connects to itself.
    """
    candidates = random.sample(range(15_000, 32_000), 200)
    return [port for port in candidates if is_port_free("127.0.0.1", port)][:many]


class NumberedWorker(Worker):
    """One of several workers."""

    def command(self) -> Command:
        command = super().command()
        named = [self.name if each == "falcon-local" else each for each in command.argv]
        return replace(command, argv=tuple(named))

    async def is_ready(self) -> bool:
        return self.home.log(self.name).exists()  # it takes runs when it is up; nobody here waits for it


class Stand:
    """All parts on one home, by name."""

    def __init__(self, home: Path, workers: int = len(WORKERS)) -> None:
        self.workers = WORKERS[:workers]
        """One worker has its pool for itself, and claims no http run."""
        self.home = Home(home)
        self.environment: dict[str, str] = {}
        self.deaths: list[tuple[datetime, str, int | None]] = []
        """Ends that no fault of ours explains."""
        self._children: dict[str, Child] = {}
        self._down: set[str] = set()

    def part(self, name: str) -> Part:
        return self._children[name].part

    def facade_urls(self) -> Sequence[str]:
        parts = [self.part(name) for name in FACADES]
        return [part.url for part in parts if isinstance(part, Facade)]

    async def start(self, name: str) -> None:
        """Start it and wait until it is ready; a few attempts, for what it needs may be down too."""
        for attempt in range(10):
            try:
                await self._children[name].start()
                self._down.discard(name)
                return
            except PartFailed:
                if attempt == 9:
                    raise
                await asyncio.sleep(2)

    async def stop(self, name: str) -> None:
        self._down.add(name)
        await self._children[name].stop()

    async def kill(self, name: str) -> None:
        """SIGKILL to the part's first process; what it leaves behind is left to its own devices for a moment."""
        self._down.add(name)
        pid = self._children[name].pid
        if pid is not None:
            os.kill(pid, signal.SIGKILL)
        await asyncio.sleep(0.5)
        await self._children[name].stop()

    async def kill_everything(self) -> None:
        """As when the machine loses power."""
        names = list(self._children)
        self._down.update(names)
        for process in await asyncio.to_thread(leftovers, self.home.path):
            with contextlib.suppress(psutil.Error):
                process.kill()
        await asyncio.gather(*(self._children[name].stop() for name in names))

    async def start_everything(self) -> None:
        await asyncio.gather(*(self.start(name) for name in SERVERS if name != "prefect"))
        await self.start("prefect")
        await asyncio.gather(*(self.start(name) for name in (*FACADES, *self.workers)))

    def processes(self, name: str) -> Sequence[psutil.Process]:
        return leftovers(self.home.path, name)

    def signal(self, name: str, number: signal.Signals) -> None:
        for process in self.processes(name):
            with contextlib.suppress(psutil.Error):
                process.send_signal(number)

    async def tend(self) -> None:
        """Start again whatever ended without a fault of ours, and write that down."""
        while True:
            await asyncio.sleep(1)
            for name, child in self._children.items():
                if name not in self._down and child.pid is None:
                    self.deaths.append((datetime.now(UTC), name, None))
                    self._down.add(name)
                    await child.stop()
                    with contextlib.suppress(PartFailed):
                        await self.start(name)

    @asynccontextmanager
    async def running(self, settings: Settings) -> AsyncIterator[None]:
        with self.home.held():
            await asyncio.to_thread(end_leftovers, self.home.path)
            try:
                async with httpx.AsyncClient(timeout=5) as http:
                    self._make(settings, http)
                    await self.start_everything()
                    yield
            finally:
                for names in (self.workers, FACADES, ("prefect",), SERVERS):
                    await asyncio.gather(*(self.stop(name) for name in names if name in self._children))
                await asyncio.to_thread(end_leftovers, self.home.path)

    def _make(self, settings: Settings, http: httpx.AsyncClient) -> None:
        self.environment.update(common_environment(self.home))
        ports = iter(quiet_ports(6))
        write_private(self.home.path / "ports.json", json.dumps({name: next(ports) for name in ("valkey", "mongo")}))
        makers: Mapping[str, type[Part]] = {"postgres": Postgres, "valkey": Valkey, "mongo": Mongo}
        for name, maker in makers.items():
            self._add(name, maker(self.home))
        self._add("prefect", PrefectServer(self.home, settings, Addresses(prefect_port=next(ports)), http))
        for name in FACADES:
            kind = type(name, (Facade,), {"name": name})
            self._add(name, kind(self.home, settings, Addresses(facade_port=next(ports)), http))
        for name in self.workers:
            worker = type(name, (NumberedWorker,), {"name": name})
            self._add(name, worker(self.home, settings, self.environment, http))

    def _add(self, name: str, part: Part) -> None:
        self.environment.update(part.environment())
        self._children[name] = Child(part, self.environment, lambda line: None)
