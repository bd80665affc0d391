"""A task from its document, as `task_documents` or the Go service wrote it.

Documents of the Go service have nanosecond durations, absent fields and its own statuses.
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

from falcon_scheduler.adapters.mongo.calendar_fields import Shelf, named_of, period_calendars_of, shelf_of
from falcon_scheduler.adapters.mongo.catch_up import catch_up_of
from falcon_scheduler.adapters.mongo.fields import MICROSECOND
from falcon_scheduler.adapters.mongo.reading import Reading, whole_numbers
from falcon_scheduler.adapters.mongo.task_alerts import alerts_of
from falcon_scheduler.adapters.mongo.time_settings import time_rules_of, time_settings_of
from falcon_scheduler.core.domain.execution import ExecutionStatus
from falcon_scheduler.core.domain.owed import OwedRun
from falcon_scheduler.core.domain.periods import Held, Period
from falcon_scheduler.core.domain.priority import Priority
from falcon_scheduler.core.domain.record import DayCounts, RunRecord
from falcon_scheduler.core.domain.task import SYSTEM_ID_PREFIX, DeployedAs, Source, Task, TaskStatus
from falcon_scheduler.core.domain.task_definition import After, Overlap, TaskDefinition

BOOKKEEPING = "scheduler."
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def from_document(document: Mapping[str, Any]) -> Task:
    """Read a stored task. A field of the wrong type reads as its default; see `adapters.mongo.reading`."""
    top = Reading(document)
    metadata, bookkeeping = top.part("metadata"), top.part("scheduler")
    task_id = str(document["_id"])
    if not isinstance(document["_id"], str):
        top.unread["_id"] = document["_id"]
    created_at = top.instant("created_at") or EPOCH
    shelf = shelf_of(bookkeeping)
    return Task(
        id=task_id,
        definition=replace(_definition(top, metadata), calendars=named_of(metadata, bookkeeping, shelf)),
        source=_source(task_id, metadata),
        created_at=created_at,
        updated_at=top.instant("updated_at") or created_at,
        created_by=top.text("created_by"),
        updated_by=top.text("updated_by"),
        paused=bookkeeping.flag("paused", top.raw("status") == TaskStatus.PAUSED),
        was_enabled=bookkeeping.flag("was_enabled") if bookkeeping.raw("was_enabled") is not None else None,
        version=metadata.number("version", 1),
        record=_record(top, metadata, bookkeeping),
        deployed=_deployed(bookkeeping),
        next_run=top.instant("next_run"),
        periods=_periods(bookkeeping.raw("periods"), shelf),
        owed=_owed(bookkeeping.raw("owed")),
        caught_up_until=bookkeeping.instant("caught_up_until"),
        unplanned_since=bookkeeping.instant("unplanned_since"),
        revision=top.number("revision") if top.raw("revision") is not None else None,
        unread={name: value for name, value in top.unread.items() if not f"{name}.".startswith(BOOKKEEPING)},
    )


def _periods(value: object, shelf: Shelf) -> tuple[Period, ...]:
    """The periods of the schedule; a period that can't be read is left out."""
    found: list[Period] = []
    for each in map(Reading, value if isinstance(value, list) else ()):
        since = each.instant("since")
        if since is not None:
            held = each.choice("held", Held, Held.NOT)
            found.append(
                Period(
                    since=since,
                    schedule=each.text("schedule"),
                    timezone=each.text("timezone"),
                    held=held,
                    rules=replace(time_rules_of(each), calendars=period_calendars_of(each, shelf)),
                )
            )
    return tuple(found)


def _owed(value: object) -> tuple[OwedRun, ...]:
    """The owed runs of the task; one that can't be read is left out."""
    found = map(Reading, value if isinstance(value, list) else ())
    return tuple(
        OwedRun(
            at=at,
            request=each.text("request"),
            again=each.flag("again"),
            held_until=each.instant("held_until"),
        )
        for each in found
        if (at := each.instant("at")) is not None
    )


def _deployed(bookkeeping: Reading) -> DeployedAs | None:
    """The deployment that was last sent to the engine; None when the stored id is no UUID."""
    deployed = bookkeeping.part("deployed")
    try:
        uuid.UUID(deployed.text("id"))
    except ValueError:
        return None
    return DeployedAs(
        id=deployed.text("id"), active=deployed.flag("active"), fingerprint=deployed.text("fingerprint")
    )


