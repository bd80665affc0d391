"""The real stack with one task for each injection, and what injections do with it."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx

from falcon_scheduler.core.domain.execution import Execution, ExecutionStatus
from falcon_scheduler.core.domain.explanation import Cause
from falcon_scheduler.core.domain.task import Task
from falcon_scheduler.core.services.ledger.execution_causes import LATE_AFTER
from tests.chaos.stand import Stand
from tests.conftest import Scheduler, wait_until
from tests.running.test_runs import from_tests, lines_of

LEAD = timedelta(seconds=12)
"""From the making of a task to its instant: time enough to do something before it. Each attempt doubles it."""
ATTEMPTS = 4
SLOTS = 8
LONG_SECONDS = 600
AT_ONCE = 6
"""How many injections go on at the same time: their runs must leave a slot free, or full slots would be the cause."""
PATIENCE_SECONDS = 240.0
"""How long an answer may take to become the right one: what is to be known may be minutes away on a busy machine."""


class TooSlow(AssertionError):
    """Something came too late to be the cause, as the machine was busy: it is to be tried again with more time."""


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

    shop: Scheduler
    api: httpx.AsyncClient
    folder: Path
    servers: Stand | None = None
    delay: timedelta = timedelta(seconds=1)
    lead: timedelta = LEAD
    diaries: Iterator[int] = field(default_factory=lambda: itertools.count(1))
    right: list[Cause] = field(default_factory=list)
    """The causes that were named right."""
    made: list[Task] = field(default_factory=list)
    """The tasks of this attempt."""

    @property
    def stand(self) -> Stand:
        assert self.servers is not None, "this injection stops servers"
        return self.servers

    @property
    def prefect(self) -> Any:
        return self.shop.services.engine.client

    async def due(self, **definition: Any) -> tuple[Task, datetime]:
        """A task that is due once, soon."""
        at = self.soon()
        task = await self.shop.task(schedule=f"@at {at:%Y-%m-%dT%H:%M:%SZ}", **definition)
        self.made.append(task)
        return task, at

    def soon(self) -> datetime:
        return datetime.now(UTC).replace(microsecond=0) + self.lead

    def in_advance(self, at: datetime) -> None:
        """What is to happen before the instant has happened. Raises `TooSlow`."""
        if datetime.now(UTC) >= at:
            raise TooSlow(f"it happened {datetime.now(UTC) - at} after the instant")

    def diary(self) -> Path:
        """A file for the work of one task."""
        return self.folder / f"diary-{next(self.diaries)}"

    def long(self, file: Path | None = None) -> dict[str, object]:
        """The config of work that goes on until it is ended."""
        return from_tests("diary", file=str(file or self.diary()), seconds=LONG_SECONDS)

    async def moment(self) -> None:
        """Wait until something is to happen."""
        await asyncio.sleep(self.delay.total_seconds())

    async def until(self, instant: datetime, seconds: float = 0) -> None:
        """Wait until the instant, and a little longer."""
        remaining = instant - datetime.now(UTC) + timedelta(seconds=seconds)
        await asyncio.sleep(max(remaining.total_seconds(), 0))

    async def until_settled(self, at: datetime, mark: str = "plan") -> None:
        """Until the watch of the plan (or the ledger) has examined the instant for the last time."""

        async def passed() -> bool:
            known_until = await self.shop.services.stores.watermark.read(mark)
            return known_until is not None and known_until > at

        await wait_until(passed, f"the watermark of {mark} has passed the instant", PATIENCE_SECONDS)

    async def post(self, task: Task, verb: str) -> None:
        await self.send("POST", f"/tasks/{task.id}/{verb}")

    async def put(self, task: Task, **changes: Any) -> None:
        await self.send("PUT", f"/tasks/{task.id}", **changes)

    async def stop_all(self) -> None:
        """End what an attempt that was given up has left at work: it would take the slots of the next injections."""
        for task in self.made:
            await self.post(task, "stop")

    async def send(self, method: str, path: str, **changes: Any) -> None:
        """A request that is repeated while a server does not answer in time, as the answer asks for."""

        async def taken() -> bool:
            answer = await self.api.request(method, path, json=changes or None)
            assert answer.status_code in {200, 202, 503}, answer.text
            return answer.status_code != 503

        await wait_until(taken, f"{method} {path} is taken", PATIENCE_SECONDS)

    async def serving(self, task: Task, at: datetime, *, running: bool = False) -> Execution:
        """The execution that serves the instant; with `running`, once it is at work."""

        async def found() -> Execution | None:
            executions = await self.shop.services.stores.ledger.executions(task.id, at)
            fit = [each for each in executions if not running or each.status is ExecutionStatus.RUNNING]
            return fit[0] if fit else None

        execution: Execution = await wait_until(found, "the instant has an execution", PATIENCE_SECONDS)
        return execution

    async def served(self, task: Task, at: datetime) -> Execution:
        """The same, once it has ended."""
        return await self.shop.ended((await self.serving(task, at)).id)

    async def in_time(self, task: Task, at: datetime) -> Asked:
        """The question about an instant that nothing disturbs. Raises `TooSlow`."""
        execution = await self.served(task, at)
        if execution.started_at - at >= LATE_AFTER:
            raise TooSlow(f"it began {execution.started_at - at} after its instant")
        return Asked(task=task, at=at, cause=Cause.ON_TIME)

    async def process(self, file: Path) -> int:
        """The process of the work that writes this file."""

        async def begun() -> list[str]:
            return lines_of(file)

        return int((await wait_until(begun, "the work began", PATIENCE_SECONDS))[-1].split()[1])

    async def in_front(self, task: Task) -> Execution:
        """An execution of the task that is at work. Raises `TooSlow` when the scheduled one was first."""
        asked = await self.shop.execute(task)

        async def begun() -> Execution | None:
            execution = (await self.shop.services.stores.executions.of_ids([asked.id])).get(asked.id)
            return execution if execution and execution.status is not ExecutionStatus.PENDING else None

        execution: Execution = await wait_until(begun, "the execution by hand began", PATIENCE_SECONDS)
        if execution.is_skipped:
            await self.post(task, "stop")
            raise TooSlow("the scheduled execution was first")
        return execution

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
            await wait_until(right, f"the cause is {asked.cause}", PATIENCE_SECONDS)
        except AssertionError:
            raise AssertionError(f"{asked.task.definition.name}: {asked.cause} is right, but: {last}") from None
        self.right.append(asked.cause)
        return last

    async def named(self, inject: Callable[[Bench], Awaitable[Asked | None]]) -> int:
        """Inject a cause, and ask. Returns how many attempts the machine needed; a wrong answer is none of them."""
        for attempt in range(1, ATTEMPTS + 1):
            patient = replace(self, lead=self.lead * 2 ** (attempt - 1), made=[])
            try:
                asked = await inject(patient)
            except TooSlow:
                await patient.stop_all()
                if attempt == ATTEMPTS:
                    raise
                continue
            if asked is not None:
                await self.is_named(asked)
            return attempt
        raise AssertionError("unreachable")
