"""Looks on while the run goes: ends that must never change, and who holds the mirror's office."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Collection, Sequence
from datetime import UTC, datetime

from redis.exceptions import RedisError

from falcon_scheduler.api_facade.composition.services import Services
from falcon_scheduler.api_facade.office import OFFICE
from falcon_scheduler.core.errors import SchedulerError
from falcon_scheduler.core.ports import ExecutionFilter, PageRequest
from tests.chaos.checks import ending_of


class Watch:
    """Remembers every end that it sees, and every change of the office."""

    def __init__(self, services: Services, task_ids: Collection[str]) -> None:
        self.terminal: dict[str, tuple[object, ...]] = {}
        self._services = services
        self._task_ids = frozenset(task_ids)
        self._offices: list[tuple[datetime, str]] = []

    async def run(self) -> None:
        """Until cancelled."""
        await asyncio.gather(self._watch_ends(), self._watch_office())

    async def holder_pid(self) -> str:
        """The process that holds the office, empty when Redis can't say. A holder is `host:pid:...`."""
        with contextlib.suppress(RedisError, OSError):
            holder = await self._services.stores.redis.get(f"scheduler:lease:{OFFICE}")
            return holder_pid(str(holder)) if holder else ""
        return ""

    def takeovers(self, kills: Sequence[tuple[datetime, str, frozenset[str]]]) -> list[float]:
        """Seconds from the death of each holder to the next one."""
        taken = []
        for at, what, _ in kills:
            if what == "holder":
                before = [holder for since, holder in self._offices if since <= at]
                after = [since for since, holder in self._offices if since > at and before and holder != before[-1]]
                if after:
                    taken.append(round((after[0] - at).total_seconds(), 1))
        return taken

    async def _watch_ends(self) -> None:
        executions = self._services.stores.executions
        while True:
            with contextlib.suppress(SchedulerError):
                page = await executions.list(ExecutionFilter(), PageRequest(size=100))
                for execution in page.items:
                    if execution.status.is_terminal and execution.task_id in self._task_ids:
                        self.terminal.setdefault(execution.id, ending_of(execution))
            await asyncio.sleep(2)

    async def _watch_office(self) -> None:
        while True:
            pid = await self.holder_pid()
            if pid and (not self._offices or self._offices[-1][1] != pid):
                self._offices.append((datetime.now(UTC), pid))
            await asyncio.sleep(0.2)


def holder_pid(holder: str) -> str:
    """The process id in a holder's name."""
    return str(holder).split(":")[1]
