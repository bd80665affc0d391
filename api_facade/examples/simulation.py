"""Examples of a simulation."""

from __future__ import annotations

from typing import Any

from falcon_scheduler.api_facade.examples.tasks import TASK

SIMULATION_QUESTION: dict[str, Any] = {
    "from": "2026-01-15T00:00:00Z",
    "to": "2026-01-16T00:00:00Z",
    "changes": [{"action": "create", "name": "A report", "schedule": "0 0 * * * *", "duration": "20s"}],
    "slots": 10,
}
_SUMMARY = {
    "runs": 168,
    "busiest_minute": 2,
    "busiest_second": 2,
    "queue": 0,
    "late": "0s",
    "late_most": "0s",
    "skipped": 0,
}
SIMULATION: dict[str, Any] = {
    "from": "2026-01-15T00:00:00.000Z",
    "to": "2026-01-16T00:00:00.000Z",
    "tasks": 2,
    "slots": 10,
    "slots_are": "given",
    "durations": {"measured": 1, "given": 1},
    "summary": _SUMMARY,
    "by_priority": [{"priority": "normal", "runs": 168, "late": "0s", "late_most": "0s"}],
    "bucket": "5m0s",
    "buckets": [
        {
            "at": "2026-01-15T00:00:00.000Z",
            "runs": 2,
            "busiest_minute": 2,
            "used": 0.0077,
            "queue": 0,
            "late": "0s",
            "late_most": "0s",
        }
    ],
    "peaks": [
        {
            "at": "2026-01-15T00:00:00.000Z",
            "times": 24,
            "runs": 2,
            "queue": 0,
            "late_most": "0s",
            "tasks": [{"task_id": TASK["id"], "name": TASK["name"], "schedule": TASK["schedule"], "runs": 1}],
            "other_tasks": 1,
        }
    ],
    "overlaps": [],
    "overlapping_tasks": 0,
    "worked_out_until": "2026-01-16T00:00:00.000Z",
}
