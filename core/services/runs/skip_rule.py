"""Which instant of the schedule a run serves, and whether it still has to be served."""

from __future__ import annotations

from datetime import UTC, datetime

from falcon_scheduler.core.domain.execution import Trigger
from falcon_scheduler.core.domain.periods import Held
from falcon_scheduler.core.domain.skip import Skip
from falcon_scheduler.core.domain.task import Task
from falcon_scheduler.core.services.runs.run_types import Ticket
from falcon_scheduler.core.services.tasks.fire_times import begin_of, exclusion_at, names, period_at


def skip_of(ticket: Ticket, task: Task) -> Skip | None:
    """Why a run is not to begin, if so.

    What counts for a scheduled run is what was in force at its instant, not what is now: a pause, a switch or another
    schedule never cancels what was due before. The engine plans ahead, and runs that it was writing during a change
    survive the change. Source: prefect 3.8, its scheduler reads deployments and writes their runs in two
    steps.
    """
    if ticket.trigger is not Trigger.SCHEDULE or ticket.due_at is None or ticket.owed:
        return None if task.definition.enabled else Skip.held(Held.DISABLED, still=True)
    present = task.known_periods[-1]
    period = period_at(task, ticket.due_at)
    if period is None:  # before all stored periods: only a disabled or paused task prevents it
        period = present
        if period.held is Held.NOT:
            return None
    if period.held is Held.LIMIT:
        return Skip.run_limit(period.rules.max_runs or 0)
    if period.held is not Held.NOT:
        return Skip.held(period.held, still=period == present)
    planned_by_another = period != present or ticket.version not in {"", str(task.version)}
    if planned_by_another and not names(period, task, ticket.due_at):
        if exclusion_at(period, task, ticket.due_at) is not None:
            return Skip.excluded()
        if period.rules.include(ticket.due_at):
            return Skip.schedule_changed()
        return Skip.outside_time(too_early=period.rules.end_at is None or ticket.due_at <= period.rules.end_at)
    return None


def skip_at_begin(ticket: Ticket, task: Task, now: datetime) -> Skip | None:
    """Why a scheduled run whose turn it is does not begin, if so: too many have begun, or it is too late.

    A run that the engine starts a second time has begun before, and goes on.
    """
    record, definition = task.record, task.definition
    if (
        ticket.owed
        or ticket.trigger is not Trigger.SCHEDULE
        or ticket.execution_id in (*record.active, *record.limited)
    ):
        return None
    if definition.max_runs is not None and task.runs_left == 0:
        return Skip.run_limit(definition.max_runs)
    within = definition.begins_within
    if within is None or ticket.due_at is None:
        return None
    return Skip.too_late(within) if now - begin_of(task, ticket.due_at) > within else None


def occurrence_of(ticket: Ticket, task: Task) -> str:
    """The name of the scheduled instant that a run serves, under which at most one run begins; empty by hand.

    Without the task's version: an instant that an edited schedule names again was served by the run of before.
    """
    if ticket.trigger is not Trigger.SCHEDULE or ticket.due_at is None or ticket.again:
        return ""
    return f"{task.id}/{ticket.due_at.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"
