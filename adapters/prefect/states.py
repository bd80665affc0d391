"""The mapping table: what a Prefect state means for an execution. Source: design, "Executions"."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from functools import partial
from typing import Any

from prefect.client.schemas.objects import FlowRun, State, StateType
from prefect.states import Cancelled, Completed, Crashed, Failed

from falcon_scheduler.adapters.prefect.names import (
    CANCELLED_BY_ENGINE,
    LIMIT_MESSAGE,
    PRIORITY_LABEL,
    REFERENCES_LABEL,
    SKIPPED,
    TIMED_OUT,
    TRIGGER_LABEL,
)
from falcon_scheduler.adapters.prefect.parameters import opened
from falcon_scheduler.core.domain.execution import Execution, ExecutionStatus, Trigger
from falcon_scheduler.core.domain.outcome import ExecutionOutcome
from falcon_scheduler.core.domain.priority import Priority
from falcon_scheduler.core.domain.run import Run, RunPhase
from falcon_scheduler.core.domain.storable import storable_text
from falcon_scheduler.core.errors import Invalid

SHOWN = 300
"""Characters of an outcome that are sent to Prefect; the history holds all of it."""

PHASES = {
    StateType.PENDING: RunPhase.CLAIMED,
    StateType.RUNNING: RunPhase.RUNNING,
    StateType.CANCELLING: RunPhase.RUNNING,
    StateType.PAUSED: RunPhase.RUNNING,
    StateType.COMPLETED: RunPhase.SUCCEEDED,
    StateType.FAILED: RunPhase.FAILED,
    StateType.CRASHED: RunPhase.FAILED,
    StateType.CANCELLED: RunPhase.CANCELLED,
}
"""Every type but SCHEDULED, which `phase_of` divides by name and time."""


def phase_of(state: State[Any] | None, due_at: datetime | None, now: datetime) -> RunPhase:
    """The phase of a run."""
    if state is None:
        return RunPhase.WAITING
    if state.type is StateType.SCHEDULED:
        if state.name in {"AwaitingRetry", "Retrying"}:
            return RunPhase.RUNNING
        return RunPhase.AHEAD if due_at is not None and due_at > now else RunPhase.WAITING
    if is_skip(state):
        return RunPhase.SKIPPED
    if is_cancelled_by_engine(state):
        return RunPhase.FAILED
    return PHASES[state.type]


def is_skip(state: State[Any]) -> bool:
    """Whether the run never began: we left it out, or Prefect's own limit did."""
    return state.type is StateType.CANCELLED and (state.name == SKIPPED or state.message == LIMIT_MESSAGE)


def is_cancelled_by_engine(state: State[Any]) -> bool:
    """Whether Prefect itself gave the run up, and only names that a cancellation."""
    return state.type is StateType.CANCELLED and CANCELLED_BY_ENGINE.fullmatch(state.message or "") is not None


def state_of_end(execution: Execution, *, died: bool) -> State[Any]:
    """The Prefect state of an execution's end."""
    if execution.status is ExecutionStatus.COMPLETED:
        return Completed(message=storable_text(execution.output[:SHOWN]) or None)
    error = storable_text(execution.error[:SHOWN])
    if execution.is_cancelled:
        return Cancelled(message=error)
    if execution.is_skipped:
        return Cancelled(name=SKIPPED, message=error)
    if died:
        return Crashed(message=error)
    return failure(error, timed_out=execution.outcome is ExecutionOutcome.TIMED_OUT)


def failure(message: str | None, *, timed_out: bool) -> State[Any]:
    """Failed, under the name that Prefect gives the state of a flow run that took longer than its timeout."""
    return Failed(name=TIMED_OUT, message=message) if timed_out else Failed(message=message)


def outcome_of(state: State[Any] | None) -> ExecutionOutcome | None:
    """What the state says beyond the phase of its run."""
    if state is None:
        return None
    if state.type is StateType.CRASHED or is_cancelled_by_engine(state):
        return ExecutionOutcome.CRASHED
    return ExecutionOutcome.TIMED_OUT if state.type is StateType.FAILED and state.name == TIMED_OUT else None


def message_of(state: State[Any] | None) -> str:
    """The message of a state, for an execution's error or output."""
    if state is None:
        return ""
    message = state.message or ""
    if is_cancelled_by_engine(state):
        return f"Crashed: Prefect cancelled the run by itself: {message}"
    if state.type is StateType.CRASHED:
        return f"Crashed: {message}" if message else "Crashed"
    return message


def run_of(flow_run: FlowRun, now: datetime) -> Run:
    """A flow run in the core's terms."""
    state = flow_run.state
    due_at = flow_run.next_scheduled_start_time or flow_run.expected_start_time
    return Run(
        id=str(flow_run.id),
        deployment_id=str(flow_run.deployment_id) if flow_run.deployment_id else None,
        phase=phase_of(state, due_at, now),
        outcome=outcome_of(state),
        trigger=trigger_of(flow_run),
        message=message_of(state),
        due_at=plain(flow_run.expected_start_time),
        started_at=plain(flow_run.start_time),
        ended_at=plain(flow_run.end_time),
        changed_at=plain(state.timestamp) if state else None,
        attempts=flow_run.run_count,
        priority=priority_of(flow_run),
        given=partial(parameters_of, flow_run),
        worker=flow_run.infrastructure_pid or "",
        cancelling=state is not None and state.type is StateType.CANCELLING,
        is_plain_cancel=state is not None and state.name != SKIPPED and is_skip(state),
    )


def plain(instant: datetime | None) -> datetime | None:
    """A plain datetime in UTC and whole milliseconds. Prefect's may be pendulum's, whose arithmetic differs."""
    if instant is None:
        return None
    utc = instant.astimezone(UTC)
    return datetime(
        *(utc.year, utc.month, utc.day, utc.hour, utc.minute, utc.second),
        utc.microsecond // 1000 * 1000,
        tzinfo=UTC,
    )


def trigger_of(flow_run: FlowRun) -> Trigger:
    """What made the run start: its schedule, our API, or anything else in Prefect."""
    label = (flow_run.labels or {}).get(TRIGGER_LABEL)
    if flow_run.auto_scheduled or label == Trigger.SCHEDULE:
        return Trigger.SCHEDULE
    return Trigger.MANUAL if label == Trigger.MANUAL else Trigger.PREFECT


def priority_of(flow_run: FlowRun) -> str:
    """The priority that the run was requested with, or whose queue it is in; empty if neither is known."""
    found = str((flow_run.labels or {}).get(PRIORITY_LABEL) or flow_run.work_queue_name or "")
    return found if found in set(Priority) else ""


def parameters_of(flow_run: FlowRun) -> Mapping[str, Any]:
    """The run's own parameters, without the arguments of our flows; none if they can't be read."""
    arguments = flow_run.parameters or {}
    try:
        return opened(arguments.get("parameters") if "task_id" in arguments else arguments)
    except Invalid:
        return {}


def may_refer(flow_run: FlowRun) -> bool:
    """Whether the run's own parameters may refer to secrets."""
    return (flow_run.labels or {}).get(REFERENCES_LABEL) is True
