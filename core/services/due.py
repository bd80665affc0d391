"""Which instant of the schedule a run serves, and whether it still has to be served."""

from __future__ import annotations

from datetime import UTC, timedelta

from core.domain.execution import Trigger
from core.domain.task import Task
from core.services.run_terms import Ticket
from core.services.tasks import next_run


def reason_to_leave_out(ticket: Ticket, task: Task) -> str:
    """Why a run is not to begin, if so.

    The engine plans ahead, and a plan that it was writing while it was told of a pause or of another schedule
    outlives that word. Source: prefect 3.8, its scheduler reads deployments and writes their runs in two steps.
    """
    if not task.definition.enabled:
        return "The task is disabled"
    if ticket.trigger is not Trigger.SCHEDULE or ticket.due_at is None:
        return ""
    if task.paused:
        return "The task is paused"
    planned_by_another = ticket.version not in {"", str(task.version)}
    if planned_by_another and next_run(task, ticket.due_at - timedelta(seconds=1)) != ticket.due_at:
        return "The schedule was changed and does not name this instant any more"
    return ""


def occurrence_of(ticket: Ticket, task: Task) -> str:
    """The name of the scheduled instant that a run serves, under which at most one run begins; empty by hand."""
    if ticket.trigger is not Trigger.SCHEDULE or ticket.due_at is None:
        return ""
    return f"{task.id}/{task.version}/{ticket.due_at.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"
