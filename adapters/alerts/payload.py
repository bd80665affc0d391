"""A message as JSON, the same for every channel that carries JSON."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from falcon_scheduler.core.domain.alert import Message


def payload_of(message: Message) -> dict[str, Any]:
    """`type`, `timestamp` and `data`, as Standard Webhooks advises."""
    subject = message.subject
    data: dict[str, Any] = {
        "alert_id": message.alert_id,
        "kind": message.kind,
        "title": message.title,
        "text": message.text,
        "opened_at": _instant(message.opened_at),
    }
    if message.recovered_at is not None:
        data["recovered_at"] = _instant(message.recovered_at)
    if subject.task_id:
        data["task"] = {"id": subject.task_id, "name": subject.task_name}
    if subject.part:
        data["part"] = subject.part
    return {"type": f"alert.{message.event}", "timestamp": _instant(message.at), "data": data}


def _instant(instant: datetime) -> str:
    return instant.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
