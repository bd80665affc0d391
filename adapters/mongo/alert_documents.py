"""An alert as a document of `scheduler_alerts`, and back."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from falcon_scheduler.adapters.mongo.fields import instant_of
from falcon_scheduler.core.domain.alert import Alert, AlertKind, AlertState, Subject
from falcon_scheduler.core.domain.alert_delivery import AlertEvent, Delivery, DeliveryState

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def to_document(alert: Alert) -> dict[str, Any]:
    """All fields but `_id` and the revision. None marks a field that is absent.

    `open_key`, `waiting` and `next_delivery_at` repeat, for queries, what the other fields hold.
    """
    return {
        "kind": str(alert.kind),
        "open_key": alert.key if alert.state is AlertState.OPEN else None,
        "task_id": alert.subject.task_id,
        "task_name": alert.subject.task_name,
        "deployment_id": alert.subject.deployment_id,
        "part": alert.subject.part or None,
        "text": alert.text,
        "opened_at": alert.opened_at,
        "recovered_at": alert.recovered_at,
        "recovery": alert.recovery,
        "deliveries": [_delivery_document(each) for each in alert.deliveries],
        "waiting": list(alert.waiting_channels) or None,
        "next_delivery_at": alert.next_delivery_at,
    }


def _delivery_document(delivery: Delivery) -> dict[str, Any]:
    return {
        "event": str(delivery.event),
        "channel": delivery.channel,
        "wanted_at": delivery.wanted_at,
        "due_at": delivery.due_at,
        "state": str(delivery.state),
        "attempts": delivery.attempts,
        "ended_at": delivery.ended_at,
        "error": delivery.error,
    }


def from_document(document: Mapping[str, Any]) -> Alert:
    """Read a stored alert."""
    return Alert(
        id=document["_id"],
        kind=AlertKind(document["kind"]),
        subject=Subject(
            task_id=document["task_id"],
            task_name=document["task_name"],
            deployment_id=document["deployment_id"],
            part=document.get("part") or "",
        ),
        text=document["text"],
        opened_at=_instant(document["opened_at"]),
        recovered_at=instant_of(document.get("recovered_at")),
        recovery=document["recovery"],
        deliveries=tuple(map(_delivery, document["deliveries"])),
        revision=document["revision"],
    )


def _delivery(document: Mapping[str, Any]) -> Delivery:
    return Delivery(
        event=AlertEvent(document["event"]),
        channel=document["channel"],
        wanted_at=_instant(document["wanted_at"]),
        due_at=_instant(document["due_at"]),
        state=DeliveryState(document["state"]),
        attempts=document["attempts"],
        ended_at=instant_of(document.get("ended_at")),
        error=document["error"],
    )


def _instant(value: object) -> datetime:
    return instant_of(value) or EPOCH
