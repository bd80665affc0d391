"""Why an execution ended as it did, or began when it did: one cause and its facts."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from falcon_scheduler.core.domain.audit import Action
from falcon_scheduler.core.domain.execution import Execution, ExecutionStatus
from falcon_scheduler.core.domain.explanation import Cause, Fact
from falcon_scheduler.core.domain.occurrence import reason_of
from falcon_scheduler.core.domain.task import Task
from falcon_scheduler.core.domain.task_definition import Overlap
from falcon_scheduler.core.errors import Unavailable
from falcon_scheduler.core.ports import Clock, ExecutionFilter, ExecutionStore, PageRequest
from falcon_scheduler.core.ports.ledger import LedgerStore
from falcon_scheduler.core.ports.run_times import RunStages, RunTimes
from falcon_scheduler.core.services.ledger import facts
from falcon_scheduler.core.services.ledger.authors import Authors
from falcon_scheduler.core.services.ledger.caught_up import catch_up_of, missed_before
from falcon_scheduler.core.services.ledger.judging import cause_of
from falcon_scheduler.core.services.ledger.outages import Outages, outage_at
from falcon_scheduler.core.services.ledger.present import STARTS_WITHIN, Finding, Present
from falcon_scheduler.core.services.ledger.spans import held_since
from falcon_scheduler.core.services.tasks.fire_times import begin_of

LATE_AFTER = STARTS_WITHIN
"""A run that begins later than this after its instant is late."""
NEARBY = timedelta(seconds=3)
"""How far from each other two entries lie that belong together."""
ENDS_AFTER = timedelta(minutes=2)
"""How long after its cancellation was requested an execution may end."""
AT_WORK_SINCE = timedelta(hours=1)
"""How far back executions are searched that were at work while another one waited."""
_MOST = 1000
_SECOND = timedelta(seconds=1)


class ExecutionCauses:
    """Reads; nothing is changed."""

    def __init__(
        self,
        *,
        executions: ExecutionStore,
        ledger: LedgerStore,
        authors: Authors,
        outages: Outages,
        present: Present,
        stages: RunStages,
        clock: Clock,
    ) -> None:
        self._executions = executions
        self._ledger = ledger
        self._authors = authors
        self._outages = outages
        self._present = present
        self._stages = stages
        self._clock = clock

    async def of(self, task: Task, execution: Execution) -> Finding:
        """The cause of an execution, also of one that was requested by hand or that was skipped."""
        now = self._clock.now()
        due_at = execution.requested_at
        cause = cause_of(execution, now)
        if cause is Cause.OVERLAP:
            return await self._of_overlap(task, execution)
        if cause is Cause.CANCELLED:
            return await self._of_cancellation(task, execution)
        if cause is Cause.SCHEDULE_CHANGED:
            entry = await self._authors.latest(
                task.id, (execution.completed_at or now) + NEARBY, (Action.UPDATE, Action.TAKE_BACK)
            )
            return cause, facts.of_entry(entry)
        if cause in {Cause.PAUSED, Cause.DISABLED}:
            return await self._of_switch(task, cause, due_at)
        instant = execution.instant
        if instant is not None:
            due_at = begin_of(task, instant)
        if cause is None and execution.status is ExecutionStatus.PENDING:
            return await self._present.why_it_waits(task, execution, due_at, now)
        late = await self._lateness(execution, due_at, has_begun=reason_of(execution) is None)
        if instant is not None and (reason := reason_of(execution)) is not None:
            return cause or Cause(reason), facts.joined(late, catch_up_of(task, reason, instant))
        if cause is None:
            cause, why = await self._of_lateness(task, execution, due_at)
            return cause, facts.joined(why, late)
        return cause, late

    async def _lateness(self, execution: Execution, due_at: datetime, *, has_begun: bool) -> Sequence[Fact]:
        if execution.skip is not None:
            return ()
        try:
            times = await self._stages.of(execution.id)
        except Unavailable:
            times = RunTimes()
        return facts.of_lateness(due_at, execution.started_at if has_begun else None, times)

    async def _of_lateness(self, task: Task, execution: Execution, due_at: datetime) -> Finding:
        """Why an execution that completed began when it did."""
        began_at = execution.started_at
        late, within = began_at - due_at, task.definition.begins_within
        missed = None
        if late >= LATE_AFTER or (within is not None and late > within):
            missed = await missed_before(task, execution, self._ledger)
        if missed is not None:
            return Cause.CAUGHT_UP, missed
        if late < LATE_AFTER:
            return Cause.ON_TIME, ()
        before = await self._at_work(began_at - _SECOND)
        if task.definition.overlap is Overlap.QUEUE:
            # What was at work for most of the wait, or up to the begin, is what it waited for.
            during = [*before, *await self._at_work(due_at + late / 2)]
            same = [each for each in during if each.task_id == task.id and each.id != execution.id]
            if same:
                return Cause.BEHIND, facts.text("execution_in_front", same[0].id)
        queue = execution.priority or str(task.definition.priority)
        away = outage_at(due_at, await self._outages.between(due_at, began_at, queue=queue))
        if away is not None:
            return away.cause, facts.of_outage(away)
        if full := await self._present.full_slots(task, before):
            return Cause.SLOTS_FULL, full
        return Cause.LATE, ()

    async def _at_work(self, instant: datetime) -> Sequence[Execution]:
        wanted = ExecutionFilter(since=instant - AT_WORK_SINCE, until=instant)
        page = await self._executions.list(wanted, PageRequest(size=_MOST, brief=True))
        return [
            each
            for each in page.items
            if each.status is not ExecutionStatus.PENDING
            and (each.completed_at is None or each.completed_at >= instant)
        ]

    async def _of_overlap(self, task: Task, execution: Execution) -> Finding:
        held_by = execution.skip.held_by if execution.skip else ""
        known = (await self._executions.of_ids([held_by])).get(held_by) if held_by else None
        found = facts.text("lock_holder", held_by)
        if held_by and known is None:
            return Cause.LOCK_HELD, found
        if known is None:
            return Cause.OVERLAP, ()
        return Cause.OVERLAP, [
            *found,
            *facts.at("holder_began_at", known.started_at),
            *facts.at("holder_ended_at", known.completed_at),
        ]

    async def _of_cancellation(self, task: Task, execution: Execution) -> Finding:
        ended_at = execution.completed_at or self._clock.now()
        # The audit has a change before it is made, so a stop that is noted later did not end this execution.
        entry = await self._authors.cancellation(task.id, execution.id, ended_at, ENDS_AFTER)
        if entry is None and task.definition.overlap is Overlap.CANCEL_RUNNING:
            wanted = ExecutionFilter(task_id=task.id, since=ended_at - NEARBY, until=ended_at + ENDS_AFTER)
            page = await self._executions.list(wanted, PageRequest(size=20, brief=True))
            following = [each for each in page.items if each.id != execution.id]
            if following:
                return Cause.REPLACED, facts.text("replaced_by", following[-1].id)
        return Cause.CANCELLED, facts.of_entry(entry)

    async def _of_switch(self, task: Task, cause: Cause, at: datetime) -> Finding:
        since = held_since(task, at) or at
        return cause, [*facts.at("since", since), *facts.of_entry(await self._authors.entry(task.id, since))]
