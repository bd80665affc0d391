"""Has tasks take over newer versions of the calendars that they use.

A change of a calendar is one write. Each task that uses it is then changed and planned again, by the process that
made the change or by the leader, which looks for tasks with an older version. So nothing is lost when a process dies
in between. The new version is in force from the change on, whenever the task follows.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from datetime import timedelta
from itertools import islice

from falcon_scheduler.core.domain.audit import Action
from falcon_scheduler.core.domain.principal import Principal
from falcon_scheduler.core.domain.task import Task
from falcon_scheduler.core.errors import SchedulerError, TaskNotFound, Unavailable
from falcon_scheduler.core.ports import Clock, TaskStore
from falcon_scheduler.core.ports.calendars import Calendar, CalendarStore
from falcon_scheduler.core.services.duty import Duty, Periodic
from falcon_scheduler.core.services.tasks.auditing import Auditing
from falcon_scheduler.core.services.tasks.changes import TaskChanges

logger = logging.getLogger(__name__)

INTERVAL = timedelta(seconds=5)


class CalendarFollowing:
    """May run in any number of facades: a task takes over a version once."""

    def __init__(
        self, *, calendars: CalendarStore, tasks: TaskStore, changes: TaskChanges, clock: Clock, audit: Auditing
    ) -> None:
        self._calendars = calendars
        self._tasks = tasks
        self._changes = changes
        self._clock = clock
        self._audit = audit

    def duty(self) -> Duty:
        """The look, again and again."""
        return Periodic("have tasks follow their calendars", self.follow, INTERVAL)

    async def follow(self, most: int | None = None) -> None:
        """Have tasks with an older version take over the latest, `most` of them at most. Raises `Unavailable`."""
        latest = await self._calendars.versions()
        if not latest:
            return
        behind = _behind(await self._tasks.calendar_uses(), latest)
        calendars: dict[str, Calendar] = {}
        for task_id, names in islice(behind.items(), most):
            for name in names:
                if name not in calendars and (found := await self._calendars.find(name)) is not None:
                    calendars[name] = found
            await self._apart(task_id, [calendars[name] for name in names if name in calendars])

    async def _apart(self, task_id: str, calendars: Sequence[Calendar]) -> None:
        """What is wrong with one task does not keep the others from following."""
        for calendar in sorted(calendars, key=lambda each: each.updated_at):
            try:
                await self._take_over(task_id, calendar)
            except Unavailable:
                raise
            except TaskNotFound:  # deleted in between
                return
            except SchedulerError as error:
                logger.error("Task %s could not follow calendar %s: %s", task_id, calendar.name, error)

    async def _take_over(self, task_id: str, calendar: Calendar) -> None:
        by = Principal(user_id=calendar.updated_by, character_id=0)

        def following(task: Task) -> Task:
            since = max(calendar.updated_at, task.created_at)
            return task.with_calendar(calendar.latest, by.user_id, self._clock.now(), since=since)

        async with self._audit.change(Action.UPDATE, by, task_id) as note:
            await self._changes.redefine(task_id, following, note, at=calendar.updated_at)


def _behind(uses: Mapping[str, Mapping[str, int]], latest: Mapping[str, int]) -> dict[str, list[str]]:
    """The calendars that have a newer version than a task uses, by the task's id."""
    found = {
        task_id: [name for name, version in used.items() if latest.get(name, 0) > version]
        for task_id, used in uses.items()
    }
    return {task_id: names for task_id, names in found.items() if names}
