"""Backfill: running a task for instants of the past that its schedule names."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from falcon_scheduler.core.domain.audit import Action
from falcon_scheduler.core.domain.occurrence import Fate
from falcon_scheduler.core.domain.owed import MOST_OWED, OwedRun
from falcon_scheduler.core.domain.periods import Held
from falcon_scheduler.core.domain.principal import Principal
from falcon_scheduler.core.domain.task import Source, Task
from falcon_scheduler.core.errors import Fault, ImportedTask, Invalid, TaskDisabled
from falcon_scheduler.core.ports import Clock, TaskStore
from falcon_scheduler.core.ports.ledger import LedgerStore
from falcon_scheduler.core.services.tasks.auditing import Auditing
from falcon_scheduler.core.services.tasks.fire_times import next_in

LONGEST_SPAN = timedelta(days=366)
_NEAREST = timedelta(microseconds=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class BackfillOutcome:
    """What a backfill runs, or would run."""

    instants: Sequence[datetime]
    """The instants that get a run, in order."""
    already_served: int
    """How many other instants of the time ran, wait, or are owed already."""


class Backfill:
    """Decides which runs of a task are owed. `core.services.mirror.owed_runs` starts them."""

    def __init__(self, *, tasks: TaskStore, ledger: LedgerStore, clock: Clock, audit: Auditing) -> None:
        self._tasks = tasks
        self._ledger = ledger
        self._clock = clock
        self._audit = audit

    async def request(
        self, task_id: str, begin: datetime, end: datetime, by: Principal, *, again: bool, dry_run: bool
    ) -> BackfillOutcome:
        """Have the task run for the instants that its present schedule names from `begin` on and before `end`.

        Repeatable: without `again` an instant that ran, waits or is owed already gets no other run.

        Raises:
            TaskNotFound, TaskDisabled, ImportedTask
            Invalid: the time is not past or too long, or more runs than `MOST_OWED` would be owed.
        """
        task = await self._tasks.get(task_id)
        if task.source is Source.IMPORT:
            raise ImportedTask(task_id)
        if not task.definition.enabled:
            raise TaskDisabled(task_id)
        self._check(begin, end)
        instants = _instants(task, begin, end)
        served = set() if again else await self._served(task, begin, end)
        wanted = [each for each in instants if each not in served]
        outcome = BackfillOutcome(instants=wanted, already_served=len(instants) - len(wanted))
        if dry_run or not wanted:
            return outcome
        request = str(uuid.uuid4())
        owed = [OwedRun(at=each, request=request, again=again) for each in wanted]
        picture = {"from": begin.isoformat(), "to": end.isoformat(), "runs": len(owed), "again": again}
        async with self._audit.change(Action.BACKFILL, by, task_id, after=picture):
            await self._tasks.change(task_id, lambda each: _owing(each, owed))
        return outcome

    async def give_up(self, task_id: str, by: Principal) -> int:
        """Remove the owed runs of the task that are not started yet; returns how many. Repeatable."""
        removed = 0

        def without(task: Task) -> Task:
            nonlocal removed
            removed = len(task.owed)
            return task.no_longer_owing(task.owed)

        async with self._audit.change(Action.BACKFILL, by, task_id, after={"runs": 0}):
            await self._tasks.change(task_id, without)
        return removed

    def _check(self, begin: datetime, end: datetime) -> None:
        if end <= begin:
            raise Invalid.of("to", "must be after from")
        if end > self._clock.now():
            raise Invalid.of("to", "must not be to come: a backfill runs instants of the past")
        if end - begin > LONGEST_SPAN:
            raise Invalid.of("to", f"must be at most {LONGEST_SPAN.days} days after from")

    async def _served(self, task: Task, begin: datetime, end: datetime) -> set[datetime]:
        fates = await self._ledger.fates(begin, end, task_id=task.id)
        served = {each.at for each in fates.found if each.fate in {Fate.RAN, Fate.WAITING}}
        return served | {each.at for each in task.owed}


def _instants(task: Task, begin: datetime, end: datetime) -> list[datetime]:
    """Those that the present schedule names, whether or not it was in force, or the task on, at them."""
    present = replace(task.known_periods[-1], held=Held.NOT)
    found: list[datetime] = []
    following = next_in(present, task, begin - _NEAREST)
    while following is not None and following < end:
        if len(found) == MOST_OWED:
            raise Invalid.of(
                "to", f"the schedule names more than {MOST_OWED} instants until then; take a part of them"
            )
        found.append(following)
        following = next_in(present, task, following)
    return found


def _owing(task: Task, owed: Sequence[OwedRun]) -> Task:
    if len(task.owed) + len(owed) > MOST_OWED:
        message = f"{len(task.owed)} runs of the task are owed already; at most {MOST_OWED} may be owed at once"
        raise Invalid([Fault("to", message)])
    return task.owing(owed)
