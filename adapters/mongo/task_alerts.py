"""What a task says about its alerts, as a part of its document."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from adapters.mongo.fields import duration_of, text_of
from core.domain.alert import TaskAlerts


def alerts_document(alerts: TaskAlerts) -> dict[str, Any]:
    """Only what is said."""
    document = {
        "enabled": alerts.enabled,
        "failures_in_a_row": alerts.failures_in_a_row,
        "failure_rate": alerts.failure_rate,
        "late_after": text_of(alerts.late_after),
        "channels": None if alerts.channels is None else list(alerts.channels),
    }
    return {name: value for name, value in document.items() if value is not None}


def alerts_of(document: Mapping[str, Any] | None) -> TaskAlerts:
    """Read it back; what is absent is as in the settings."""
    if not document:
        return TaskAlerts()
    channels = document.get("channels")
    return TaskAlerts(
        enabled=bool(document.get("enabled", True)),
        failures_in_a_row=document.get("failures_in_a_row"),
        failure_rate=document.get("failure_rate"),
        late_after=duration_of(document.get("late_after")) or None,
        channels=None if channels is None else tuple(channels),
    )
