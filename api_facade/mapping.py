"""Converts between the domain and the wire. Quirks of the documented API are here and in `status_mapping` only."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from types import MappingProxyType
from typing import Any

from starlette.datastructures import QueryParams

from falcon_scheduler.api_facade.schemas.audit import AuditEntryResponse
from falcon_scheduler.api_facade.schemas.common import PageQuery
from falcon_scheduler.api_facade.schemas.executions import (
    WITH_OUTPUT,
    AttemptResponse,
    ExecutionAccepted,
    ExecutionCancelled,
    ExecutionMetadata,
    ExecutionResponse,
    HistoryQuery,
    SkipResponse,
)
from falcon_scheduler.api_facade.schemas.tasks import TaskAlertsShape, TaskMetadata, TaskQuery, TaskResponse
from falcon_scheduler.core.aside import aside
from falcon_scheduler.core.domain.alert import TaskAlerts
from falcon_scheduler.core.domain.attempt import AttemptRecord
from falcon_scheduler.core.domain.audit import AuditEntry
from falcon_scheduler.core.domain.duration import format_duration
from falcon_scheduler.core.domain.execution import Execution
from falcon_scheduler.core.domain.masking import masked
from falcon_scheduler.core.domain.principal import Permission, Principal
from falcon_scheduler.core.domain.skip import Skip
from falcon_scheduler.core.domain.task import Task
from falcon_scheduler.core.domain.task_definition import After
from falcon_scheduler.core.errors import Fault, Invalid
from falcon_scheduler.core.ports import ExecutionFilter, Page, PageRequest, TaskFilter


def task_response(task: Task, next_run: datetime | None, caller: Principal) -> TaskResponse:
    """A task as the caller may see it."""
    definition, record = task.definition, task.record
    return TaskResponse(
        id=task.id,
        name=definition.name,
        description=definition.description,
        type=definition.type,
        schedule=definition.schedule,
        status=task.status,
        priority=definition.priority,
        enabled=definition.enabled,
        config=config_for(caller, task),
        metadata=_task_metadata(task),
        last_run=record.last_run,
        last_run_duration=record.last_run_duration,
        next_run=next_run,
        created_at=task.created_at,
        updated_at=task.updated_at,
        created_by=task.created_by,
        updated_by=task.updated_by,
    )


def config_for(caller: Principal, task: Task) -> dict[str, Any]:
    """The task's config: as it is stored for those who may update it, with secrets masked for everybody else."""
    config = dict(task.definition.config)
    return config if caller.may(Permission.UPDATE) else dict(masked(config))


def _task_metadata(task: Task) -> TaskMetadata:
    definition, record = task.definition, task.record
    return TaskMetadata(
        max_retries=definition.max_retries,
        retry_interval=definition.retry_interval,
        timeout=definition.timeout,
        tags=list(definition.tags),
        timezone=definition.timezone,
        overlap=definition.overlap,
        after=None if definition.after is After.KEEP else definition.after,
        alerts=_task_alerts(definition.alerts),
        is_system=task.is_system,
        source=task.source,
        version=task.version,
        last_error="; ".join(task.impediments) or record.last_error,
        success_count=record.success_count,
        failure_count=record.failure_count,
        total_runs=record.total_runs,
        average_runtime=record.average_runtime,
        skipped_count=record.skipped_count,
        last_skipped=record.last_skipped,
    )


def _task_alerts(alerts: TaskAlerts) -> TaskAlertsShape | None:
    """The task's own options, if it has any."""
    if alerts == TaskAlerts():
        return None
    return TaskAlertsShape(
        enabled=alerts.enabled,
        failures_in_a_row=alerts.failures_in_a_row,
        failure_rate=alerts.failure_rate,
        late_after=alerts.late_after,
        channels=None if alerts.channels is None else list(alerts.channels),
    )


def exported(task: Task, caller: Principal) -> dict[str, Any]:
    """A task's definition and switches as an import takes them, and as the caller may see them."""
    definition = task.definition
    alerts = _task_alerts(definition.alerts)
    own_alerts = {"alerts": alerts.model_dump(exclude_none=True)} if alerts else {}
    return {
        "id": task.id,
        "source": str(task.source),
        "paused": task.paused,
        "name": definition.name,
        "description": definition.description,
        "type": definition.type,
        "schedule": definition.schedule,
        "priority": str(definition.priority),
        "enabled": definition.enabled,
        "config": config_for(caller, task),
        "metadata": {
            "max_retries": definition.max_retries,
            "retry_interval": format_duration(definition.retry_interval),
            "timeout": format_duration(definition.timeout),
            "tags": list(definition.tags),
            "timezone": definition.timezone,
            "overlap": str(definition.overlap),
            **({} if definition.after is After.KEEP else {"after": str(definition.after)}),
            **own_alerts,
        },
    }


