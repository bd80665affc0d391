"""Many tasks in one request."""

from __future__ import annotations

from typing import Any

from falcon_scheduler.api_facade.examples.tasks import TASK_CREATE, TASK_ID

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
