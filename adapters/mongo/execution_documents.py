"""An execution as a document of `scheduler_executions`, and back.

Source: scheduler API, "Executions Collection"; design, "Executions". `uncounted`, `heartbeat_at`, `occurrence` and
`fenced_by` are ours.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from falcon_scheduler.adapters.mongo.fields import text_of
from falcon_scheduler.adapters.mongo.reading import Reading, whole_numbers
from falcon_scheduler.core.domain.execution import Execution, ExecutionStatus, Trigger
from falcon_scheduler.core.domain.plain_secrets import secrets_in
from falcon_scheduler.core.domain.redaction import Redactor

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
OWN_METADATA = frozenset(
    {"queued_at", "worker_id", "retry_count", "lock_key", "fencing_token", "trigger", "scheduled_for", "parameters"}
)
"""Names in `metadata` that an executor's detail can't take."""


def to_document(execution: Execution) -> dict[str, Any]:
    """All fields but `_id`. None marks a field that is absent."""
    return {
        "task_id": execution.task_id,
        "status": str(execution.status),
        "started_at": execution.started_at,
        "completed_at": execution.completed_at,
        "duration": text_of(execution.duration),
        "output": execution.output,
        "error": execution.error,
        "metadata": _metadata(execution),
        "worker_id": execution.worker_id,
        "retry_count": execution.retry_count,
        "heartbeat_at": execution.heartbeat_at,
        "occurrence": execution.occurrence or None,
    }


def _metadata(execution: Execution) -> dict[str, Any]:
    own: dict[str, Any] = {
        "queued_at": execution.queued_at,
        "scheduled_for": execution.scheduled_for,
        "trigger": str(execution.trigger),
        "worker_id": execution.worker_id,
        "retry_count": execution.retry_count,
        "lock_key": execution.lock_key,
        "fencing_token": execution.fencing_token,
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
    return Execution(
        id=str(document["_id"]),
        task_id=top.text("task_id"),
        status=_status(top.raw("status")),
        started_at=top.instant("started_at") or EPOCH,
        trigger=metadata.choice("trigger", Trigger, Trigger.SCHEDULE),
        queued_at=metadata.instant("queued_at"),
        scheduled_for=metadata.instant("scheduled_for"),
        completed_at=_completed_at(top),
        stored_duration=None if "trigger" in metadata else max(top.duration("duration"), timedelta()),
        output=top.text("output"),
        error=top.text("error"),
        worker_id=top.text("worker_id"),
        retry_count=max(top.number("retry_count"), 0),
        lock_key=metadata.text("lock_key"),
        fencing_token=metadata.number("fencing_token"),
        occurrence=top.text("occurrence"),
        heartbeat_at=top.instant("heartbeat_at"),
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
