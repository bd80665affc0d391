"""Tasks as answers, and queries for tasks as filters."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from falcon_scheduler.api_facade.schemas.tasks import (
    CatchUpRulesShape,
    CatchUpShape,
    ExpectedSuccessShape,
    TaskAlertsShape,
    TaskCalendarsShape,
    TaskMetadata,
    TaskQuery,
    TaskResponse,
)
from falcon_scheduler.api_facade.schemas.values import format_instant
from falcon_scheduler.core.domain.alert import ExpectedSuccess, TaskAlerts
from falcon_scheduler.core.domain.calendars import CalendarRules
from falcon_scheduler.core.domain.catch_up import CatchUp, CatchUpRules
from falcon_scheduler.core.domain.duration import format_duration
from falcon_scheduler.core.domain.masking import masked
from falcon_scheduler.core.domain.principal import Permission, Principal
from falcon_scheduler.core.domain.task import Task
from falcon_scheduler.core.domain.task_definition import After, TaskDefinition
from falcon_scheduler.core.ports import TaskFilter


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
        start_at=definition.start_at,
        end_at=definition.end_at,
        max_runs=definition.max_runs,
        runs_left=task.runs_left,
        jitter=definition.jitter,
        owed_runs=len(task.owed) or None,
        start_within=definition.start_within,
        calendars=_task_calendars(definition.calendars),
        catch_up=_catch_up(definition.catch_up),
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


def _task_calendars(rules: CalendarRules) -> TaskCalendarsShape | None:
    if not rules:
        return None
    return TaskCalendarsShape(
        include=[each.name for each in rules.include],
        exclude=[each.name for each in rules.exclude],
        on_excluded=rules.on_excluded,
    )


def _catch_up(rules: CatchUpRules) -> CatchUpRulesShape | None:
    if rules == CatchUpRules():
        return None
    edit = None if rules.after_edit == CatchUp() else _catch_up_shape(rules.after_edit)
    outage = None if rules.after_outage is None else _catch_up_shape(rules.after_outage)
    return CatchUpRulesShape(after_pause=_catch_up_shape(rules.after_pause), after_outage=outage, after_edit=edit)


def _catch_up_shape(each: CatchUp) -> CatchUpShape:
    return CatchUpShape(runs=each.runs, max_age=each.max_age, max_runs=each.max_runs, order=each.order)


def _task_alerts(alerts: TaskAlerts) -> TaskAlertsShape | None:
    """The task's own options, if it has any."""
    if alerts == TaskAlerts():
        return None
    return TaskAlertsShape(
        enabled=alerts.enabled,
        failures_in_a_row=alerts.failures_in_a_row,
        failure_rate=alerts.failure_rate,
        late_after=alerts.late_after,
        expect_success=_expectation(alerts.expect_success),
        channels=None if alerts.channels is None else list(alerts.channels),
    )


def _expectation(expected: ExpectedSuccess | None) -> ExpectedSuccessShape | None:
    if expected is None:
        return None
    return ExpectedSuccessShape(period=expected.period, grace=expected.grace, while_paused=expected.while_paused)


def exported(task: Task, caller: Principal) -> dict[str, Any]:
    """A task's definition and switches as an import takes them, and as the caller may see them."""
    definition = task.definition
    alerts = _task_alerts(definition.alerts)
    calendars = _task_calendars(definition.calendars)
    catch_up = _catch_up(definition.catch_up)
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
            **_exported_times(definition),
            **({"catch_up": catch_up.model_dump(mode="json", exclude_none=True)} if catch_up else {}),
            **({"calendars": calendars.model_dump(mode="json")} if calendars else {}),
            **own_alerts,
        },
    }


def _exported_times(definition: TaskDefinition) -> dict[str, Any]:
    """The settings of time that are set."""
    times = {
        "start_at": definition.start_at and format_instant(definition.start_at),
        "end_at": definition.end_at and format_instant(definition.end_at),
        "max_runs": definition.max_runs,
        "jitter": definition.jitter and format_duration(definition.jitter),
        "start_within": definition.start_within and format_duration(definition.start_within),
    }
    return {name: value for name, value in times.items() if value is not None}


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