def execution_response(
    execution: Execution, caller: Principal, names: Mapping[str, str] = MappingProxyType({})
) -> ExecutionResponse:
    """An execution as the caller may see it. The worker and the retries appear twice, as in the document.

    `names` are the names of tasks by their ids.
    """
    parameters = dict(execution.parameters)
    own: dict[str, Any] = {
        "trigger": execution.trigger,
        "worker_id": execution.worker_id,
        "retry_count": execution.retry_count,
        "lock_key": execution.lock_key,
        "fencing_token": execution.fencing_token,
        "queued_at": execution.queued_at,
        "scheduled_for": execution.scheduled_for,
        "priority": execution.priority or None,
        "parameters": (parameters if caller.may(Permission.UPDATE) else masked(parameters)) or None,
    }
    return ExecutionResponse(
        id=execution.id,
        task_id=execution.task_id,
        task_name=names.get(execution.task_id),
        status=execution.status,
        outcome=execution.outcome,
        skip=_skip(execution.skip),
        started_at=execution.started_at,
        completed_at=execution.completed_at,
        duration=execution.duration or timedelta(),
        output=execution.output or None,
        error=execution.error or None,
        attempts=[_attempt(each) for each in execution.attempts] or None,
        metadata=ExecutionMetadata(**{**execution.detail, **own}),
        worker_id=execution.worker_id,
        retry_count=execution.retry_count,
    )


def _attempt(attempt: AttemptRecord) -> AttemptResponse:
    return AttemptResponse(
        number=attempt.number,
        started_at=attempt.started_at,
        ended_at=attempt.ended_at,
        outcome=attempt.outcome,
        error=attempt.error or None,
        status_code=attempt.status_code,
    )


def _skip(skip: Skip | None) -> SkipResponse | None:
    return None if skip is None else SkipResponse(reason=skip.reason, held_by=skip.held_by or None)


async def execution_responses(
    executions: Sequence[Execution], caller: Principal, names: Mapping[str, str] = MappingProxyType({})
) -> list[ExecutionResponse]:
    """Executions as the caller may see them."""
    parameters = [each.parameters for each in executions]
    return await aside(parameters, lambda: [execution_response(each, caller, names) for each in executions])


def accepted(execution: Execution, warnings: Sequence[str]) -> ExecutionAccepted:
    """The answer to an execute."""
    return ExecutionAccepted(
        execution_id=execution.id,
        status=execution.status,
        message="Task execution was queued",
        started_at=execution.started_at,
        warnings=list(warnings) or None,
    )


def cancelled(execution: Execution) -> ExecutionCancelled:
    """The answer to a cancel."""
    ended, ends = "The execution was cancelled", "The execution ends as soon as its work has stopped"
    return ExecutionCancelled(
        message=ended if execution.is_cancelled else ends,
        execution_id=execution.id,
        task_id=execution.task_id,
        status=execution.status,
        outcome=execution.outcome,
    )


def audit_response(
    entry: AuditEntry, caller: Principal, names: Mapping[str, str] = MappingProxyType({})
) -> AuditEntryResponse:
    """An entry of the audit as the caller may see it: older ones were cleaned by older rules."""
    before, after = dict(entry.before), dict(entry.after)
    if not caller.may(Permission.UPDATE):
        before, after = masked(before), masked(after)
    return AuditEntryResponse(
        id=entry.id,
        at=entry.at,
        ended_at=entry.ended_at,
        user=entry.user_id,
        character_id=entry.character_id,
        action=entry.action,
        task_id=entry.task_id,
        task_name=names.get(entry.task_id or ""),
        door=entry.origin.door,
        request_id=entry.origin.request_id or None,
        outcome=entry.outcome,
        error=entry.error or None,
        before=before,
        after=after,
    )


def page_numbers(page: Page[Any]) -> Mapping[str, int]:
    """What every list carries."""
    return {
        "total": page.total,
        "page": page.request.page,
        "page_size": page.request.size,
        "total_pages": page.total_pages,
    }


def page_request(query: PageQuery) -> PageRequest:
    """The requested page."""
    return PageRequest(page=query.page, size=query.size, brief=query.size > WITH_OUTPUT)


def broadened(query: QueryParams) -> Iterator[Fault]:
    """Filters whose answer contains more than was requested."""
    if {"timeout", "cancelled"} & {*query.getlist("status")}:
        yield Fault("query.status", "is answered with all that failed; outcome selects by the reason")


def execution_filter(query: HistoryQuery, task_id: str | None) -> ExecutionFilter:
    """The requested executions. Raises `Invalid`."""
    since, until = query.started_since, query.started_before
    if since is not None and until is not None and until <= since:
        raise Invalid.of("query.to" if query.until else "query.end_date", "must be later than where it begins")
    return ExecutionFilter(
        task_id=task_id,
        statuses=tuple(query.status),
        outcomes=tuple(query.outcome),
        since=since,
        until=until,
    )


def task_filter(query: TaskQuery) -> TaskFilter:
    """The requested tasks. Tags may be repeated or separated by commas, as in go-falcon."""
    tags = [tag.strip() for each in query.tags for tag in each.split(",")]
    return TaskFilter(
        statuses=tuple(query.status),
        types=tuple(query.type),
        enabled=query.enabled,
        tags=tuple(dict.fromkeys(tag for tag in tags if tag)),
        priorities=tuple(query.priority),
        query=query.q or query.search or "",
        order=query.sort,
    )
