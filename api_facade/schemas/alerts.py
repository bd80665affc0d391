"""Shapes of alerts."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, StringConstraints

from falcon_scheduler.api_facade.schemas.common import PageQuery, PageShape, RequestShape, ResponseShape
from falcon_scheduler.api_facade.schemas.values import Instant
from falcon_scheduler.core.domain.alert import AlertKind, AlertState
from falcon_scheduler.core.domain.alert_delivery import AlertEvent, DeliveryState


class AlertQuery(PageQuery):
    """Which alerts; all of the conditions hold."""

    state: AlertState | None = None
    kind: AlertKind | None = None
    task_id: Annotated[str | None, StringConstraints(min_length=1, max_length=200)] = None


class DeliveryResponse(ResponseShape):
    """A message to one channel."""

    event: AlertEvent
    channel: str
    state: DeliveryState
    attempts: int
    next_attempt_at: Annotated[Instant | None, Field(description="While it is pending.")] = None
    ended_at: Instant | None = None
    error: Annotated[str | None, Field(description="Why the last attempt failed.")] = None


class AlertResponse(ResponseShape):
    """Something that is, or was, wrong."""

    id: str
    kind: AlertKind
    state: AlertState
    task_id: Annotated[str | None, Field(description="Left out for the service as a whole.")] = None
    task_name: Annotated[str | None, Field(description="As it was when the alert opened.")] = None
    part: Annotated[
        str | None, Field(description="The part of the service: a duty, a server, something unreadable.")
    ] = None
    text: str
    opened_at: Instant
    recovered_at: Instant | None = None
    recovery: str | None = None
    deliveries: list[DeliveryResponse]


class AlertList(PageShape):
    """A page of alerts, the one opened last first."""

    alerts: list[AlertResponse]


class AlertTest(RequestShape):
    """Whom to send a test message. The body may be left out."""

    channel: Annotated[str | None, Field(description="Name of a channel; all when not given.")] = None


class AlertTestOutcome(ResponseShape):
    """What became of the test message to one channel."""

    channel: str
    delivered: bool
    error: Annotated[str | None, Field(description="Why it was not delivered.")] = None


class AlertTested(ResponseShape):
    """What became of a test message."""

    channels: list[AlertTestOutcome]