def _source(task_id: str, metadata: Reading) -> Source:
    """A system task is recognised by its id, `system-…`, alone: go-falcon lets clients set `is_system`."""
    value = metadata.raw("source")
    if value in (Source.IMPORT, Source.RETIRED):
        return Source(value)
    claims = metadata.raw("is_system") is True or value == Source.SYSTEM
    return Source.SYSTEM if claims and task_id.startswith(SYSTEM_ID_PREFIX) else Source.API


def _definition(top: Reading, metadata: Reading) -> TaskDefinition:
    config: Mapping[str, Any] = whole_numbers(top.object("config"))
    return TaskDefinition(
        name=top.text("name"),
        type=top.text("type") or "custom",
        schedule=top.text("schedule"),
        description=top.text("description"),
        priority=top.choice("priority", Priority, Priority.NORMAL),
        enabled=top.flag("enabled", True),
        config=config,
        tags=metadata.texts("tags"),
        max_retries=max(metadata.number("max_retries"), 0),
        retry_interval=metadata.duration("retry_interval") or timedelta(minutes=1),
        timeout=metadata.duration("timeout") or timedelta(minutes=5),
        timezone=metadata.text("timezone") or "UTC",
        overlap=metadata.choice("overlap", Overlap, Overlap.SKIP),
        alerts=alerts_of(metadata.part("alerts")),
        after=metadata.choice("after", After, After.KEEP),
        catch_up=catch_up_of(metadata),
        **time_settings_of(metadata),
    )


def _record(top: Reading, metadata: Reading, bookkeeping: Reading) -> RunRecord:
    succeeded, failed = max(metadata.number("success_count"), 0), max(metadata.number("failure_count"), 0)
    return RunRecord(
        active=bookkeeping.texts("active"),
        last_outcome=_last_outcome(top, bookkeeping),
        last_error=metadata.text("last_error"),
        last_run=top.instant("last_run"),
        last_run_duration=top.duration("last_run_duration") if top.raw("last_run_duration") is not None else None,
        last_success=_last_success(top, bookkeeping),
        success_count=succeeded,
        failure_count=failed,
        skipped_count=max(metadata.number("skipped_count"), 0),
        last_skipped=metadata.instant("last_skipped"),
        runtime_total=_runtime_total(metadata, bookkeeping, succeeded + failed),
        today=day_counts(bookkeeping.part("today")),
        counted=bookkeeping.texts("counted"),
        fencing_token=bookkeeping.number("fencing_token"),
        removed_count=bookkeeping.number("removed_count"),
        removing=bookkeeping.texts("removing"),
        limited_runs=max(bookkeeping.number("limited_runs"), 0),
        limited=bookkeeping.texts("limited"),
    )


def _runtime_total(metadata: Reading, bookkeeping: Reading, runs: int) -> timedelta:
    """The sum of all durations. go-falcon stores only their mean, so it is multiplied by the number of runs."""
    try:
        if "runtime_total_us" in bookkeeping:
            return bookkeeping.number("runtime_total_us") * MICROSECOND
        return metadata.duration("average_runtime") * runs
    except OverflowError:
        return timedelta()


def _last_success(top: Reading, bookkeeping: Reading) -> datetime | None:
    """As counted; of a task whose last run succeeded before this was stored, the end of that run."""
    if (stored := bookkeeping.instant("last_success")) is not None:
        return stored
    last_run = top.instant("last_run")
    if last_run is None or _last_outcome(top, bookkeeping) is not ExecutionStatus.COMPLETED:
        return None
    try:
        return last_run + top.duration("last_run_duration")
    except OverflowError:
        return last_run


def _last_outcome(top: Reading, bookkeeping: Reading) -> ExecutionStatus | None:
    value = bookkeeping.raw("last_outcome") if "last_outcome" in bookkeeping else top.raw("status")
    return ExecutionStatus(value) if value in ("completed", "failed") else None


def day_counts(today: Reading) -> DayCounts:
    """The counts of a task's last day, as stored."""
    try:
        day = date.fromisoformat(today.text("day"))
        runtime = today.number("runtime_us") * MICROSECOND
    except (ValueError, OverflowError):
        return DayCounts(day=date.min)
    return DayCounts(day=day, completed=today.number("completed"), failed=today.number("failed"), runtime=runtime)
