"""An execution as a document of `scheduler_executions`, and back.

Source: scheduler API, "Executions Collection"; design, "Executions". `uncounted`, `heartbeat_at`, `occurrence` and
`fenced_by` are ours.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from adapters.mongo.fields import duration_of, instant_of, object_field, text_field, text_of
from core.domain.execution import Execution, ExecutionStatus, Trigger
from core.domain.plain_secrets import secrets_in
from core.domain.redaction import Redactor

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
OWN_METADATA = frozenset(
    {"queued_at", "worker_id", "retry_count", "lock_key", "fencing_token", "trigger", "scheduled_for", "parameters"}
)
"""Names in `metadata` that an executor's detail can't take."""


def to_document(execution: Execution) -> dict[str, Any]:
    """All fields but `_id`. None marks a field that is to be absent."""
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
    """Parameters without secrets: the history shows what a run was given, and no run reads it from there."""
    shown: dict[str, Any] = Redactor(secrets_in(parameters)).value(parameters)
    return shown


def detail_document(detail: Mapping[str, Any]) -> dict[str, Any]:
    """An executor's detail without the names that are ours."""
    return {name: value for name, value in detail.items() if name not in OWN_METADATA}


def from_document(document: Mapping[str, Any]) -> Execution:
    """Read a stored execution."""
    metadata = document.get("metadata") or {}
    return Execution(
        id=str(document["_id"]),
        task_id=str(document.get("task_id") or ""),
        status=ExecutionStatus(document.get("status") or ExecutionStatus.PENDING),
        started_at=instant_of(document.get("started_at")) or EPOCH,
        trigger=_trigger(metadata.get("trigger")),
        queued_at=instant_of(metadata.get("queued_at")),
        scheduled_for=instant_of(metadata.get("scheduled_for")),
        completed_at=_completed_at(document),
        stored_duration=None if "trigger" in metadata else _stored_duration(document),
        output=text_field(document, "output"),
        error=text_field(document, "error"),
        worker_id=text_field(document, "worker_id"),
        retry_count=int(document.get("retry_count") or 0),
        lock_key=text_field(metadata, "lock_key"),
        fencing_token=int(metadata.get("fencing_token") or 0),
        occurrence=document.get("occurrence") or "",
        heartbeat_at=instant_of(document.get("heartbeat_at")),
        parameters=object_field(metadata, "parameters"),
        detail=detail_document(object_field(document, "metadata")),
    )


def _trigger(value: object) -> Trigger:
    return Trigger(str(value)) if value in set(Trigger) else Trigger.SCHEDULE


def _stored_duration(document: Mapping[str, Any]) -> timedelta | None:
    """Only go-falcon's executions have a duration of their own: ours is the time from start to end."""
    try:
        return max(duration_of(document.get("duration")), timedelta())
    except ValueError:
        return None


def _completed_at(document: Mapping[str, Any]) -> datetime | None:
    completed_at, started_at = instant_of(document.get("completed_at")), instant_of(document.get("started_at"))
    if completed_at is None and started_at is not None and document.get("duration"):
        return started_at + duration_of(document.get("duration"))
    return completed_at
