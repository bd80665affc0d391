"""A task as a document of `scheduler_tasks`; `task_reading` reads it back.

The documented fields are where the document specifies them; fields that only we need are under `scheduler`.
Source: scheduler API, "Tasks Collection".
"""

from __future__ import annotations

from typing import Any

from falcon_scheduler.adapters.mongo.calendar_fields import named_document, period_document, versions_document
from falcon_scheduler.adapters.mongo.catch_up import catch_up_document
from falcon_scheduler.adapters.mongo.fields import MICROSECOND, text_of
from falcon_scheduler.adapters.mongo.task_alerts import alerts_document
from falcon_scheduler.adapters.mongo.time_settings import time_rules_document, time_settings_document
from falcon_scheduler.core.domain.alert import TaskAlerts
from falcon_scheduler.core.domain.duration import format_duration
from falcon_scheduler.core.domain.task import Task
from falcon_scheduler.core.domain.task_definition import After


def to_document(task: Task) -> dict[str, Any]:
    """All fields but `_id` and the revision. None marks a field that is absent."""
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
    if definition.after is not After.KEEP:
        metadata["after"] = str(definition.after)
    metadata |= time_settings_document(definition) | named_document(definition.calendars)
    metadata |= catch_up_document(definition.catch_up)
    if definition.alerts != TaskAlerts():
        metadata["alerts"] = alerts_document(definition.alerts)
    return metadata


def _owed(task: Task) -> dict[str, Any]:
    if not task.owed:
        return {}
    owed = [
        {"at": each.at, "request": each.request, "again": each.again}
        | ({"held_until": each.held_until} if each.held_until else {})
        for each in task.owed
    ]
    return {"owes": True, "owed": owed}


def _bookkeeping(task: Task) -> dict[str, Any]:
    record, deployed, today = task.record, task.deployed, task.record.today
    return {
        "paused": task.paused,
        "impeded": True if task.impediments else None,
        "was_enabled": task.was_enabled,
        "active": list(record.active),
        "is_active": bool(record.active),
        "last_outcome": str(record.last_outcome) if record.last_outcome else None,
        "last_success": record.last_success,
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
            | time_rules_document(each.rules)
            | period_document(each.rules.calendars)
            for each in task.periods
        ],
        **({"limited_runs": record.limited_runs, "limited": list(record.limited)} if record.limited_runs else {}),
        "unplanned_since": task.unplanned_since,
        **_owed(task),
        **({"caught_up_until": task.caught_up_until} if task.caught_up_until else {}),
        **versions_document(task),
    }


def stored_fields(present: Task, wanted: Task) -> dict[str, Any]:
    """The fields to write: all of them, with the stored values of those that could not be read.

    A field that could not be read is replaced only when it changes. Without this a write of any other field would
    destroy a value that a person may still want to repair.
    """
    document, before = to_document(wanted), to_document(present)
    for field, value in wanted.unread.items():
        outer, _, inner = field.partition(".")
        if outer not in document or "." in inner:
            continue
        if not inner:
            document[outer] = value if document[outer] == before[outer] else document[outer]
        elif document[outer].get(inner) == before[outer].get(inner):
            document[outer] = {**document[outer], inner: value}
    return document
