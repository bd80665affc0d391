"""What goes wrong, planned from a seed: the same seed gives the same faults at the same moments of the run."""

from __future__ import annotations

import asyncio
import contextlib
import os
import random
import resource
import signal
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import psutil
from redis.asyncio import Redis

from tests.chaos.history import alive_runs
from tests.chaos.stand import FACADES, Stand


@dataclass(frozen=True, slots=True)
class Fault:
    """One fault: its kind, when it comes (seconds into the run), how long it lasts, and which of several it hits."""

    at_seconds: float
    kind: str
    lasts_seconds: float
    which: int


KINDS: dict[str, tuple[int, float, float]] = {
    "kill run": (14, 0, 0),
    "freeze run": (6, 2, 8),
    "kill lane": (8, 0, 0),
    "freeze lane": (4, 2, 20),
    "kill worker": (8, 1, 8),
    "freeze worker": (4, 3, 20),
    "kill facade": (8, 1, 8),
    "freeze facade": (4, 5, 20),
    "stop redis": (5, 2, 15),
    "kill redis": (4, 1, 8),
    "wipe redis": (4, 0, 2),
    "freeze redis": (3, 2, 10),
    "stop mongo": (4, 2, 15),
    "kill mongo": (5, 1, 10),
    "freeze mongo": (3, 2, 10),
    "fill mongo's disk": (2, 3, 8),
    "kill prefect": (4, 1, 8),
    "freeze prefect": (3, 3, 15),
    "restart postgres": (3, 1, 5),
    "kill postgres": (3, 1, 5),
    "cut connections": (4, 0, 0),
    "kill everything": (1, 1, 5),
}
"""Weight, shortest and longest duration in seconds."""


def plan(seed: int, length: timedelta, pause_seconds: tuple[float, float]) -> list[Fault]:
    """The faults of a run. Each begins some time after the one before has ended."""
    chance = random.Random(seed)
    faults: list[Fault] = []
    at_seconds = 20.0
    while at_seconds < length.total_seconds() - 20:
        kind = chance.choices(list(KINDS), [weight for weight, _, _ in KINDS.values()])[0]
        _, shortest, longest = KINDS[kind]
        lasts = chance.uniform(shortest, longest)
        faults.append(Fault(round(at_seconds, 1), kind, round(lasts, 1), chance.randrange(1000)))
        at_seconds += lasts + chance.uniform(*pause_seconds)
    return faults


