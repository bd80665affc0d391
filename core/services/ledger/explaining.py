"""Explains why a task ran at an instant, or did not: one cause, the facts, and what to do.

The causes are looked for in a fixed order, and the first that holds is the answer: what an execution recorded itself,
then what the ledger has, then what was away at the time, then what the servers and workers say now. So there is never
a second cause.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from falcon_scheduler.core.domain.audit import Action, AuditEntry, ChangeOutcome
from falcon_scheduler.core.domain.execution import Execution
from falcon_scheduler.core.domain.explanation import Cause, Explanation
from falcon_scheduler.core.domain.occurrence import SWITCHED, Occurrence, Reason, fate_of, has_begun, preferred
from falcon_scheduler.core.domain.periods import Held, Period
from falcon_scheduler.core.domain.skip import SkipReason
from falcon_scheduler.core.domain.task import Task
from falcon_scheduler.core.errors import QueueFull
from falcon_scheduler.core.ports import AuditFilter, AuditStore, Clock, ExecutionStore, PageRequest
from falcon_scheduler.core.ports.ledger import LedgerStore
from falcon_scheduler.core.ports.run_times import RunStages
from falcon_scheduler.core.services.ledger import facts
from falcon_scheduler.core.services.ledger.authors import Authors
from falcon_scheduler.core.services.ledger.caught_up import catch_up_of
from falcon_scheduler.core.services.ledger.execution_causes import LATE_AFTER, NEARBY, ExecutionCauses
from falcon_scheduler.core.services.ledger.ledger import Ledger
from falcon_scheduler.core.services.ledger.outages import Outages, outage_at
from falcon_scheduler.core.services.ledger.present import Finding, Present
from falcon_scheduler.core.services.ledger.spans import last_instant
from falcon_scheduler.core.services.ledger.unnamed import former_schedule, outside_time, why_unnamed
from falcon_scheduler.core.services.tasks.fire_times import begin_of, exclusion_at, names, next_run, period_at
from falcon_scheduler.core.services.tasks.upcoming import is_beyond_limit


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
        self._audit = audit
        self._authors = Authors(audit)
        self._outages = outages
        self._present = present
        self._of_executions = ExecutionCauses(
            executions=executions,
            ledger=store,
            authors=self._authors,
            outages=outages,
            present=present,
            stages=stages,
            clock=clock,
        )
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
        at = execution.instant
        if at is not None and await self._is_second(execution, at):
            return await self.explain(task, at)
        cause, found = await self._of_executions.of(task, execution)
        known = facts.joined(found, facts.of_execution(execution))
        explained = self._answer(task, at, (cause, known))
        return replace(explained, execution_id=execution.id)

    async def _is_second(self, execution: Execution, at: datetime) -> bool:
        """Whether it was skipped because another execution of the same instant had begun."""
        if execution.skip is None:
            return False
        if execution.skip.reason is SkipReason.ALREADY_SERVED:
            return True
        same = await self._store.executions(execution.task_id, at) if execution.skip.held_by else ()
        return any(each.id == execution.skip.held_by and has_begun(each) for each in same)

    def _answer(self, task: Task, at: datetime | None, finding: Finding) -> Explanation:
        cause, found = finding
        following = next_run(task, self._clock.now())
        return Explanation(task_id=task.id, at=at, cause=cause, facts=tuple(found), next_run=following)

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
        former, changed_at = former_schedule(task, period)
        if former is not None and names(replace(former, held=Held.NOT), task, at):
            entry = await self._authors.latest(task.id, changed_at + NEARBY, (Action.UPDATE,))
            return Cause.SCHEDULE_CHANGED, facts.joined(schedule, facts.of_entry(entry))
        return why_unnamed(task, period, at), schedule

    async def _of_entry(self, task: Task, occurrence: Occurrence, at: datetime) -> Finding:
        reason = occurrence.reason or Reason.NOT_PLANNED
        since = [
            *facts.at("since", occurrence.since),
            *facts.text("detail", occurrence.text),
            *catch_up_of(task, reason, at),
        ]
        if reason in SWITCHED:
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
            return outage.cause, facts.of_outage(outage)
        if task.runs_left == 0:  # the runs that were left had been planned for earlier instants
            return Cause.RUN_LIMIT, facts.text("max_runs", str(task.definition.max_runs))
        return await self._present.why_it_waits(task, None, at, now)

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
        if period.held is Held.LIMIT or (task.fires and is_beyond_limit(task, at, self._clock.now())):
            limit, left = task.definition.max_runs, task.runs_left
            return Cause.RUN_LIMIT, [*facts.text("max_runs", str(limit)), *facts.text("runs_left", str(left))]
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
