"""The whole stack or some of its parts, as one asynchronous context. See the package's docstring."""

from __future__ import annotations

import asyncio
import contextlib
import os
import sys
import time
from collections.abc import Callable, Collection, Mapping
from contextlib import AsyncExitStack
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Self

import httpx

from falcon_scheduler.adapters.settings import Settings
from falcon_scheduler.adapters.settings.names import known_names
from falcon_scheduler.deployments.stack.addresses import Addresses
from falcon_scheduler.deployments.stack.child import Child
from falcon_scheduler.deployments.stack.demo import PREFIX, DemoPart, demos_of
from falcon_scheduler.deployments.stack.environment import common_environment
from falcon_scheduler.deployments.stack.errors import AddressRefused, PortInUse, PortTwice, StackError
from falcon_scheduler.deployments.stack.home import Home, is_port_free
from falcon_scheduler.deployments.stack.mongo import Mongo
from falcon_scheduler.deployments.stack.part import Part
from falcon_scheduler.deployments.stack.postgres import Postgres
from falcon_scheduler.deployments.stack.process import HOME_MARK, PART_MARK, end_leftovers, trim_log
from falcon_scheduler.deployments.stack.product import PREFECT_API, Facade, PrefectServer, Worker
from falcon_scheduler.deployments.stack.valkey import Valkey

SERVERS = ("postgres", "valkey", "mongo")
PRODUCT = (*SERVERS, "prefect", "facade", "worker")
"""The parts that the product needs, in an order in which they could start one by one."""

_LOG_TRIM_SECONDS = 60


