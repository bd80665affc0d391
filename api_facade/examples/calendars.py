"""Examples of calendars for the description of the API."""

from __future__ import annotations

from typing import Any

from falcon_scheduler.api_facade.examples.tasks import TASK_ID

NAME = "holidays"
CALENDAR_CREATE: dict[str, Any] = {
    "name": NAME,
    "description": "Days on which nobody works",
    "dates": ["2026-12-25", "2026-12-26"],
    "ranges": [{"from": "2026-12-30", "to": "2027-01-01"}],
    "weekdays": [{"days": ["SAT", "SUN"]}],
}
CALENDAR_CHANGE: dict[str, Any] = {"dates": ["2026-12-24", "2026-12-25", "2026-12-26"]}
_SUMMARY: dict[str, Any] = {
    "name": NAME,
    "description": CALENDAR_CREATE["description"],
    "version": 1,
    "entries": 4,
    "created_at": "2026-01-14T09:00:00.000Z",
    "updated_at": "2026-01-14T09:00:00.000Z",
    "created_by": "local-operator",
    "updated_by": "local-operator",
}
CALENDAR: dict[str, Any] = {
    **_SUMMARY,
    **{field: CALENDAR_CREATE[field] for field in ("dates", "ranges", "weekdays")},
    "tasks": [{"id": TASK_ID, "name": "API Health Check"}],
}
CALENDARS = {"calendars": [_SUMMARY], "total": 1}
DELETED = {"message": "Calendar deleted", "name": NAME}
