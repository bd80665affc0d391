"""Occurrences and explanations."""

from __future__ import annotations

from falcon_scheduler.api_facade.examples.executions import EXECUTION_ID
from falcon_scheduler.api_facade.examples.tasks import TASK

_RAN = {
    "task_id": TASK["id"],
    "at": "2026-01-15T09:00:00.000Z",
    "fate": "ran",
    "execution_id": EXECUTION_ID,
    "outcome": "completed",
    "began_at": "2026-01-15T09:00:00.120Z",
    "late": "120ms",
}
_MISSED = {
    "task_id": TASK["id"],
    "at": "2026-01-15T09:10:00.000Z",
    "until": "2026-01-15T09:50:00.000Z",
    "count": 5,
    "fate": "missed",
    "reason": "paused",
    "by": "4f6c",
    "since": "2026-01-15T09:04:30.000Z",
}
OCCURRENCES_OF_TASK = {"occurrences": [_RAN, _MISSED]}
OCCURRENCES = {
    "occurrences": [{**each, "task_name": TASK["name"]} for each in (_RAN, _MISSED)],
    "next": f"2026-01-15T09:10:00.000Z/{TASK['id']}",
}
EXPLANATION = {
    "task_id": TASK["id"],
    "task_name": TASK["name"],
    "at": "2026-01-15T09:10:00.000Z",
    "cause": "paused",
    "sentence": "The task was paused.",
    "facts": [
        {"name": "since", "value": "2026-01-15T09:04:30.000Z"},
        {"name": "by", "value": "4f6c"},
        {"name": "change", "value": "pause"},
        {"name": "door", "value": "api"},
    ],
    "what_to_do": "Resume the task if it is to run.",
}
