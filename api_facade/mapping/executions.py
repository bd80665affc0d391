"""Executions as answers, and queries for executions as filters."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import timedelta
from types import MappingProxyType
from typing import Any

from starlette.datastructures import QueryParams

from falcon_scheduler.api_facade.schemas.executions import (
    AttemptResponse,
    ExecutionAccepted,
    ExecutionCancelled,
    ExecutionMetadata,
    ExecutionResponse,
    HistoryQuery,
    SkipResponse,
)
from falcon_scheduler.core.aside import aside
from falcon_scheduler.core.domain.attempt import AttemptRecord
from falcon_scheduler.core.domain.execution import Execution
from falcon_scheduler.core.domain.masking import masked
from falcon_scheduler.core.domain.principal import Permission, Principal
from falcon_scheduler.core.domain.skip import Skip
from falcon_scheduler.core.errors import Fault, Invalid
from falcon_scheduler.core.ports import ExecutionFilter


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
