"""A task as a document of `scheduler_tasks`, and back.

The documented fields stand where the document puts them; what only we need stands under `scheduler`. A document
that the Go service wrote reads well: nanosecond durations, absent fields, its own statuses.
Source: scheduler API, "Tasks Collection".
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta
from typing import Any

from adapters.mongo.fields import duration_of, instant_of, object_field, text_field, text_of
from adapters.mongo.task_alerts import alerts_document, alerts_of
from core.domain.alert import TaskAlerts
from core.domain.duration import format_duration
from core.domain.execution import ExecutionStatus
from core.domain.periods import Held, Period
from core.domain.record import DayCounts, RunRecord
from core.domain.task import (
    SYSTEM_ID_PREFIX,
    DeployedAs,
    Overlap,
    Priority,
    Source,
    Task,
    TaskDefinition,
    TaskStatus,
)

MICROSECOND = timedelta(microseconds=1)
"""Source: design, "Tasks"."""
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def to_document(task: Task) -> dict[str, Any]:
    """All fields but `_id` and the revision. None marks a field that is to be absent."""
    definition, record = task.definition, task.record
    return {
        "name": definition.name,
        "description": definition.description,
        "type": definition.type,
        "schedule": definition.schedule,
        "status": str(task.status),
        "priority": str(definition.priority),
        "enabled": definition.enabled,
        "config": dict(definition.config),
        "metadata": _metadata(task),
        "last_run": record.last_run,
        "last_run_duration": text_of(record.last_run_duration),
        "next_run": task.next_run,
        "created_at": task.created_at,
        "updated_at": task.updated_at,
        "created_by": task.created_by,
        "updated_by": task.updated_by,
        "scheduler": _bookkeeping(task),
    }


def _metadata(task: Task) -> dict[str, Any]:
    definition, record = task.definition, task.record
    metadata: dict[str, Any] = {
        "max_retries": definition.max_retries,
        "retry_interval": format_duration(definition.retry_interval),
        "timeout": format_duration(definition.timeout),
        "tags": list(definition.tags),
        "is_system": task.is_system,
        "source": str(task.source),
        "version": task.version,
        "last_error": record.last_error,
        "success_count": record.success_count,
        "failure_count": record.failure_count,
        "total_runs": record.total_runs,
        "average_runtime": format_duration(record.average_runtime),
        "timezone": definition.timezone,
        "overlap": str(definition.overlap),
        "skipped_count": record.skipped_count,
    }
    if record.last_skipped:
        metadata["last_skipped"] = record.last_skipped
    if definition.alerts != TaskAlerts():
        metadata["alerts"] = alerts_document(definition.alerts)
    return metadata


def _bookkeeping(task: Task) -> dict[str, Any]:
    record, deployed, today = task.record, task.deployed, task.record.today
    return {
        "paused": task.paused,
        "was_enabled": task.was_enabled,
        "active": list(record.active),
        "is_active": bool(record.active),
        "last_outcome": str(record.last_outcome) if record.last_outcome else None,
        "runtime_total_us": record.runtime_total // MICROSECOND,
        "today": {
            "day": today.day.isoformat(),
            "completed": today.completed,
            "failed": today.failed,
            "runtime_us": today.runtime // MICROSECOND,
        },
        "counted": list(record.counted),
        "fencing_token": record.fencing_token,
        "removed_count": record.removed_count,
        "removing": list(record.removing),
        "deployed": (
            {"id": deployed.id, "active": deployed.active, "fingerprint": deployed.fingerprint} if deployed else None
        ),
        "periods": [
            {"since": each.since, "schedule": each.schedule, "timezone": each.timezone, "held": str(each.held)}
            for each in task.periods
        ],
        "unplanned_since": task.unplanned_since,
    }


def from_document(document: Mapping[str, Any]) -> Task:
    """Read a stored task."""
    metadata = document.get("metadata") or {}
    bookkeeping = document.get("scheduler") or {}
    created_at = instant_of(document.get("created_at")) or EPOCH
    deployed = bookkeeping.get("deployed")
    return Task(
        id=str(document["_id"]),
        definition=_definition(document, metadata),
        source=_source(str(document["_id"]), metadata),
        created_at=created_at,
        updated_at=instant_of(document.get("updated_at")) or created_at,
        created_by=text_field(document, "created_by"),
        updated_by=text_field(document, "updated_by"),
        paused=bookkeeping.get("paused", document.get("status") == TaskStatus.PAUSED),
        was_enabled=bookkeeping.get("was_enabled"),
        version=int(metadata.get("version") or 1),
        record=_record(document, metadata, bookkeeping),
        deployed=DeployedAs(**deployed) if deployed else None,
        next_run=instant_of(document.get("next_run")),
        periods=tuple(_period(each) for each in bookkeeping.get("periods") or ()),
        unplanned_since=instant_of(bookkeeping.get("unplanned_since")),
        revision=document.get("revision"),
    )


def _period(value: Mapping[str, Any]) -> Period:
    return Period(
        since=instant_of(value["since"]) or EPOCH,
        schedule=value["schedule"],
        timezone=value["timezone"],
        held=Held(value["held"]),
    )


def _source(task_id: str, metadata: Mapping[str, Any]) -> Source:
    """Only an id of the form `system-…` makes a system task: go-falcon lets clients set `is_system`."""
    value = metadata.get("source")
    if value in {Source.IMPORT, Source.RETIRED}:
        return Source(value)
    claims = bool(metadata.get("is_system")) or value == Source.SYSTEM
    return Source.SYSTEM if claims and task_id.startswith(SYSTEM_ID_PREFIX) else Source.API


def _definition(document: Mapping[str, Any], metadata: Mapping[str, Any]) -> TaskDefinition:
    priority = document.get("priority")
    return TaskDefinition(
        name=text_field(document, "name"),
        type=text_field(document, "type") or "custom",
        schedule=text_field(document, "schedule"),
        description=text_field(document, "description"),
        priority=Priority(priority) if priority in set(Priority) else Priority.NORMAL,
        enabled=bool(document.get("enabled", True)),
        config=object_field(document, "config"),
        tags=_tags(metadata),
        max_retries=int(metadata.get("max_retries") or 0),
        retry_interval=duration_of(metadata.get("retry_interval")) or timedelta(minutes=1),
        timeout=duration_of(metadata.get("timeout")) or timedelta(minutes=5),
        timezone=text_field(metadata, "timezone") or "UTC",
        overlap=Overlap(metadata.get("overlap") or Overlap.SKIP),
        alerts=alerts_of(metadata.get("alerts")),
    )


def _tags(metadata: Mapping[str, Any]) -> tuple[str, ...]:
    tags = metadata.get("tags") or []
    if not isinstance(tags, list) or not all(isinstance(tag, str) for tag in tags):
        raise ValueError("tags are no list of texts")
    return tuple(tags)


def _record(document: Mapping[str, Any], metadata: Mapping[str, Any], bookkeeping: Mapping[str, Any]) -> RunRecord:
    succeeded, failed = int(metadata.get("success_count") or 0), int(metadata.get("failure_count") or 0)
    if "runtime_total_us" in bookkeeping:
        runtime_total = bookkeeping["runtime_total_us"] * MICROSECOND
    else:
        runtime_total = duration_of(metadata.get("average_runtime")) * (succeeded + failed)
    last_duration = document.get("last_run_duration")
    return RunRecord(
        active=tuple(bookkeeping.get("active") or ()),
        last_outcome=_last_outcome(document, bookkeeping),
        last_error=text_field(metadata, "last_error"),
        last_run=instant_of(document.get("last_run")),
        last_run_duration=None if last_duration is None else duration_of(last_duration),
        success_count=succeeded,
        failure_count=failed,
        skipped_count=int(metadata.get("skipped_count") or 0),
        last_skipped=instant_of(metadata.get("last_skipped")),
        runtime_total=runtime_total,
        today=_today(bookkeeping.get("today")),
        counted=tuple(bookkeeping.get("counted") or ()),
        fencing_token=int(bookkeeping.get("fencing_token") or 0),
        removed_count=int(bookkeeping.get("removed_count") or 0),
        removing=tuple(bookkeeping.get("removing") or ()),
    )


def _last_outcome(document: Mapping[str, Any], bookkeeping: Mapping[str, Any]) -> ExecutionStatus | None:
    value = bookkeeping.get("last_outcome") if bookkeeping else document.get("status")
    return ExecutionStatus(value) if value in {"completed", "failed"} else None


def _today(value: Mapping[str, Any] | None) -> DayCounts:
    if not value:
        return DayCounts(day=date.min)
    return DayCounts(
        day=date.fromisoformat(value["day"]),
        completed=value["completed"],
        failed=value["failed"],
        runtime=value["runtime_us"] * MICROSECOND,
    )
