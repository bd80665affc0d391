"""What we are called in Prefect. Source: design, "Names" and "Tasks"."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Any

from falcon_scheduler.core.domain.priority import Priority
from falcon_scheduler.core.domain.storable import storable_text
from falcon_scheduler.core.domain.task_definition import TaskType

POOL = "falcon"
POOL_TYPE = "warm-process"
QUEUES = {Priority.CRITICAL: 1, Priority.HIGH: 2, Priority.NORMAL: 3, Priority.LOW: 4}
"""Queue name (the priority's own) to Prefect's priority number; lower is taken first."""

FLOWS = {
    TaskType.HTTP: "http-task",
    TaskType.FUNCTION: "function-task",
    TaskType.CUSTOM: "custom-task",
    TaskType.SYSTEM: "system-task",
}
ENTRYPOINTS = {name: f"falcon_scheduler.flows.entrypoints.{name.replace('-', '_')}" for name in FLOWS.values()}
"""Module paths, so that a deployment holds no path of any machine and runs wherever the product is installed."""

FORMER_ENTRYPOINTS = {path.removeprefix("falcon_scheduler."): path for path in ENTRYPOINTS.values()}
"""Where our flows were before version 0.2, to where they are. A deployment of that time may come due before the first
reload of a new facade brings it up to date."""

ADOPTION_TAG = "scheduler-task"
"""A deployment of somebody else's that carries this tag is adopted as a task."""

SCHEDULES_CHANGED = "falcon.deployment.schedules-changed"
"""Event of a deployment of which a single schedule was added, changed, switched or removed. Prefect sends none;
`deployments.stack.prefect_schedule_events` adds it to the server that our stack starts."""

TRIGGER_LABEL = "falcon.trigger"
"""Flow run label with the origin of a run: our API, or our planning of an instant of the schedule."""

OWED_LABEL = "falcon.owed"
"""Flow run label of a run for an instant of the past: whether it runs if another has begun for the instant."""
ONCE, AGAIN = "once", "again"

AUTO_SCHEDULED = "auto-scheduled"
"""Prefect's tag of a run for an instant of a schedule."""

PRIORITY_LABEL = "falcon.priority"
"""The priority that a manual run was requested with. A worker is sent its runs without the names of their queues."""
REFERENCES_LABEL = "falcon.may_refer_to_secrets"
"""Flow run label of a run whose own parameters may refer to secrets. Only our API sets it, after it has checked the
caller's permission; a run that is requested in Prefect does not have it."""

SKIPPED = "Skipped"
"""Name of the Cancelled state of a run that the overlap rule left out."""
TIMED_OUT = "TimedOut"
"""Name of the Failed state of a run that took longer than its timeout. Source: prefect 3.8, `flow_engine`."""
RETRYING = "Retrying"
"""Name of the Running state between a failed attempt and the next."""

AWAITING_TURN = "AwaitingConcurrencySlot"
"""Name of the Scheduled state of a run that waits for its turn, the same as Prefect gives to one that its own limit
refuses."""

LIMIT_MESSAGE = "Deployment concurrency limit reached."
"""Prefect's message when its own limit cancels a run. Source: prefect 3.8, `SecureFlowConcurrencySlots`."""

DEPLOYMENT_GONE_MESSAGE = "Its deployment no longer exists."
"""Our worker's message on a run that it can't begin because its deployment was removed."""

CANCELLED_BY_ENGINE = re.compile(
    r"Deployment concurrency slot lost during provisioning\b.*"
    r"|Deployment [0-9a-f-]{36} no longer exists, cancelled run\."
    rf"|{re.escape(DEPLOYMENT_GONE_MESSAGE)}",
    re.DOTALL,
)
"""Messages of a run that was cancelled without a request of a user.

All other cancellations begin with a person, an automation, or the run that another one is part of. Source: prefect
3.8.8, every place that makes a Cancelled state: `server/orchestration/core_policy.py`, `server/events/actions.py`,
`server/services/cancellation_cleanup.py`, `workers/base.py`, `runner/`, `prefect.flow_engine`.
"""

PARAMETER_SCHEMA: dict[str, Any] = {
    "title": "Parameters",
    "type": "object",
    "properties": {
        "task_id": {"title": "task_id", "type": "string", "position": 0},
        "parameters": {
            "anyOf": [
                {"type": "string", "format": "json-string"},
                {"type": "object", "additionalProperties": True},
                {"type": "null"},
            ],
            "default": None,
            "title": "parameters",
            "position": 1,
        },
    },
    "required": ["task_id"],
}
"""The parameters of our flows, as Prefect derives them from their signature; a test holds the two equal."""


def flow_name(task_type: str) -> str:
    """The flow of a task type; a type that an executor was registered for runs on `custom-task`."""
    return FLOWS.get(task_type, FLOWS[TaskType.CUSTOM])


def run_name(task_name: str, due_at: datetime) -> str:
    """What a run is called in Prefect: the task's name and the instant, in UTC."""
    return storable_text(f"{task_name} {due_at.astimezone(UTC):%Y-%m-%d %H:%M:%S}")