class EmbeddedStack:
    """Parts on one home. Enter it to start them, leave it to stop them.

    Args:
        home: where data, logs and secrets are; made when missing.
        parts: names out of `PRODUCT`, and `demo-` with the name of a plug-in's demo, such as `demo-esi`. What is left
            out is expected in the environment (`MONGODB_URI`, ...).
        addresses: where the facade and the Prefect server listen; by default loopback and free ports.
        settings: read from the environment when not given.
        report: receives a line for the user whenever a part is ready or dies.

    Raises (on entering):
        HomeInUse: another stack runs there.
        PartFailed: a part did not start; all are stopped again.
    """

    def __init__(
        self,
        home: Path,
        *,
        parts: Collection[str] = PRODUCT,
        addresses: Addresses | None = None,
        settings: Settings | None = None,
        report: Callable[[str], None] = lambda line: None,
    ) -> None:
        self.home = Home(home)
        self._report = report
        self._parts = frozenset(parts)
        self._addresses = addresses or Addresses()
        self._settings = settings or Settings.load()
        self._environment: dict[str, str] = {}
        self._children: dict[str, Child] = {}
        self._ready: dict[str, asyncio.Event] = {}
        self._watches: dict[str, asyncio.Task[None]] = {}
        self._exit = AsyncExitStack()

    @property
    def environment(self) -> Mapping[str, str]:
        """What another process needs in order to use the running parts."""
        return dict(self._environment)

    async def __aenter__(self) -> Self:
        async with AsyncExitStack() as started:
            started.enter_context(self.home.held())
            await self._end_what_an_earlier_stack_left()
            self._make_parts(await started.enter_async_context(httpx.AsyncClient(timeout=5)))
            self._check_ports()
            if "prefect" not in self._parts:
                self.home.forget_secret(PREFECT_API)
            await self._start_guardian(started)
            started.push_async_callback(self._stop_all)
            await self._start_all()
            self._exit = started.pop_all()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._exit.__aexit__(kind, error, trace)

    async def wait(self) -> None:
        """Wait until a part fails for good.

        Raises:
            PartFailed: a part died too often to be started again.
        """
        while True:
            done, _ = await asyncio.wait(
                self._watches.values(), timeout=_LOG_TRIM_SECONDS, return_when=asyncio.FIRST_COMPLETED
            )
            for watch in done:
                watch.result()
            for name in self._children:
                await asyncio.to_thread(trim_log, self.home.log(name))

    def pid(self, part: str) -> int | None:
        """Process id of a part, None while it does not run."""
        return self._children[part].pid

    async def stop_part(self, part: str) -> None:
        """Stop one part and leave it stopped."""
        if watch := self._watches.pop(part, None):  # first, or it might restart the part in between
            watch.cancel()
            await asyncio.wait([watch])
        await self._children[part].stop()

    async def start_part(self, part: str) -> None:
        """Start a part that was stopped, and wait until it is ready."""
        child = self._children[part]
        await child.start()
        self._watches[part] = asyncio.create_task(child.watch(), name=f"watch {part}")

    def has(self, name: str) -> bool:
        """Whether this part is one of ours."""
        return name in self._children

    def part(self, name: str) -> Part:
        """One of its parts, for its address."""
        return self._children[name].part

    def _make_parts(self, http: httpx.AsyncClient) -> None:
        makers: dict[str, Callable[[], Part]] = {
            "postgres": lambda: Postgres(self.home),
            "valkey": lambda: Valkey(self.home),
            "mongo": lambda: Mongo(self.home),
            "prefect": lambda: PrefectServer(self.home, self._settings, self._addresses, http),
            "facade": lambda: Facade(self.home, self._settings, self._addresses, http),
            "worker": lambda: Worker(self.home, self._settings, self._environment, http),
        }
        demos = demos_of(self._settings.system_tasks)
        for name, demo in demos.items():
            makers[name] = partial(DemoPart, self.home, demo, self._environment)
        self._environment.update(common_environment(self.home))
        for name in (*SERVERS, *demos, *(each for each in PRODUCT if each not in SERVERS)):
            if name in self._parts:
                part = makers[name]()
                self._environment.update(part.environment())
                self._children[name] = Child(part, self._environment, self._report)
                self._ready[name] = asyncio.Event()

    def _check_ports(self) -> None:
        wanted = (
            ("facade", self._addresses.facade_port, "--port"),
            ("prefect", self._addresses.prefect_port, "--prefect-port"),
        )
        host = self._addresses.host
        both = {"facade", "prefect"} <= self._children.keys()
        if both and self._addresses.facade_port and self._addresses.facade_port == self._addresses.prefect_port:
            raise PortTwice(self._addresses.facade_port)
        for name, port, option in wanted:
            if name not in self._children or not port:
                continue
            try:
                if not is_port_free(host, port):
                    raise PortInUse(port, self.part(name).title, option)
            except OSError as error:
                raise AddressRefused(host, port, error.strerror or str(error)) from error

    async def _start_all(self) -> None:
        try:
            async with asyncio.TaskGroup() as group:
                for child in self._children.values():
                    group.create_task(self._start_when_its_turn(child), name=f"start {child.part.name}")
        except ExceptionGroup as group:
            failures = [error for error in group.exceptions if isinstance(error, StackError)]
            if not failures:
                raise
            raise failures[0] from group

    async def _start_when_its_turn(self, child: Child) -> None:
        for name in child.part.after & self._ready.keys():
            await self._ready[name].wait()
        began = time.monotonic()
        await self.start_part(child.part.name)
        self._ready[child.part.name].set()
        self._report(f"{child.part.title} is ready ({time.monotonic() - began:.1f} s)")

    async def _stop_all(self) -> None:
        demos = tuple(name for name in self._children if name.startswith(PREFIX))
        waves = (("worker",), ("facade",), ("prefect",), (*demos, "mongo", "valkey", "postgres"))
        for wave in waves:
            await asyncio.gather(*(self.stop_part(name) for name in wave if name in self._children))
        await asyncio.to_thread(end_leftovers, self.home.path)  # untracked processes of a cancelled start

    async def _end_what_an_earlier_stack_left(self) -> None:
        ended = await asyncio.to_thread(end_leftovers, self.home.path)
        if ended:
            self._report(f"Ended {ended} processes that an earlier stack had left")

    async def _start_guardian(self, started: AsyncExitStack) -> None:
        unmarked = {
            name: value
            for name, value in os.environ.items()
            if name not in (HOME_MARK, PART_MARK) and name not in known_names() and not name.startswith("PREFECT_")
        }
        guardian = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "falcon_scheduler.deployments.stack.guardian", str(self.home.path)),
            env=unmarked,
            stdin=asyncio.subprocess.PIPE,
            start_new_session=True,
        )

        async def dismiss() -> None:
            if guardian.stdin:
                guardian.stdin.close()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(10):
                    await guardian.wait()

        started.push_async_callback(dismiss)
