"""An entry of the audit."""

from __future__ import annotations

from falcon_scheduler.api_facade.examples.tasks import TASK_ID

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
