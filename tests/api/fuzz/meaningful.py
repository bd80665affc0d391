"""Gives generated bodies a schedule and a config that mean something, so that most tasks are really created.

Loaded by schemathesis. Bodies that are wrong on purpose are left alone.
"""

from __future__ import annotations

from typing import Any

import schemathesis

SCHEDULES = ("0 */10 * * * *", "@hourly", "@every 90s", "CRON_TZ=Europe/Berlin 0 0 9 * * 1-5")
NOOP = {"function_name": "noop", "module": "builtin"}


@schemathesis.hook
def before_call(context: Any, case: Any, kwargs: Any) -> None:
    """Mend what is right in shape."""
    if case.meta is None or not case.meta.generation.mode.is_positive or not isinstance(case.body, dict):
        return
    bodies = case.body.get("tasks") if "tasks" in case.body else [case.body]
    for body in bodies if isinstance(bodies, list) else []:
        if isinstance(body, dict):
            _mend(body)


def _mend(body: dict[str, Any]) -> None:
    if isinstance(body.get("schedule"), str):
        body["schedule"] = SCHEDULES[len(body["schedule"]) % len(SCHEDULES)]
    if "timezone" in body:
        body["timezone"] = "Europe/Berlin"
    if isinstance(body.get("metadata"), dict) and "timezone" in body["metadata"]:
        body["metadata"]["timezone"] = "Asia/Tokyo"
    if "type" in body:
        body.update(type="function", config=NOOP)
    elif "config" in body and len(str(body)) % 2:
        body["config"] = NOOP
