"""One execution of the task, and what belongs to it."""

from __future__ import annotations

from typing import Any

from falcon_scheduler.api_facade.examples.tasks import TASK_ID

EXECUTION_ID = "5a0c8b7e-2f43-4d43-8f0a-3c9d9b8a2e10"
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
LOGS = {
    "lines": [{"at": "2026-01-15T10:30:00.120Z", "level": "INFO", "message": "Attempt 1 of 4"}],
    "next": 1,
    "has_ended": False,
}
