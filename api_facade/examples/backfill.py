"""Examples of backfills for the description of the API."""

from __future__ import annotations

from typing import Any

from falcon_scheduler.api_facade.examples.tasks import TASK_ID

BACKFILL: dict[str, Any] = {"from": "2026-01-14T00:00:00Z", "to": "2026-01-14T03:00:00Z", "dry_run": True}
BACKFILLED = {
    "task_id": TASK_ID,
    "dry_run": True,
    "runs": 2,
    "instants": ["2026-01-14T00:00:00.000Z", "2026-01-14T02:00:00.000Z"],
    "already_served": 1,
}
GIVEN_UP = {"task_id": TASK_ID, "removed": 2}
