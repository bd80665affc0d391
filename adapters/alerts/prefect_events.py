"""Sends alerts to Prefect as events for its automations. The task's deployment is a related resource."""

from __future__ import annotations

import uuid
from typing import Any

from falcon_scheduler.adapters.alerts.addresses import PREFECT
from falcon_scheduler.adapters.alerts.payload import payload_of
from falcon_scheduler.adapters.prefect.client import Client
from falcon_scheduler.adapters.prefect.errors import Gone, translated
from falcon_scheduler.core.domain.alert import Message
from falcon_scheduler.core.errors import DeliveryFailed, SchedulerError

EVENT_PREFIX = "falcon-scheduler.alert."
_IDS = uuid.UUID("6f3b7f0e-5d0c-4c35-9d53-0e7a4e2f6a11")
"""Namespace of our events' ids."""


class PrefectEventChannel:
    """The Prefect server. See `core.ports.alerts.AlertChannel`."""

    def __init__(self, client: Client) -> None:
        self.name = PREFECT
        self._client = client

    async def send(self, message: Message) -> None:
        try:
            with translated():
                await self._client.request("POST", "/events", json=[event_of(message)])
        except Gone as error:
            raise DeliveryFailed("this Prefect server takes no events") from error
        except SchedulerError as error:
            raise DeliveryFailed(str(error)) from error


def event_of(message: Message) -> dict[str, Any]:
    """The event. A repeated message has the same event id, so Prefect stores it once."""
    payload, subject = payload_of(message), message.subject
    about = subject.task_id or "service"
    related = []
    if subject.deployment_id:
        related = [
            {
                "prefect.resource.id": f"prefect.deployment.{subject.deployment_id}",
                "prefect.resource.role": "deployment",
                "prefect.resource.name": subject.task_id,
            }
        ]
    return {
        "id": str(uuid.uuid5(_IDS, message.id)),
        "event": f"{EVENT_PREFIX}{message.event}",
        "occurred": payload["timestamp"],
        "resource": {
            "prefect.resource.id": f"falcon-scheduler.alert.{message.kind}.{about}",
            "prefect.resource.name": message.title,
            "falcon-scheduler.alert.kind": message.kind,
            "falcon-scheduler.task.id": subject.task_id or "-",
        },
        "related": related,
        "payload": payload["data"],
    }
