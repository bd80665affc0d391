"""Examples for the OpenAPI document: one task and its execution, in the answers of every route."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any

TASK_ID = "0f6fd6a2-4f0e-4c39-9c1e-1f2f7c0f7d11"
EXECUTION_ID = "5a0c8b7e-2f43-4d43-8f0a-3c9d9b8a2e10"

TASK_CREATE: dict[str, Any] = {
    "name": "API Health Check",
    "description": "Check external API health",
    "type": "http",
    "schedule": "0 */10 * * * *",
    "priority": "normal",
    "enabled": True,
    "config": {
        "url": "https://api.example.com/health",
        "method": "GET",
        "expected_code": 200,
        "timeout": "30s",
    },
    "tags": ["monitoring", "health"],
}
FUNCTION_CREATE: dict[str, Any] = {
    "name": "Say hello",
    "type": "function",
    "schedule": "@every 90s",
    "config": {"function_name": "echo", "module": "builtin", "parameters": {"greeting": "o7"}},
    "metadata": {"max_retries": 1, "retry_interval": "30s", "timeout": "1m", "timezone": "Europe/Berlin"},
}
TASK_UPDATE: dict[str, Any] = {"schedule": "0 */5 * * * *", "metadata": {"timeout": "2m"}}
TASK: dict[str, Any] = {
    "id": TASK_ID,
    **{name: TASK_CREATE[name] for name in ("name", "description", "type", "schedule")},
    "status": "completed",
    **{name: TASK_CREATE[name] for name in ("priority", "enabled", "config")},
    "metadata": {
        "max_retries": 3,
        "retry_interval": "1m0s",
        "timeout": "5m0s",
        "tags": ["monitoring", "health"],
        "timezone": "UTC",
        "overlap": "skip",
        "is_system": False,
        "source": "api",
        "version": 1,
        "last_error": "",
        "success_count": 150,
        "failure_count": 0,
        "total_runs": 150,
        "average_runtime": "1.5s",
        "skipped_count": 0,
    },
    "last_run": "2026-01-15T10:30:00.041Z",
    "last_run_duration": "1.212s",
    "next_run": "2026-01-15T10:40:00.000Z",
    "created_at": "2026-01-14T09:15:00.000Z",
    "updated_at": "2026-01-14T09:15:00.000Z",
    "created_by": "local-operator",
    "updated_by": "local-operator",
}
PAUSED = {name: value for name, value in TASK.items() if name != "next_run"} | {"status": "paused"}
DISABLED = PAUSED | {"status": "disabled", "enabled": False}
TASKS = {"tasks": [TASK], "total": 1, "page": 1, "page_size": 20, "total_pages": 1}
DELETED = {"message": "Task deleted", "task_id": TASK_ID}
STOPPED = {"message": "Task stopped and paused", "task_id": TASK_ID, "cancelled_executions": 1}

EXECUTE: dict[str, Any] = {"parameters": {"batch_size": 10}, "priority": "high"}
ACCEPTED = {
    "execution_id": EXECUTION_ID,
    "status": "pending",
    "message": "Task execution was queued",
    "started_at": "2026-01-15T10:30:00.000Z",
}
EXECUTION = {
    "id": EXECUTION_ID,
    "task_id": TASK_ID,
    "status": "completed",
    "outcome": "completed",
    "started_at": "2026-01-15T10:30:00.041Z",
    "completed_at": "2026-01-15T10:30:01.253Z",
    "duration": "1.212s",
    "output": '{"status":"ok"}',
    "attempts": [
        {
            "number": 1,
            "started_at": "2026-01-15T10:30:00.041Z",
            "ended_at": "2026-01-15T10:30:01.253Z",
            "outcome": "completed",
            "status_code": 200,
        }
    ],
    "metadata": {
        "trigger": "schedule",
        "worker_id": "falcon-local",
        "retry_count": 0,
        "lock_key": f"scheduler:lock:{TASK_ID}",
        "fencing_token": 151,
        "queued_at": "2026-01-15T10:30:00.000Z",
        "scheduled_for": "2026-01-15T10:30:00.000Z",
        "priority": "normal",
        "status_code": 200,
        "response_size": 15,
    },
    "worker_id": "falcon-local",
    "retry_count": 0,
}
CANCELLED = {
    "message": "The execution was cancelled",
    "execution_id": EXECUTION_ID,
    "task_id": TASK_ID,
    "status": "failed",
    "outcome": "cancelled",
}
EXECUTIONS = {"executions": [EXECUTION], "total": 1, "page": 1, "page_size": 20, "total_pages": 1}

ALERT_ID = "8b0f3c0f1f0d4a7e9a3a5c2d7e6b1f40"
ALERTS = {
    "alerts": [
        {
            "id": ALERT_ID,
            "kind": "failures_in_a_row",
            "state": "open",
            "task_id": TASK_ID,
            "task_name": "API Health Check",
            "text": "3 runs in a row failed, the last with: expected status 200, got 503",
            "opened_at": "2026-01-15T10:30:02.117Z",
            "deliveries": [
                {
                    "event": "opened",
                    "channel": "ops",
                    "state": "delivered",
                    "attempts": 1,
                    "ended_at": "2026-01-15T10:30:02.901Z",
                }
            ],
        }
    ],
    "total": 1,
    "page": 1,
    "page_size": 20,
    "total_pages": 1,
}
ALERT_TEST = {"channel": "ops"}
ALERT_TESTED = {"channels": [{"channel": "ops", "delivered": False, "error": "it answered with status 503"}]}

BULK = {"task_ids": [TASK_ID, "nobody"], "operation": "pause"}
BULK_RESULT = {
    "success": [TASK_ID],
    "failed": [{"task_id": "nobody", "code": "task_not_found", "error": "Task 'nobody' was not found"}],
    "total": 2,
    "success_count": 1,
    "failure_count": 1,
}
EXPORTED: dict[str, Any] = {
    "id": TASK_ID,
    "source": "api",
    "paused": False,
    **{name: value for name, value in TASK_CREATE.items() if name != "tags"},
    "metadata": {
        "max_retries": 3,
        "retry_interval": "1m0s",
        "timeout": "5m0s",
        "tags": ["monitoring", "health"],
        "timezone": "UTC",
        "overlap": "skip",
    },
}
EXPORT = {"format_version": 1, "exported_at": "2026-01-15T10:31:12.000Z", "tasks": [EXPORTED]}
IMPORT = {"tasks": [EXPORTED], "overwrite": False}
IMPORT_RESULT = {
    "imported_tasks": [{"id": TASK_ID, "name": "API Health Check"}],
    "skipped_tasks": [],
    "failed_tasks": [],
    "total": 1,
    "imported": 1,
    "skipped": 0,
    "failed": 0,
}

AUDIT = {
    "entries": [
        {
            "id": "0c8d2f0e-6f3b-4a0e-9a52-0b7a2c6e1d11",
            "at": "2026-01-15T10:29:00.120Z",
            "ended_at": "2026-01-15T10:29:00.151Z",
            "user": "local-operator",
            "character_id": 1,
            "action": "update",
            "task_id": TASK_ID,
            "door": "api",
            "request_id": "3f1d2c9be1d24a6b8a5d0f7e6c4b2a19",
            "outcome": "applied",
            "before": {"schedule": "0 */10 * * * *", "config": {"headers": {"X-Api-Key": "[concealed]"}}},
            "after": {"schedule": "0 */5 * * * *", "config": {"headers": {"X-Api-Key": "[concealed]"}}},
        }
    ],
    "total": 1,
    "page": 1,
    "page_size": 20,
    "total_pages": 1,
}

STATS = {
    "total_tasks": 8,
    "enabled_tasks": 8,
    "impeded_tasks": 0,
    "running_tasks": 1,
    "completed_today": 152,
    "failed_today": 2,
    "average_runtime": "1.5s",
    "next_scheduled_run": "2026-01-15T10:40:00.000Z",
    "worker_count": 10,
    "queue_size": 0,
}
STATUS = {
    "module": "scheduler",
    "status": "healthy",
    "message": "All components answer",
    "dependencies": {
        "database": "healthy",
        "database_latency": "1.204ms",
        "redis": "healthy",
        "redis_latency": "402µs",
        "engine": "running",
        "engine_latency": "5.2ms",
    },
    "metrics": {**STATS, "active_workers": 1, "memory_usage_mb": 141.5, "success_rate": 98.7},
    "last_checked": "2026-01-15T10:31:12.000Z",
}
SCHEDULER_STATUS = {"module": "scheduler", "status": "running", "version": "1.0.0", "engine": True}
RELOADED = {
    "message": "Prefect equals MongoDB",
    "created": 0,
    "updated": 1,
    "removed": 0,
    "unchanged": 7,
    "failed": [],
}
SCHEDULE_QUESTION = {"schedule": "0 0 9 * * 1-5", "timezone": "Europe/Berlin", "count": 2}
SCHEDULE = {
    "schedule": "CRON_TZ=Europe/Berlin 0 0 9 * * 1-5",
    "description": "at 09:00 from Monday to Friday",
    "timezone": "Europe/Berlin",
    "next_runs": ["2026-01-15T08:00:00.000Z", "2026-01-16T08:00:00.000Z"],
    "runs": [
        {"at": "2026-01-15T08:00:00.000Z", "local": "2026-01-15T09:00:00+01:00"},
        {"at": "2026-01-16T08:00:00.000Z", "local": "2026-01-16T09:00:00+01:00"},
    ],
    "skipped": [],
    "is_hashed": False,
}
CONVERSION_QUESTION = {
    "from": "crontab",
    "text": "MAILTO=ops@example.com\n30 9 * * 1-5 /opt/report",
    "timezone": "UTC",
}
CONVERSION = {
    "lines": [
        {
            "line": 2,
            "source": "30 9 * * 1-5 /opt/report",
            "schedule": "CRON_TZ=UTC 0 30 9 * * 1-5",
            "description": "at 09:30 from Monday to Friday",
            "timezone": "UTC",
            "next_runs": ["2026-01-15T09:30:00.000Z", "2026-01-16T09:30:00.000Z", "2026-01-19T09:30:00.000Z"],
            "command": "/opt/report",
            "notes": [],
            "lost": ["the variable MAILTO of line 1, which the command may need"],
        }
    ]
}
UPCOMING = {
    "runs": [{"at": "2026-01-15T09:30:00.000Z", "task_id": TASK["id"], "name": TASK["name"]}],
    "next": f"2026-01-15T09:30:00.000Z/{TASK['id']}",
}
EXECUTORS = {
    "executors": [
        {
            "type": "function",
            "name": "builtin.noop",
            "kind": "function",
            "description": "Do nothing, successfully.",
            "config_schema": {"type": "object", "properties": {"function_name": {"const": "noop"}}},
        }
    ]
}

WORKERS = {"workers": [{"name": "falcon-host", "slots": 10}], "slots": 10, "is_paused": False}
SESSION_REQUEST = {"token": "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.…"}
SESSION = {
    "user_id": "local-operator",
    "character_id": 1,
    "character_name": "Local Operator",
    "is_super_admin": False,
    "permissions": ["scheduler:tasks:execute", "scheduler:tasks:control"],
    "expires_at": "2026-01-15T22:31:12.000Z",
    "default_timezone": "UTC",
}
SESSION_ENDED = {"message": "Signed out"}
EVENTS = (
    "id: 1768473000041-0\nevent: change\n"
    f'data: [{{"subject":"execution","id":"{EXECUTION_ID}","task_id":"{TASK_ID}","status":"running"}}]\n\n'
)
LOGS = {
    "lines": [{"at": "2026-01-15T10:30:00.120Z", "level": "INFO", "message": "Attempt 1 of 4"}],
    "next": 1,
    "has_ended": False,
}

_DETAILS = {
    400: ("invalid", "The request is not valid; errors names every fault"),
    401: ("unauthenticated", "Authentication required"),
    403: ("permission_missing", "Permission denied: scheduler:tasks:create or super_admin is required"),
    404: ("task_not_found", f"Task {TASK_ID!r} was not found"),
    405: ("method_not_allowed", "PATCH is not possible here"),
    408: ("body_too_slow", "The body did not arrive in time"),
    409: ("name_taken", "A task named 'API Health Check' exists already"),
    413: ("body_too_large", "The body may have at most 65536 bytes"),
    414: ("uri_too_long", "The path or the query is too long"),
    415: ("unsupported_media_type", "Send the body as UTF-8 JSON with Content-Type: application/json"),
    429: ("rate_limited", "Too many requests; try again later"),
    500: ("internal", "Something went wrong on our side; the log knows it by this request id"),
    502: ("engine_refused", "Prefect refused this with status 409: the work pool's job template lacks a variable"),
    503: ("unavailable", "MongoDB is not available; try again later"),
}


def problem(status: int) -> dict[str, Any]:
    """An example of a problem with this status."""
    code, detail = _DETAILS[status]
    faults = {"errors": [{"location": "schedule", "message": "second: 61 is not within 0 to 59"}]}
    return {
        "title": HTTPStatus(status).phrase,
        "status": status,
        "detail": detail,
        "code": code,
        **(faults if status == HTTPStatus.BAD_REQUEST else {}),
        "request_id": "3f1d2c9be1d24a6b8a5d0f7e6c4b2a19",
    }
