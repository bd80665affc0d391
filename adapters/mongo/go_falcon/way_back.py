"""Writes documents that go-falcon's MongoDB driver decodes into its models.

go-falcon stores a duration in an int64 of nanoseconds, and its driver refuses text. Fields that only this service
uses are removed, so that a document reads as if go-falcon had written it. Everything that go-falcon can't express is
reported as a note, never lost silently.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from bson import Int64

from falcon_scheduler.adapters.mongo.fields import duration_of
from falcon_scheduler.adapters.mongo.go_falcon.schedules_back import schedule_for_go, unsayable
from falcon_scheduler.core.domain.cron.faults import ScheduleError
from falcon_scheduler.core.domain.schedule import parse
from falcon_scheduler.core.domain.task import Source, TaskStatus
from falcon_scheduler.core.domain.task_definition import TaskType

OUR_TASK_FIELDS = frozenset({"revision", "scheduler"})
TIME_SETTINGS = ("start_at", "end_at", "max_runs", "jitter", "start_within", "calendars", "catch_up")
OUR_TASK_METADATA = frozenset(
    {"timezone", "overlap", "skipped_count", "last_skipped", "alerts", "after", *TIME_SETTINGS}
)
OUR_EXECUTION_FIELDS = frozenset(
    {"heartbeat_at", "occurrence", "uncounted", "holder_sought", "fenced_by", "outcome", "skip", "attempts"}
)
TASK_DURATIONS = ("retry_interval", "timeout", "average_runtime")
GO_TYPES = frozenset({TaskType.HTTP, TaskType.FUNCTION, TaskType.SYSTEM, TaskType.CUSTOM})
SECRET_REFERENCE, SECRET_FIELD = "prefect.blocks.secret.", "secret_block"
"""The two forms of a reference to a secret in a config; see `flows.executors.secrets`."""
NANOSECONDS_PER_MICROSECOND = 1000


def nanoseconds_of(value: object) -> Int64:
    """A stored duration in go-falcon's form. A value that go-falcon wrote is kept exactly."""
    if isinstance(value, int) and not isinstance(value, bool):
        return Int64(value)
    length = duration_of(value)
    return Int64(round(length.total_seconds() * 1_000_000) * NANOSECONDS_PER_MICROSECOND)


def task_for_go(document: Mapping[str, Any]) -> dict[str, Any]:
    """A task in go-falcon's form, without `_id`. A document that go-falcon wrote last is unchanged."""
    metadata = dict(document.get("metadata") or {})
    zone = str(metadata.get("timezone") or "UTC")
    for name in TASK_DURATIONS:
        if name in metadata:
            metadata[name] = nanoseconds_of(metadata[name])
    found = {name: value for name, value in document.items() if name not in OUR_TASK_FIELDS and name != "_id"}
    found["metadata"] = {name: value for name, value in metadata.items() if name not in OUR_TASK_METADATA}
    if found.get("last_run_duration") is not None:
        found["last_run_duration"] = nanoseconds_of(found["last_run_duration"])
    found.setdefault("last_run", None)
    found["schedule"] = schedule_for_go(str(document.get("schedule") or ""), zone, str(document.get("_id", "")))
    bookkeeping = document.get("scheduler") or {}
    is_impeded = bookkeeping.get("impeded") and document.get("status") == TaskStatus.FAILED
    if document.get("status") == TaskStatus.RUNNING or is_impeded:
        found["status"] = bookkeeping.get("last_outcome") or str(TaskStatus.PENDING)
    if metadata.get("source") == Source.IMPORT:
        found["enabled"], found["status"] = False, str(TaskStatus.DISABLED)
    if metadata.get("source") == Source.RETIRED:
        _unretire(found, bookkeeping)
    return found


def execution_for_go(document: Mapping[str, Any]) -> dict[str, Any]:
    """An execution in go-falcon's form, without `_id`."""
    found = {name: value for name, value in document.items() if name not in OUR_EXECUTION_FIELDS and name != "_id"}
    found["duration"] = nanoseconds_of(found.get("duration"))
    found.setdefault("metadata", {})
    return found


def notes_on(document: Mapping[str, Any]) -> Iterator[str]:
    """What go-falcon can't express of a task, in sentences that name the field."""
    metadata, kind = document.get("metadata") or {}, document.get("type")
    if metadata.get("source") == Source.IMPORT:
        yield "type: the task runs a deployment of Prefect, which go-falcon can't run; it is disabled"
    elif kind not in GO_TYPES:
        yield f"type: go-falcon has no executor for {kind!r} and fails each run"
    if kind in {TaskType.FUNCTION, TaskType.CUSTOM}:
        yield f"type: go-falcon does not carry out {kind} tasks; it only reports success or an unknown executor"
    if str(metadata.get("overlap") or "skip") != "skip":
        yield f"metadata.overlap: {metadata['overlap']} is lost; go-falcon starts every run"
    if metadata.get("alerts"):
        yield "metadata.alerts: lost; go-falcon sends no alerts"
    if SECRET_REFERENCE in str(document.get("config")) or SECRET_FIELD in str(document.get("config")):
        yield "config: it refers to a secret in Prefect, which go-falcon does not read"
    if str(metadata.get("after") or "keep") != "keep":
        yield f"metadata.after: {metadata['after']} is lost; go-falcon keeps the task"
    for name in TIME_SETTINGS:
        if metadata.get(name) is not None:
            yield f"metadata.{name}: lost; go-falcon runs the task at every instant of its schedule"
    yield from _schedule_notes(str(document.get("schedule") or ""))


def _schedule_notes(text: str) -> Iterator[str]:
    try:
        schedule = parse(text)
    except ScheduleError as error:
        yield f"schedule: {error}"
        return
    if reason := unsayable(schedule):
        yield f"schedule: {reason}; it can't start the task, so give it another schedule"
    elif schedule.is_hashed:
        yield "schedule: the values that H draws are written as numbers"


def _unretire(found: dict[str, Any], bookkeeping: Mapping[str, Any]) -> None:
    """Make a retired system task of go-falcon's active again."""
    found["metadata"] |= {"source": str(Source.SYSTEM), "is_system": True}
    found["metadata"].pop("last_error", None)
    found["enabled"] = bool(bookkeeping.get("was_enabled"))
    if found["enabled"]:
        found["status"] = str(TaskStatus.PAUSED if bookkeeping.get("paused") else TaskStatus.PENDING)
