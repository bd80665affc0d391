"""Questions about schedules."""

from __future__ import annotations

from falcon_scheduler.api_facade.examples.tasks import TASK

SCHEDULE_QUESTION = {"schedule": "0 0 9 * * 1-5", "timezone": "Europe/Berlin", "count": 2}
SCHEDULE = {
    "schedule": "CRON_TZ=Europe/Berlin 0 0 9 * * 1-5",
    "description": "at 09:00 from Monday to Friday",
    "timezone": "Europe/Berlin",
    "next_runs": ["2026-01-15T08:00:00.000Z", "2026-01-16T08:00:00.000Z"],
    "runs": [
        {"at": "2026-01-15T08:00:00.000Z", "local": "2026-01-15T09:00:00+01:00"},
        {"at": "2026-01-16T08:00:00.000Z", "local": "2026-01-16T09:00:00+01:00"},
    ],
    "skipped": [],
    "is_hashed": False,
}
CONVERSION_QUESTION = {
    "from": "crontab",
    "text": "MAILTO=ops@example.com\n30 9 * * 1-5 /opt/report",
    "timezone": "UTC",
}
CONVERSION = {
    "lines": [
        {
            "line": 2,
            "source": "30 9 * * 1-5 /opt/report",
            "schedule": "CRON_TZ=UTC 0 30 9 * * 1-5",
            "description": "at 09:30 from Monday to Friday",
            "timezone": "UTC",
            "next_runs": ["2026-01-15T09:30:00.000Z", "2026-01-16T09:30:00.000Z", "2026-01-19T09:30:00.000Z"],
            "command": "/opt/report",
            "notes": [],
            "lost": ["the variable MAILTO of line 1, which the command may need"],
        }
    ]
}
UPCOMING = {
    "runs": [{"at": "2026-01-15T09:30:00.000Z", "task_id": TASK["id"], "name": TASK["name"]}],
    "next": f"2026-01-15T09:30:00.000Z/{TASK['id']}",
}
