"""Whether an execution made up for an instant that was missed, and whether a missed one gets a run later."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from falcon_scheduler.core.domain.execution import Execution
from falcon_scheduler.core.domain.explanation import Fact
from falcon_scheduler.core.domain.occurrence import Fate, Reason, fate_of, is_made_up, is_second
from falcon_scheduler.core.domain.periods import Held
from falcon_scheduler.core.domain.task import Task
from falcon_scheduler.core.ports.ledger import LedgerStore
from falcon_scheduler.core.services.ledger import facts
from falcon_scheduler.core.services.tasks.after_outage import OUTAGES
from falcon_scheduler.core.services.tasks.fire_times import names, period_at

_NEAREST = timedelta(milliseconds=1)
_OF_HELD = {Held.PAUSED: Reason.PAUSED, Held.DISABLED: Reason.DISABLED, Held.LIMIT: Reason.RUN_LIMIT}


async def missed_before(task: Task, execution: Execution, store: LedgerStore) -> Sequence[Fact] | None:
    """Why nothing ran at the instant of an execution that began late; None if it has none, or it was not missed."""
    at = execution.instant
    if at is None:
        return None
    period = period_at(task, at)
    if period is not None and period.held is not Held.NOT:
        return [*facts.text("missed_because", str(_OF_HELD[period.held])), *facts.at("since", period.since)]
    for each in await store.entries(at, at + _NEAREST, task_id=task.id):
        if each.fate is Fate.MISSED:
            return [*facts.text("missed_because", str(each.reason)), *facts.at("since", each.since)]
    for other in await store.executions(task.id, at):
        fate = fate_of(other)
        if other.id == execution.id or fate is None or is_second(fate, execution.id, made_up=is_made_up(execution)):
            continue
        if fate.fate in {Fate.MISSED, Fate.SKIPPED}:
            return [*facts.text("missed_because", str(fate.reason)), *facts.text("detail", other.error)]
    if period is not None and period.schedule and not names(period, task, at):
        return facts.text("missed_because", str(Reason.SCHEDULE_CHANGED))
    return None


def catch_up_of(task: Task, reason: Reason | None, at: datetime) -> Sequence[Fact]:
    """What the task's `catch_up` says of a missed instant, if it says anything."""
    if any(each.at == at for each in task.owed):
        return facts.text("catch_up", "a run of it is owed")
    rules = task.definition.catch_up
    if reason in OUTAGES and rules.after_outage is not None:
        return facts.text("catch_up", f"after_outage: {rules.after_outage.describe()}")
    if reason is Reason.PAUSED and rules.after_pause.most:
        return facts.text("catch_up", f"after_pause: {rules.after_pause.describe()}")
    return ()
