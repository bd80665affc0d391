"""Takes over a database that another scheduler wrote, once, and records that it did.

Nothing of the other scheduler is removed. Its unfinished executions get an end that no counter counts, and its
executions of today are added to today's numbers. The record of what was found is written first, since the takeover
changes what it counts, and again once all is done. Each step between is repeatable, so the next start completes the
takeover of a process that died.
"""

from __future__ import annotations

import logging
from dataclasses import replace
from datetime import UTC, timedelta

from falcon_scheduler.core.domain.audit import Action
from falcon_scheduler.core.domain.principal import Principal
from falcon_scheduler.core.domain.record import DayCounts
from falcon_scheduler.core.domain.takeover import LEFTOVER_ERROR, Takeover
from falcon_scheduler.core.domain.task import Task
from falcon_scheduler.core.errors import TaskNotFound
from falcon_scheduler.core.ports import Clock, TaskStore
from falcon_scheduler.core.ports.takeover import ForeignDatabase, TakeoverRecord
from falcon_scheduler.core.services.tasks.auditing import Auditing

logger = logging.getLogger(__name__)


class TakeoverService:
    """May run at every start: it does nothing where there is nothing to take over."""

    def __init__(
        self,
        *,
        tasks: TaskStore,
        foreign: ForeignDatabase,
        record: TakeoverRecord,
        clock: Clock,
        audit: Auditing,
        grace: timedelta,
    ) -> None:
        """`grace` is how long after the takeover the other scheduler's history is kept at any age."""
        self._tasks = tasks
        self._foreign = foreign
        self._record = record
        self._clock = clock
        self._audit = audit
        self._grace = grace

    async def take_over(self, by: Principal) -> Takeover | None:
        """Take the database over if another scheduler wrote it and that is not done yet.

        Returns:
            The record in force; None when there is nothing to take over.
        """
        recorded = await self._record.read()
        if recorded is not None and recorded.is_in_force and recorded.is_complete:
            return recorded
        begun = recorded if recorded is not None and recorded.is_in_force else await self._found()
        if begun is None:
            return None
        async with self._audit.change(Action.TAKE_OVER, by) as note:
            await self._record.write(begun)
            leftovers = await self._foreign.end_leftovers(LEFTOVER_ERROR)
            await self._count_today()
            await self._begin_schedules()
            takeover = replace(
                begun,
                taken_over_at=self._clock.now(),
                leftovers=max(leftovers, begun.leftovers),
                is_complete=True,
            )
            await self._record.write(takeover)
            note.after = {
                "tasks": takeover.tasks,
                "executions": takeover.executions,
                "leftovers": takeover.leftovers,
            }
        logger.warning(
            "Took over a database that another scheduler wrote: %d tasks, %d executions, %d of them unfinished. "
            "Old history is kept at least until %s",
            takeover.tasks,
            takeover.executions,
            takeover.leftovers,
            takeover.first_cleanup_at(self._grace).isoformat(timespec="seconds"),
        )
        return takeover

    async def _found(self) -> Takeover | None:
        """A takeover that is not done yet; None when there is nothing to take over."""
        found = await self._foreign.counts()
        if not found.tasks and not found.executions:
            return None
        return Takeover(
            taken_over_at=self._clock.now(),
            tasks=found.tasks,
            executions=found.executions,
            leftovers=found.unfinished,
            is_complete=False,
        )

    async def _begin_schedules(self) -> None:
        """Let every task of the other scheduler be due from now on, not from its creation."""
        now = self._clock.now()
        async for task in self._tasks.all():
            if not task.periods:
                await self._tasks.change(task.id, lambda each: each if each.periods else each.known_from(now))

    async def _count_today(self) -> None:
        """Add the other scheduler's ends of today to each task's numbers of the day. Done once per task."""
        day = self._clock.now().astimezone(UTC).date()
        for task_id, counts in (await self._foreign.ends_on(day)).items():

            def counted(task: Task, counts: DayCounts = counts) -> Task:
                if task.record.today.day >= counts.day:
                    return task
                return replace(task, record=replace(task.record, today=counts))

            try:
                await self._tasks.change(task_id, counted)
            except TaskNotFound:  # history of a task that was deleted
                continue
