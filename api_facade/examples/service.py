"""The service as a whole: its status, its numbers, its workers, what it can run."""

from __future__ import annotations

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
EXECUTORS = {
    "executors": [
        {
            "type": "function",
            "name": "builtin.noop",
            "kind": "function",
            "description": "Do nothing, successfully.",
            "isolation": "process",
            "config_schema": {"type": "object", "properties": {"function_name": {"const": "noop"}}},
        }
    ]
}
WORKERS = {"workers": [{"name": "falcon-host", "slots": 10}], "slots": 10, "is_paused": False}
SETTINGS = {
    "settings": [
        {"name": "JWT_SECRET", "value": "[concealed]", "source": "environment", "is_secret": True},
        {"name": "SCHEDULER_WORKER_COUNT", "value": 10, "source": "default", "is_secret": False},
    ]
}
