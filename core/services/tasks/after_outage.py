"""Decides which instants get a run later that had none in time because a part of the service was away.

They become known one after the other: the settling of the ledger finds instants without a run, and a run that waited
for a worker is skipped when it begins too late. Each finding is added to the owed runs of the task, of which the
newest stay, as many as the task's `catch_up` allows. None of them starts before the ledger is settled up to the time
of the finding; by then all findings of the same outage are there.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from falcon_scheduler.core.domain.execution import Execution, Trigger
from falcon_scheduler.core.domain.occurrence import Reason, reason_of
from falcon_scheduler.core.domain.owed import MOST_OWED, OwedRun, catch_up_request
from falcon_scheduler.core.domain.task import Task
from falcon_scheduler.core.services.tasks.fire_times import begin_of

OUTAGES = frozenset(
    {
        *(Reason.SERVICE_DOWN, Reason.STORE_AWAY, Reason.ENGINE_AWAY, Reason.NOT_PLANNED),
        *(Reason.NO_WORKER, Reason.QUEUE_FULL, Reason.TOO_LATE, Reason.WORKER_DIED),
    }
)
"""The reasons of instants that `after_outage` is about."""


def with_gap(task: Task, instants: Sequence[datetime], until: datetime, now: datetime, settled: datetime) -> Task:
    """The task with owed runs for instants that have no run. A repeat of the same time changes nothing.

    Args:
        instants: all those without a run that the task named in the time that ends at `until`.
        settled: up to when the ledger is settled once all findings of the outage are there.
    """
    decided = task.caught_up_until
    new = [each for each in instants if decided is None or each >= decided]
    if not new or not _most(task) or task.runs_left == 0:
        return task
    return replace(_owing(task, new, now, settled), caught_up_until=until)


def with_late_run(before: Task, task: Task, execution: Execution) -> Task:
    """The task that has counted the end of an execution, with an owed run if that never began in time.

    `before` is the task that had not counted it yet: a repeated count adds no other run.
    """
    at, ended_at = execution.scheduled_for, execution.completed_at
    if before.record.counted == task.record.counted or at is None or ended_at is None:
        return task
    if execution.trigger is not Trigger.SCHEDULE or not _most(task) or not _is_missed(task, execution, at, ended_at):
        return task
    return _owing(task, [at], ended_at, ended_at)


def _is_missed(task: Task, execution: Execution, at: datetime, ended_at: datetime) -> bool:
    reason, within = reason_of(execution), task.definition.begins_within
    if reason is Reason.OVERLAP:  # late runs that begin together refuse each other
        return within is not None and ended_at - begin_of(task, at) > within
    return reason in OUTAGES


def _most(task: Task) -> int:
    catch_up = task.definition.catch_up.after_outage
    return 0 if catch_up is None else catch_up.most


def _owing(task: Task, new: Sequence[datetime], now: datetime, held_until: datetime) -> Task:
    """Of the new instants and those that are owed already for an outage the newest ones, in the task's order."""
    catch_up = task.definition.catch_up.after_outage
    if catch_up is None:
        return task
    request = catch_up_request("outage", task.id)
    others = [each for each in task.owed if each.request != request]
    owed = [each for each in task.owed if each.request == request]
    taken, begin = {each.at for each in others}, catch_up.begin(task.created_at, now)
    wanted = {each.at for each in owed} | {each for each in new if each >= begin and each not in taken}
    most = min(catch_up.most, MOST_OWED - len(others))
    chosen = catch_up.in_order(sorted(wanted)[-most:] if most > 0 else ())
    held_until = max([held_until, *(each.held_until for each in owed if each.held_until)])
    return replace(
        task, owed=(*others, *(OwedRun(at=each, request=request, held_until=held_until) for each in chosen))
    )
