"""Finds the execution because of which a run was skipped, where whoever skipped it does not know.

The engine refuses a run by its limit of one run for each task, and does not name the run that holds the task. The
history does, sooner or later: it is the execution that was at work at the refusal, or that a worker had claimed by
then and that began next. As the history may not have that beginning yet, the search is repeated.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from falcon_scheduler.core.domain.execution import Execution, ExecutionStatus
from falcon_scheduler.core.ports import Clock, ExecutionFilter, ExecutionStore, PageRequest
from falcon_scheduler.core.services.mirror.fault_isolation import FaultIsolation

LOOKED_AT = PageRequest(size=10, brief=True)
BEGINS_WITHIN = timedelta(minutes=20)
"""How long after the skip the holder may begin, as when its worker fetches an image first. It is searched as long."""
SEARCHED_AT_ONCE = 1000


class SkipHolders:
    """Names holders of skips once the history has them. May be repeated, and run twice at once."""

    def __init__(self, executions: ExecutionStore, clock: Clock) -> None:
        self._executions = executions
        self._clock = clock
        self._isolation = FaultIsolation()

    async def at(self, skipped: Execution, instant: datetime) -> str:
        """Id of the task's execution that held the task at the instant; empty if that is not certain yet."""
        wanted = ExecutionFilter(task_id=skipped.task_id, until=instant)
        page = await self._executions.list(wanted, LOOKED_AT)
        present = [each for each in page.items if each.id != skipped.id and _was_there(each, instant)]
        if begun := [each for each in present if not _ended_unbegun(each)]:
            return begun[0].id
        if present:  # a worker had claimed it and died with it, or somebody cancelled it while it waited
            return present[0].id if len(present) == 1 and not present[0].is_cancelled else ""
        return await self._next_to_begin(skipped, instant)

    async def look(self) -> None:
        """Search for the holders of the latest skips that have none."""
        since = self._clock.now() - BEGINS_WITHIN
        for skipped in await self._executions.without_holder(since, SEARCHED_AT_ONCE):
            with self._isolation.one("find what skipped", skipped.id):
                if held_by := await self.at(skipped, skipped.completed_at or skipped.started_at):
                    await self._executions.name_holder(skipped.id, held_by)

    async def _next_to_begin(self, skipped: Execution, instant: datetime) -> str:
        """A worker had claimed it at the instant: nothing else begins before the one that holds the task."""
        wanted = ExecutionFilter(task_id=skipped.task_id, since=instant, until=instant + BEGINS_WITHIN)
        page = await self._executions.list(wanted, LOOKED_AT)
        if page.total_pages > 1:
            page = await self._executions.list(wanted, PageRequest(page=page.total_pages, size=10, brief=True))
        begun = [each for each in page.items if _began_after(each, instant) and each.id != skipped.id]
        return begun[-1].id if begun else ""


def _was_there(execution: Execution, instant: datetime) -> bool:
    """Whether it had not ended at the instant. One that waits is none: it may be skipped as well."""
    waits = execution.status is ExecutionStatus.PENDING
    return not waits and (execution.completed_at is None or execution.completed_at >= instant)


def _ended_unbegun(execution: Execution) -> bool:
    its_due_time = (execution.queued_at, execution.scheduled_for)
    never_began = execution.heartbeat_at is None and execution.started_at in its_due_time
    return execution.status.is_terminal and never_began


def _began_after(execution: Execution, instant: datetime) -> bool:
    """Whether it began after the instant, and had been requested, or fallen due, before."""
    asked_at = execution.queued_at or execution.scheduled_for
    began = execution.status is not ExecutionStatus.PENDING and not _ended_unbegun(execution)
    return began and (asked_at is None or asked_at <= instant)
