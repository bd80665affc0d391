"""One task, in what clients send and in the answers about it."""

from __future__ import annotations

from typing import Any

TASK_ID = "0f6fd6a2-4f0e-4c39-9c1e-1f2f7c0f7d11"
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
