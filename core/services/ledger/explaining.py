"""Explains why a task ran at an instant, or did not: one cause, the facts, and what to do.

The causes are looked for in a fixed order, and the first that holds is the answer: what an execution recorded itself,
then what the ledger has, then what was away at the time, then what the servers and workers say now. So there is never
a second cause.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from falcon_scheduler.core.domain.audit import Action, AuditEntry, ChangeOutcome
from falcon_scheduler.core.domain.execution import Execution, ExecutionStatus
from falcon_scheduler.core.domain.explanation import Cause, Explanation, Fact
from falcon_scheduler.core.domain.occurrence import Occurrence, Reason, fate_of, preferred
from falcon_scheduler.core.domain.periods import Held, Period
from falcon_scheduler.core.domain.skip import SkipReason
from falcon_scheduler.core.domain.task import Task
from falcon_scheduler.core.domain.task_definition import Overlap
from falcon_scheduler.core.errors import QueueFull, Unavailable
from falcon_scheduler.core.ports import AuditFilter, AuditStore, Clock, ExecutionFilter, ExecutionStore, PageRequest
from falcon_scheduler.core.ports.ledger import LedgerStore
from falcon_scheduler.core.ports.run_times import RunStages, RunTimes
from falcon_scheduler.core.services.ledger import facts
from falcon_scheduler.core.services.ledger.authors import Authors
from falcon_scheduler.core.services.ledger.judging import cause_of
from falcon_scheduler.core.services.ledger.ledger import Ledger
from falcon_scheduler.core.services.ledger.outages import Outages, outage_at
from falcon_scheduler.core.services.ledger.present import STARTS_WITHIN, Finding, Present
from falcon_scheduler.core.services.ledger.spans import last_instant
from falcon_scheduler.core.services.ledger.unnamed import outside_time, why_unnamed
from falcon_scheduler.core.services.tasks.fire_times import begin_of, exclusion_at, names, next_run, period_at

LATE_AFTER = STARTS_WITHIN
"""A run that begins later than this after its instant is late."""
NEARBY = timedelta(seconds=3)
"""How far from the instant a refused request lies that is meant by it."""
ENDS_AFTER = timedelta(minutes=2)
"""How long after its cancellation was requested an execution may end."""
AT_WORK_SINCE = timedelta(hours=1)
"""How far back executions are searched that were at work while another one waited."""
_MOST = 1000
_SECOND = timedelta(seconds=1)


class Explaining:
    """Reads; nothing is changed."""

    def __init__(
        self,
        *,
        ledger: Ledger,
        store: LedgerStore,
        executions: ExecutionStore,
        audit: AuditStore,
        outages: Outages,
        present: Present,
        stages: RunStages,
        clock: Clock,
    ) -> None:
        self._ledger = ledger
        self._store = store
        self._executions = executions
        self._audit = audit
        self._authors = Authors(audit)
        self._outages = outages
        self._present = present
        self._stages = stages
        self._clock = clock

    async def explain(self, task: Task, instant: datetime | None = None) -> Explanation:
        """Explain an instant, past or to come; the latest one by default, or the next if there was none."""
        now = self._clock.now()
        at = instant or last_instant(task, now) or next_run(task, now)
        if at is None:
            return self._answer(task, None, (self._why_not_due(task), ()))
        at = at.replace(microsecond=0)
        if at > now:
            return self._answer(task, at, await self._to_come(task, at))
        executions = await self._store.executions(task.id, at)
        serving = _serving(executions)
        if serving is not None:
            return await self.explain_execution(task, serving)
        return self._answer(task, at, await self._without_execution(task, at, now))

    async def explain_execution(self, task: Task, execution: Execution) -> Explanation:
        """Explain one execution, also one that was requested by hand."""
        at = execution.scheduled_for
        if execution.skip is not None and execution.skip.reason is SkipReason.ALREADY_SERVED and at is not None:
            return await self.explain(task, at)
        cause, found = await self._of_execution(task, execution)
        known = facts.joined(found, facts.of_execution(execution))
        explained = self._answer(task, at, (cause, known))
        return replace(explained, execution_id=execution.id)

    def _answer(self, task: Task, at: datetime | None, finding: Finding) -> Explanation:
        cause, found = finding
        following = next_run(task, self._clock.now())
        return Explanation(task_id=task.id, at=at, cause=cause, facts=tuple(found), next_run=following)

    # What has an execution

    async def _of_execution(self, task: Task, execution: Execution) -> Finding:
        now = self._clock.now()
        due_at = execution.scheduled_for or execution.queued_at or execution.started_at
        cause = cause_of(execution, now)
        if cause is Cause.OVERLAP:
            return await self._of_overlap(task, execution)
        if cause is Cause.CANCELLED:
            return await self._of_cancellation(task, execution)
        if cause is Cause.SCHEDULE_CHANGED:
            entry = await self._change_until(
                task, (execution.completed_at or now) + NEARBY, (Action.UPDATE, Action.TAKE_BACK)
            )
            return cause, facts.of_entry(entry)
        if cause in {Cause.PAUSED, Cause.DISABLED}:
            return await self._of_switch(task, cause, due_at)
        if execution.scheduled_for is not None:
            due_at = begin_of(task, execution.scheduled_for)
        if cause is None and execution.status is ExecutionStatus.PENDING:
            return await self._why_it_waits(task, execution, due_at, now)
        late = await self._lateness(execution, due_at)
        if cause is None:
            cause, why = await self._of_lateness(task, execution, due_at)
            return cause, facts.joined(why, late)
        return cause, late

    async def _lateness(self, execution: Execution, due_at: datetime) -> Sequence[Fact]:
        if execution.skip is not None:
            return ()
        try:
            times = await self._stages.of(execution.id)
        except Unavailable:
            times = RunTimes()
        return facts.of_lateness(due_at, execution.started_at, times)

    async def _of_lateness(self, task: Task, execution: Execution, due_at: datetime) -> Finding:
        """Why an execution that completed began when it did."""
        began_at = execution.started_at
        if began_at - due_at < LATE_AFTER:
            return Cause.ON_TIME, ()
        before = await self._at_work(began_at - _SECOND)
        same = [each for each in before if each.task_id == task.id]
        if task.definition.overlap is Overlap.QUEUE and same:
            return Cause.BEHIND, facts.text("execution_in_front", same[0].id)
        away = outage_at(due_at, await self._outages.between(due_at, began_at, workers=True))
        if away is not None:
            return Cause(away.reason), facts.of_outage(away)
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
        entry = await self._change_until(task, ended_at, (Action.STOP, Action.CANCEL), within=ENDS_AFTER)
        if entry is None and task.definition.overlap is Overlap.CANCEL_RUNNING:
            wanted = ExecutionFilter(task_id=task.id, since=ended_at - NEARBY, until=ended_at + ENDS_AFTER)
            page = await self._executions.list(wanted, PageRequest(size=20, brief=True))
            following = [each for each in page.items if each.id != execution.id]
            if following:
                return Cause.REPLACED, facts.text("replaced_by", following[-1].id)
        return Cause.CANCELLED, facts.of_entry(entry)

    async def _of_switch(self, task: Task, cause: Cause, at: datetime) -> Finding:
        period = period_at(task, at)
        since = period.since if period is not None and period.held is not Held.NOT else at
        return cause, [*facts.at("since", since), *facts.of_entry(await self._authors.entry(task.id, since))]

    async def _change_until(
        self,
        task: Task,
        until: datetime,
        actions: Sequence[Action],
        *,
        within: timedelta | None = None,
    ) -> AuditEntry | None:
        since = None if within is None else until - within
        wanted = AuditFilter(task_id=task.id, since=since, until=until)
        page = await self._audit.list(wanted, PageRequest(size=20))
        return next((each for each in page.items if each.action in actions), None)

    # What has no execution

    async def _without_execution(self, task: Task, at: datetime, now: datetime) -> Finding:
        period = period_at(task, at)
        is_named = period is None or names(replace(period, held=Held.NOT), task, at)
        occurrence = await self._ledger.at(task, at) if is_named else None
        if occurrence is not None and occurrence.reason is not None:
            return await self._of_entry(task, occurrence, at)
        if occurrence is not None:
            return await self._not_decided(task, at, now)
        if (refused := await self._refused_request(task, at)) is not None:
            return Cause.QUEUE_FULL, facts.of_entry(refused)
        if at < task.created_at:
            return Cause.NOT_CREATED, facts.at("created_at", task.created_at)
        if period is None or is_named:  # no run of it is kept, and the ledger began later
            return Cause.NOT_KNOWN, facts.at("known_since", task.known_periods[0].since)
        return await self._unnamed(task, period, at)

    async def _unnamed(self, task: Task, period: Period, at: datetime) -> Finding:
        """The schedule does not name it; the one before may have, until somebody changed it."""
        if not period.schedule:  # an adopted deployment may have one that only Prefect knows
            return Cause.NOT_KNOWN, ()
        schedule = facts.text("schedule", period.schedule)
        if (outside := outside_time(task, period, at)) is not None:
            limit = period.rules.end_at if outside is Cause.END_DATE else period.rules.start_at
            return outside, facts.joined(facts.at(str(outside), limit), schedule)
        if (exclusion := exclusion_at(period, task, at)) is not None:
            return Cause.CALENDAR, facts.joined(facts.of_exclusion(exclusion), schedule)
        former = [each for each in task.known_periods if each.since < period.since and each.schedule]
        if former and names(replace(former[-1], held=Held.NOT), task, at):
            entry = await self._change_until(task, period.since + NEARBY, (Action.UPDATE,))
            return Cause.SCHEDULE_CHANGED, facts.joined(schedule, facts.of_entry(entry))
        return why_unnamed(task, period, at), schedule

    async def _of_entry(self, task: Task, occurrence: Occurrence, at: datetime) -> Finding:
        reason = occurrence.reason or Reason.NOT_PLANNED
        since = [*facts.at("since", occurrence.since), *facts.text("detail", occurrence.text)]
        if reason in {Reason.PAUSED, Reason.DISABLED}:
            entry = await self._authors.entry(task.id, occurrence.since or at)
            return Cause(reason), facts.joined(since, facts.of_entry(entry), facts.text("by", occurrence.by))
        return Cause(reason), [*since, *facts.text("execution", occurrence.execution_id)]

    async def _not_decided(self, task: Task, at: datetime, now: datetime) -> Finding:
        """Due, without an execution, and not settled yet."""
        at = begin_of(task, at)
        if now >= at and (away := await self._present.engine_away()) is not None:
            return away
        outage = outage_at(at, await self._outages.between(at, now))
        if outage is not None and now - at >= LATE_AFTER:
            return Cause(outage.reason), facts.of_outage(outage)
        return await self._why_it_waits(task, None, at, now)

    async def _why_it_waits(self, task: Task, execution: Execution | None, begin: datetime, now: datetime) -> Finding:
        """`begin` is later than the instant by the task's jitter; until then nothing holds the run back."""
        if now < begin:
            return Cause.STARTING, facts.at("begins_at", begin)
        return await self._present.why_it_waits(task, execution, begin, now)

    async def _refused_request(self, task: Task, at: datetime) -> AuditEntry | None:
        """A request to run the task, at about this time, that was refused because the queue was full."""
        wanted = AuditFilter(
            task_id=task.id,
            actions=frozenset({Action.EXECUTE}),
            outcome=ChangeOutcome.REFUSED,
            since=at - NEARBY,
            until=at + NEARBY,
        )
        page = await self._audit.list(wanted, PageRequest(size=20))
        return next((each for each in page.items if each.error == QueueFull.code), None)

    # What is to come

    async def _to_come(self, task: Task, at: datetime) -> Finding:
        period = task.known_periods[-1]
        if not names(replace(period, held=Held.NOT), task, at):
            return await self._unnamed(task, period, at)
        if period.held is Held.LIMIT:
            return Cause.RUN_LIMIT, facts.text("max_runs", str(task.definition.max_runs))
        if not task.fires:
            cause = self._why_not_due(task)
            found = facts.text("detail", "; ".join(task.impediments)) if cause is Cause.IMPEDED else []
            entry = await self._authors.entry(task.id, period.since)
            return cause, facts.joined(found, facts.at("since", period.since), facts.of_entry(entry))
        return Cause.DUE, [*facts.text("schedule", period.schedule), *facts.text("zone", period.timezone)]

    @staticmethod
    def _why_not_due(task: Task) -> Cause:
        if not task.definition.enabled:
            return Cause.DISABLED
        if task.paused:
            return Cause.PAUSED
        return Cause.IMPEDED if task.impediments else Cause.ENDED


def _serving(executions: Sequence[Execution]) -> Execution | None:
    """The execution that is the fate of its occurrence."""
    by_id = {each.id: each for each in executions}
    fates = [fate for each in executions if (fate := fate_of(each)) is not None]
    if not fates:
        return None
    best = fates[0]
    for each in fates[1:]:
        best = preferred(best, each)
    return by_id[best.execution_id]
