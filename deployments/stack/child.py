"""One part while it runs: start until ready, watch, restart when it dies, stop."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping
from datetime import timedelta

from falcon_scheduler.core.domain.duration import format_duration
from falcon_scheduler.deployments.stack.errors import PartFailed
from falcon_scheduler.deployments.stack.part import Part
from falcon_scheduler.deployments.stack.process import Command, end_leftovers, spawn, stop, tail, trim_log

_PROBE_SECONDS = 0.2
_MOST_DEATHS = 5
_LOOK_SECONDS = 5.0
_ANSWER_SECONDS = 15.0
_STEADY_AFTER = timedelta(minutes=2)
"""A part that served for this long has recovered: its earlier deaths no longer count."""


class Child:
    """One part and its process.

    Args:
        part: what to run.
        environment: on top of the supervisor's own; read at each start.
        report: receives a line for the user when the part dies and when it is ready again.
        first_backoff: pause before the first restart; it doubles with each death in a row.
        patience: how long it may be alive without serving before it is ended and restarted.
    """

    def __init__(
        self,
        part: Part,
        environment: Mapping[str, str],
        report: Callable[[str], None],
        first_backoff: timedelta = timedelta(seconds=1),
        patience: timedelta = timedelta(minutes=1),
    ) -> None:
        self.part = part
        self._environment = environment
        self._report = report
        self._first_backoff = first_backoff
        self._patience = patience
        self._process: asyncio.subprocess.Process | None = None
        self._command: Command | None = None
        self._stopping = False
        self._impatient = False

    @property
    def pid(self) -> int | None:
        """Its process id, None while it does not run."""
        return self._process.pid if self._process and self._process.returncode is None else None

    async def start(self) -> None:
        """Start it and wait until it is ready.

        Raises:
            PartFailed: it ended, or was not ready in time; all of its processes are ended.
        """
        self._stopping = False
        trim_log(self.part.home.log(self.part.name))
        await self.part.prepare()
        self._command = self.part.surrounded(self.part.command(), self._environment)
        self._process = await spawn(
            self._command, self.part.home.path, self.part.name, self.part.home.log(self.part.name)
        )
        try:
            async with asyncio.timeout(self.part.start_timeout.total_seconds()):
                await self._until_ready(self._process)
        except TimeoutError:
            await self.stop()
            seconds = self.part.start_timeout.total_seconds()
            raise self._failed(f"was not ready after {seconds:.0f} s") from None

    async def watch(self) -> None:
        """Restart it when it dies or no longer serves. Returns when it is stopped on purpose.

        Raises:
            PartFailed: it died too often in a short time.
        """
        deaths = 0
        while True:
            started = time.monotonic()
            code = await self._ended()
            if self._stopping:
                return
            steady = self._impatient or time.monotonic() - started > _STEADY_AFTER.total_seconds()
            deaths = 1 if steady else deaths + 1
            if deaths > _MOST_DEATHS:
                raise self._failed(f"died {deaths} times in a row (last exit code {code})")
            await self._start_again(code, deaths)

    async def stop(self) -> None:
        """End it and everything that it started."""
        self._stopping = True
        if self._process and self._command:
            await stop(self._process, self._command, self.part.home.path, self.part.name)

    async def _ended(self) -> int:
        if self._process is None:
            raise RuntimeError(f"{self.part.name} was never started")
        self._impatient = False
        attending = asyncio.create_task(self._attend(self._process), name=f"attend {self.part.name}")
        try:
            return await self._process.wait()
        finally:
            attending.cancel()
            await asyncio.wait([attending])

    async def _attend(self, process: asyncio.subprocess.Process) -> None:
        """End the process when it has not served for `patience`."""
        served_at = time.monotonic()
        while True:
            await asyncio.sleep(min(_LOOK_SECONDS, self._patience.total_seconds() / 4))
            if await self._is_serving():
                served_at = time.monotonic()
            elif time.monotonic() - served_at > self._patience.total_seconds():
                self._report(f"{self.part.title} lives but has not served for {format_duration(self._patience)}")
                self._impatient = True  # not counted as a death: a disk may stay full for long
                process.kill()
                return

    async def _is_serving(self) -> bool:
        try:
            async with asyncio.timeout(_ANSWER_SECONDS):
                return await self.part.is_serving()
        except Exception:  # noqa: BLE001 - "any exception means that it does not"
            return False

    async def _start_again(self, code: int, deaths: int) -> None:
        backoff = self._first_backoff * 2 ** (deaths - 1)
        self._report(
            f"{self.part.title} ended unexpectedly ({_exit(code)}); "
            f"starting it again in {backoff.total_seconds():g} s"
        )
        await asyncio.sleep(backoff.total_seconds())
        await asyncio.to_thread(end_leftovers, self.part.home.path, self.part.name)
        try:
            await self.start()
        except PartFailed as error:
            self._stopping = False
            self._report(str(error).splitlines()[0])
        else:
            self._report(f"{self.part.title} is back")

    async def _until_ready(self, process: asyncio.subprocess.Process) -> None:
        while True:
            if process.returncode is not None:
                await self.stop()
                raise self._failed(f"ended while starting ({_exit(process.returncode)})")
            try:
                if await self.part.is_ready():
                    return
            except Exception:  # noqa: BLE001, S110 - any exception means not yet; the log has the cause
                pass
            await asyncio.sleep(_PROBE_SECONDS)

    def _failed(self, why: str) -> PartFailed:
        log = self.part.home.log(self.part.name)
        return PartFailed(self.part.title, why, log, tail(log))


def _exit(code: int) -> str:
    return f"signal {-code}" if code < 0 else f"exit code {code}"
