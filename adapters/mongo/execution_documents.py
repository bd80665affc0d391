"""An execution as a document of `scheduler_executions`, and back.

Source: scheduler API, "Executions Collection"; design, "Executions". `outcome`, `skip`, `attempts`, `uncounted`,
`holder_sought`, `heartbeat_at`, `performer`, `occurrence` and `fenced_by` are ours.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from falcon_scheduler.adapters.mongo.fields import text_of
from falcon_scheduler.adapters.mongo.reading import Reading, whole_numbers
from falcon_scheduler.core.domain.attempt import MOST_KEPT, AttemptRecord, Attempts
from falcon_scheduler.core.domain.execution import Execution, ExecutionStatus, Trigger
from falcon_scheduler.core.domain.outcome import FAILURES, ExecutionOutcome, outcome_by_error
from falcon_scheduler.core.domain.plain_secrets import secrets_in
from falcon_scheduler.core.domain.redaction import Redactor
from falcon_scheduler.core.domain.skip import Skip, SkipReason

OUTCOMES = {str(each) for each in ExecutionOutcome}
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
OWN_METADATA = frozenset(
    {
        "queued_at",
        "worker_id",
        "retry_count",
        "lock_key",
        "fencing_token",
        "trigger",
        "scheduled_for",
        "parameters",
        "priority",
    }
)
"""Names in `metadata` that an executor's detail can't take."""


def to_document(execution: Execution) -> dict[str, Any]:
    """All fields but `_id`. None marks a field that is absent."""
    return {
        "task_id": execution.task_id,
        "status": str(ExecutionOutcome.SKIPPED if execution.is_skipped else execution.status),
        "outcome": str(execution.outcome) if execution.outcome else None,
        "skip": _skip_document(execution.skip),
        "started_at": execution.started_at,
        "completed_at": execution.completed_at,
        "duration": text_of(execution.duration),
        "output": execution.output,
        "error": execution.error,
        "attempts": attempt_documents(execution.attempts) or None,
        "metadata": _metadata(execution),
        "worker_id": execution.worker_id,
        "retry_count": execution.retry_count,
        "heartbeat_at": execution.heartbeat_at,
        "performer": execution.performer or None,
        "occurrence": execution.occurrence or None,
    }


def attempt_documents(attempts: Attempts) -> list[dict[str, Any]]:
    """Attempts as they are stored in an execution."""
    return [
        {
            "number": each.number,
            "started_at": each.started_at,
            "ended_at": each.ended_at,
            "outcome": str(each.outcome) if each.outcome else None,
            "error": each.error,
            "status_code": each.status_code,
        }
        for each in attempts
    ]


def _attempts(value: object) -> Attempts:
    """Stored attempts. What is none is left out."""
    read = [Reading(each) for each in value if isinstance(each, Mapping)] if isinstance(value, list) else []
    return tuple(
        AttemptRecord(
            number=each.number("number"),
            started_at=each.instant("started_at") or EPOCH,
            ended_at=each.instant("ended_at"),
            outcome=ExecutionOutcome(each.raw("outcome")) if each.raw("outcome") in OUTCOMES else None,
            error=each.text("error"),
            status_code=each.number("status_code") if each.raw("status_code") is not None else None,
        )
        for each in read[:MOST_KEPT]
    )


def _skip_document(skip: Skip | None) -> dict[str, Any] | None:
    """The text is stored as the error."""
    return None if skip is None else {"reason": str(skip.reason), "held_by": skip.held_by}


def _metadata(execution: Execution) -> dict[str, Any]:
    own: dict[str, Any] = {
        "queued_at": execution.queued_at,
        "scheduled_for": execution.scheduled_for,
        "trigger": str(execution.trigger),
        "worker_id": execution.worker_id,
        "retry_count": execution.retry_count,
        "lock_key": execution.lock_key,
        "fencing_token": execution.fencing_token,
        "priority": execution.priority or None,
        "parameters": _shown(execution.parameters) or None,
    }
    return {**detail_document(execution.detail), **{name: value for name, value in own.items() if value is not None}}


def _shown(parameters: Mapping[str, Any]) -> dict[str, Any]:
    """Parameters without secrets: the history shows what a run was given; runs never read them from there."""
    shown: dict[str, Any] = Redactor(secrets_in(parameters)).value(parameters)
    return shown


def detail_document(detail: Mapping[str, Any]) -> dict[str, Any]:
    """An executor's detail without the names that are ours."""
    return {name: value for name, value in detail.items() if name not in OWN_METADATA}


def from_document(document: Mapping[str, Any]) -> Execution:
    """Read a stored execution. A field of the wrong type reads as its default; see `adapters.mongo.reading`."""
    top = Reading(document)
    metadata = top.part("metadata")
    detail: Mapping[str, Any] = whole_numbers(top.object("metadata"))
    status, error = _status(top.raw("status")), top.text("error")
    outcome = _outcome(top, status, error)
    return Execution(
        id=str(document["_id"]),
        task_id=top.text("task_id"),
        status=status,
        outcome=outcome,
        skip=_skip(top.part("skip"), error) if outcome is ExecutionOutcome.SKIPPED else None,
        started_at=top.instant("started_at") or EPOCH,
        trigger=metadata.choice("trigger", Trigger, Trigger.SCHEDULE),
        queued_at=metadata.instant("queued_at"),
        scheduled_for=metadata.instant("scheduled_for"),
        completed_at=_completed_at(top),
        stored_duration=None if "trigger" in metadata else max(top.duration("duration"), timedelta()),
        output=top.text("output"),
        error=error,
        attempts=_attempts(top.raw("attempts")),
        worker_id=top.text("worker_id"),
        retry_count=max(top.number("retry_count"), 0),
        lock_key=metadata.text("lock_key"),
        fencing_token=metadata.number("fencing_token"),
        occurrence=top.text("occurrence"),
        heartbeat_at=top.instant("heartbeat_at"),
        performer=top.text("performer"),
        priority=metadata.text("priority"),
        parameters=metadata.object("parameters"),
        detail=detail_document(detail),
    )


def _status(value: object) -> ExecutionStatus:
    """An unknown status counts as an end: a sweep for unfinished executions queries the two known ones."""
    if value in (None, ""):
        return ExecutionStatus.PENDING
    return (
        ExecutionStatus(value) if isinstance(value, str) and value in set(ExecutionStatus) else ExecutionStatus.FAILED
    )


def _outcome(top: Reading, status: ExecutionStatus, error: str) -> ExecutionOutcome | None:
    """As stored, or derived from the status and the error of what earlier versions and go-falcon stored."""
    if top.raw("status") == ExecutionOutcome.SKIPPED:
        return ExecutionOutcome.SKIPPED
    if status is not ExecutionStatus.FAILED:
        return ExecutionOutcome.COMPLETED if status is ExecutionStatus.COMPLETED else None
    stored = top.choice("outcome", ExecutionOutcome, outcome_by_error(error))
    return stored if stored in FAILURES else outcome_by_error(error)


def _skip(stored: Reading, text: str) -> Skip:
    read = Skip.of_text(text)
    reason, held_by = stored.choice("reason", SkipReason, read.reason), stored.text("held_by", read.held_by)
    return Skip(reason=reason, text=text, held_by=held_by)


def _completed_at(top: Reading) -> datetime | None:
    completed_at, started_at, lasted = (
        top.instant("completed_at"),
        top.instant("started_at"),
        top.duration("duration"),
    )
    if completed_at is None and started_at is not None and lasted:
        try:
            return started_at + lasted
        except OverflowError:
            return None
    return completed_at