@dataclass
class Injector:
    """Does what the plan says, and remembers what it did."""

    stand: Stand
    work: Path
    holder: Callable[[], Awaitable[str]]
    """The process id of the facade that holds the mirror's office, empty when unknown."""
    done: Counter[str] = field(default_factory=Counter)
    kills: list[tuple[datetime, str, frozenset[str]]] = field(default_factory=list)
    """When what was killed, and which runs that killed."""
    log: list[str] = field(default_factory=list)

    async def inject(self, fault: Fault) -> None:
        began_at = datetime.now(UTC)
        verb, _, noun = fault.kind.partition(" ")
        try:
            await getattr(self, f"_{verb}_{noun.replace(' ', '_').replace(chr(39), '')}")(fault)
            self.done[fault.kind] += 1
        except Exception as error:  # noqa: BLE001 - a fault that could not be injected is reported, the run goes on
            self.log.append(f"{began_at:%H:%M:%S} {fault.kind} failed: {type(error).__name__}: {error}")
        else:
            self.log.append(f"{began_at:%H:%M:%S} {fault.kind} for {fault.lasts_seconds:g} s")

    def _note_kill(self, what: str, runs: frozenset[str]) -> None:
        self.kills.append((datetime.now(UTC), what, runs))

    async def _kill_run(self, fault: Fault) -> None:
        runs = alive_runs(self.work)
        if runs:
            run, pid = runs[fault.which % len(runs)]
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
            self._note_kill("run", frozenset({run}))

    async def _freeze_run(self, fault: Fault) -> None:
        runs = alive_runs(self.work)
        if runs:
            _, pid = runs[fault.which % len(runs)]
            with contextlib.suppress(psutil.Error):
                process = psutil.Process(pid)
                process.suspend()
                await asyncio.sleep(fault.lasts_seconds)
                process.resume()

    async def _kill_lane(self, fault: Fault) -> None:
        for process in self._lanes(fault):
            process.kill()

    async def _freeze_lane(self, fault: Fault) -> None:
        """For longer than the worker waits for a sign of life, or not as long."""
        lanes = self._lanes(fault)
        for process in lanes:
            process.suspend()
        await asyncio.sleep(fault.lasts_seconds)
        for process in lanes:
            with contextlib.suppress(psutil.Error):
                process.resume()

    def _worker(self, fault: Fault) -> str:
        return self.stand.workers[fault.which % len(self.stand.workers)]

    def _lanes(self, fault: Fault) -> list[psutil.Process]:
        """Those of one worker: http tasks run in them."""
        name = self._worker(fault)
        return [each for each in self.stand.processes(name) if each.name() == "falcon-lane"]

    async def _kill_worker(self, fault: Fault) -> None:
        name = self._worker(fault)
        pids = {process.pid for process in self.stand.processes(name)}
        self._note_kill("worker", frozenset(run for run, pid in alive_runs(self.work) if pid in pids))
        await self._down_and_up(name, fault)

    async def _freeze_worker(self, fault: Fault) -> None:
        """The worker alone; its runs go on."""
        first = min(self.stand.processes(self._worker(fault)), key=lambda process: process.create_time())
        first.suspend()
        await asyncio.sleep(fault.lasts_seconds)
        first.resume()

    async def _kill_facade(self, fault: Fault) -> None:
        """Every other time the one that holds the mirror's office."""
        name = FACADES[fault.which % 2]
        holder = await self.holder()
        if fault.which % 4 < 2 and holder:
            owners = [each for each in FACADES if any(p.pid == int(holder) for p in self.stand.processes(each))]
            name = owners[0] if owners else name
        self._note_kill("holder" if holder and name in owner_of(self.stand, holder) else "facade", frozenset())
        await self._down_and_up(name, fault)

    async def _freeze_facade(self, fault: Fault) -> None:
        await self._freeze(FACADES[fault.which % 2], fault)

    async def _stop_redis(self, fault: Fault) -> None:
        await self.stand.stop("valkey")
        await asyncio.sleep(fault.lasts_seconds)
        await self.stand.start("valkey")

    async def _kill_redis(self, fault: Fault) -> None:
        await self._down_and_up("valkey", fault)

    async def _wipe_redis(self, fault: Fault) -> None:
        async with self._redis() as redis:
            await redis.flushall()

    async def _freeze_redis(self, fault: Fault) -> None:
        await self._freeze("valkey", fault)

    async def _stop_mongo(self, fault: Fault) -> None:
        await self.stand.stop("mongo")
        await asyncio.sleep(fault.lasts_seconds)
        await self.stand.start("mongo")

    async def _kill_mongo(self, fault: Fault) -> None:
        await self._down_and_up("mongo", fault)

    async def _freeze_mongo(self, fault: Fault) -> None:
        await self._freeze("mongo", fault)

    async def _fill_mongos_disk(self, fault: Fault) -> None:
        """No file of the server may grow: every write fails, as on a full disk. Then there is room again.

        A MongoDB ends itself at that; the embedded server stays and answers errors, so it is ended here.
        """
        for process in self.stand.processes("mongo"):
            resource.prlimit(process.pid, resource.RLIMIT_FSIZE, (1, resource.RLIM_INFINITY))
        await asyncio.sleep(fault.lasts_seconds)
        await self.stand.kill("mongo")
        await self.stand.start("mongo")

    async def _kill_prefect(self, fault: Fault) -> None:
        await self._down_and_up("prefect", fault)

    async def _freeze_prefect(self, fault: Fault) -> None:
        await self._freeze("prefect", fault)

    async def _restart_postgres(self, fault: Fault) -> None:
        await self.stand.stop("postgres")
        await asyncio.sleep(fault.lasts_seconds)
        await self.stand.start("postgres")

    async def _kill_postgres(self, fault: Fault) -> None:
        await self._down_and_up("postgres", fault)

    async def _cut_connections(self, fault: Fault) -> None:
        async with self._redis() as redis:
            await redis.client_kill_filter(_type="normal", skipme=True)
            await redis.client_kill_filter(_type="pubsub")

    async def _kill_everything(self, fault: Fault) -> None:
        self._note_kill("everything", frozenset(run for run, _ in alive_runs(self.work)))
        await self.stand.kill_everything()
        await asyncio.sleep(fault.lasts_seconds)
        await self.stand.start_everything()

    async def _down_and_up(self, name: str, fault: Fault) -> None:
        await self.stand.kill(name)
        await asyncio.sleep(fault.lasts_seconds)
        await self.stand.start(name)

    async def _freeze(self, name: str, fault: Fault) -> None:
        self.stand.signal(name, signal.SIGSTOP)
        await asyncio.sleep(fault.lasts_seconds)
        self.stand.signal(name, signal.SIGCONT)

    def _redis(self) -> Redis:
        environment = self.stand.environment
        return Redis(port=int(environment["REDIS_PORT"]), password=environment["REDIS_PASSWORD"])


def owner_of(stand: Stand, pid: str) -> list[str]:
    """The facade that a process belongs to."""
    return [name for name in FACADES if any(process.pid == int(pid) for process in stand.processes(name))]
