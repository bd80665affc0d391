"""An alert and its messages."""

from __future__ import annotations

from falcon_scheduler.api_facade.examples.tasks import TASK_ID

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
