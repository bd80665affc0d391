"""The real stack with one task for each injection, and what injections do with it."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx

from falcon_scheduler.core.domain.execution import Execution, ExecutionStatus
from falcon_scheduler.core.domain.explanation import Cause
from falcon_scheduler.core.domain.task import Task
from tests.chaos.stand import Stand
from tests.conftest import Scheduler, wait_until
from tests.running.test_runs import from_tests, lines_of

LEAD = timedelta(seconds=12)
"""From the making of a task to its instant: time enough to do something before it."""
SLOTS = 8
LONG_SECONDS = 600
AT_ONCE = 6
"""How many injections go on at the same time: their runs must leave a slot free, or full slots would be the cause."""


@dataclass(frozen=True, kw_only=True)
class Asked:
    """A question, and the right answer. Without an instant it is about the execution."""

    task: Task
    cause: Cause
    at: datetime | None = None
    execution_id: str = ""


@dataclass(kw_only=True)
class Bench:
    """The stack with what injections need of it. `delay` is when, after a task was made, something happens to it."""

    stand: Stand
    shop: Scheduler
    api: httpx.AsyncClient
    folder: Path
    delay: timedelta = timedelta(seconds=1)
    number: int = 0

    @property
    def prefect(self) -> Any:
        return self.shop.services.engine.client

    async def due(self, **definition: Any) -> tuple[Task, datetime]:
        """A task that is due once, soon."""
        at = datetime.now(UTC).replace(microsecond=0) + LEAD
        task = await self.shop.task(schedule=f"@at {at:%Y-%m-%dT%H:%M:%SZ}", **definition)
        return task, at

    def diary(self) -> Path:
        """A file for the work of one task."""
        self.number += 1
        return self.folder / f"diary-{self.number}-{self.delay.total_seconds()}"

    def long(self, file: Path) -> dict[str, object]:
        """The config of work that goes on until it is ended."""
        return from_tests("diary", file=str(file), seconds=LONG_SECONDS)

    async def moment(self) -> None:
        """Wait until something is to happen."""
        await asyncio.sleep(self.delay.total_seconds())

    async def until(self, instant: datetime, seconds: float = 0) -> None:
        """Wait until the instant, and a little longer."""
        remaining = instant - datetime.now(UTC) + timedelta(seconds=seconds)
        await asyncio.sleep(max(remaining.total_seconds(), 0))

    async def post(self, task: Task, verb: str) -> None:
        answer = await self.api.post(f"/tasks/{task.id}/{verb}")
        assert answer.status_code in {200, 202}, answer.text

    async def serving(self, task: Task, at: datetime, *, running: bool = False) -> Execution:
        """The execution that serves the instant; with `running`, once it is at work."""

        async def found() -> Execution | None:
            executions = await self.shop.services.stores.ledger.executions(task.id, at)
            fit = [each for each in executions if not running or each.status is ExecutionStatus.RUNNING]
            return fit[0] if fit else None

        execution: Execution = await wait_until(found, "the instant has an execution")
        return execution

    async def process(self, file: Path) -> int:
        """The process of the work that writes this file."""

        async def begun() -> list[str]:
            return lines_of(file)

        return int((await wait_until(begun, "the work began"))[-1].split()[1])

    async def in_front(self, task: Task) -> Execution:
        """An execution of the task that is at work."""
        return await self.shop.running((await self.shop.execute(task)).id)

    async def answer(self, asked: Asked) -> dict[str, Any]:
        at = {"at": asked.at.isoformat()} if asked.at else {"execution_id": asked.execution_id}
        answer = await self.api.get(f"/tasks/{asked.task.id}/explain", params=at)
        assert answer.status_code == 200, answer.text
        found: dict[str, Any] = answer.json()
        return found

    async def is_named(self, asked: Asked) -> dict[str, Any]:
        """The answer, once it is the right one; fails with the last wrong one."""
        last: dict[str, Any] = {}

        async def right() -> bool:
            last.clear()
            last.update(await self.answer(asked))
            return bool(last["cause"] == asked.cause)

        try:
            await wait_until(right, f"the cause is {asked.cause}")
        except AssertionError:
            raise AssertionError(f"{asked.task.definition.name}: {asked.cause} is right, but: {last}") from None
        return last
