"""The alert options of a task, as a part of its document."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from falcon_scheduler.adapters.mongo.fields import text_of
from falcon_scheduler.adapters.mongo.reading import Reading
from falcon_scheduler.core.domain.alert import ExpectedSuccess, TaskAlerts
from falcon_scheduler.core.domain.duration import format_duration


def alerts_document(alerts: TaskAlerts) -> dict[str, Any]:
    """The options that are set."""
    document = {
        "enabled": alerts.enabled,
        "failures_in_a_row": alerts.failures_in_a_row,
        "failure_rate": alerts.failure_rate,
        "late_after": text_of(alerts.late_after),
        "expect_success": _expectation_document(alerts.expect_success),
        "channels": None if alerts.channels is None else list(alerts.channels),
    }
    return {name: value for name, value in document.items() if value is not None}


def alerts_of(alerts: Reading) -> TaskAlerts:
    """Read the options; an absent one has the value of the settings."""
    return TaskAlerts(
        enabled=alerts.flag("enabled", True),
        failures_in_a_row=alerts.number("failures_in_a_row") or None,
        failure_rate=_share(alerts.raw("failure_rate")),
        late_after=alerts.duration("late_after") or None,
        expect_success=_expectation_of(alerts.part("expect_success")),
        channels=alerts.texts("channels") if alerts.raw("channels") is not None else None,
    )


def _expectation_document(expected: ExpectedSuccess | None) -> dict[str, Any] | None:
    if expected is None:
        return None
    period, grace = format_duration(expected.period), format_duration(expected.grace)
    return {"period": period, "grace": grace, "while_paused": expected.while_paused}


def _expectation_of(stored: Reading) -> ExpectedSuccess | None:
    """None as well when the period can't be read: without it nothing is expected."""
    if not (period := stored.duration("period")):
        return None
    grace = max(stored.duration("grace"), timedelta())
    return ExpectedSuccess(period=period, grace=grace, while_paused=stored.flag("while_paused"))


def _share(value: object) -> float | None:
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None
