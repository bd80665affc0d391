"""Has Prefect's server send an event when a single schedule of a deployment was added, changed, switched or removed.

Prefect sends one for every other change of a deployment. Without it, whoever follows deployments has to read all of
them again and again. Source: Prefect 3.8.8, `server/api/deployments.py`. The text for a request upstream is in
docs/decisions/0024-prefect-server-at-ten-thousand-tasks.md.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from http import HTTPStatus
from uuid import uuid4

from prefect.server.events.clients import PrefectServerEventsClient
from prefect.server.events.schemas.events import Event, Resource
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from falcon_scheduler.adapters.prefect.names import SCHEDULES_CHANGED

logger = logging.getLogger(__name__)

CHANGING = frozenset({"POST", "PATCH", "DELETE"})
_PATH = re.compile(r"/deployments/(?P<id>[0-9a-f-]{36})/schedules(/[0-9a-f-]{36})?/?", re.IGNORECASE)


async def announce(deployment_id: str) -> None:
    """Send the event, to whom it concerns and into Prefect's own list of events."""
    resource = Resource({"prefect.resource.id": f"prefect.deployment.{deployment_id}"})
    async with PrefectServerEventsClient() as events:
        await events.emit(Event(id=uuid4(), occurred=datetime.now(UTC), event=SCHEDULES_CHANGED, resource=resource))


def is_success(status: int) -> bool:
    """Whether the answer reports success."""
    return HTTPStatus.OK <= status < HTTPStatus.MULTIPLE_CHOICES


class ScheduleEvents:
    """ASGI middleware around Prefect's app. The event follows the answer, and is left out when the change failed."""

    def __init__(self, app: ASGIApp, send_event: Callable[[str], Awaitable[None]] = announce) -> None:
        """`send_event` gets the id of a deployment."""
        self._app = app
        self._send_event = send_event

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """See ASGI."""
        named = _PATH.search(scope["path"]) if scope["type"] == "http" and scope["method"] in CHANGING else None
        if named is None:
            await self._app(scope, receive, send)
            return
        status = 0

        async def noted(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        await self._app(scope, receive, noted)
        if is_success(status):
            try:
                await self._send_event(named["id"].lower())
            except Exception:  # the change is made, and is found without the event, only later
                logger.exception("Could not send the event of a changed schedule")
