"""Alerts: open and recovered ones, their deliveries, and a test message for a channel."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query, Request

from falcon_scheduler.api_facade.declared import CHANGE, READ, LeanRoute, answers, takes
from falcon_scheduler.api_facade.deps import Caller, Manager, Parts
from falcon_scheduler.api_facade.examples import alerts as examples
from falcon_scheduler.api_facade.mapping.pages import page_numbers, page_request
from falcon_scheduler.api_facade.schemas.alerts import (
    AlertList,
    AlertQuery,
    AlertResponse,
    AlertTest,
    AlertTested,
    AlertTestOutcome,
    DeliveryResponse,
)
from falcon_scheduler.api_facade.shape import judged, read_json, read_whole
from falcon_scheduler.core.domain.alert import Alert
from falcon_scheduler.core.domain.alert_delivery import Delivery
from falcon_scheduler.core.ports.alerts import AlertFilter

router = APIRouter(prefix="/alerts", tags=["alerts"], route_class=LeanRoute)


@router.get("", responses=answers(200, examples.ALERTS, *READ, 400, 503), summary="List alerts")
async def list_alerts(caller: Caller, parts: Parts, query: Annotated[AlertQuery, Query()]) -> AlertList:
    """The open and the recent alerts that meet all conditions, the one opened last first. `total` is exact."""
    wanted = AlertFilter(state=query.state, kind=query.kind, task_id=query.task_id)
    page = await parts.alerts.list(wanted, page_request(query))
    return AlertList(alerts=[_response(each) for each in page.items], **page_numbers(page))


@router.post(
    "/test",
    responses=answers(200, examples.ALERT_TESTED, *CHANGE, 400, 408, 413, 415),
    openapi_extra=takes("AlertTest", required=False, one=examples.ALERT_TEST),
    summary="Send a test message",
)
async def test_alerts(caller: Manager, parts: Parts, request: Request) -> AlertTested:
    """Send a message to one channel or to all, and return the result. Nothing is stored or retried.
    Needs `scheduler:system:manage`."""
    wanted = await judged(request, read_whole, AlertTest, await read_json(request, optional=True))
    outcomes = await parts.alerts.test(wanted.channel)
    return AlertTested(
        channels=[
            AlertTestOutcome(channel=each.channel, delivered=not each.error, error=each.error or None)
            for each in outcomes
        ]
    )


def _response(alert: Alert) -> AlertResponse:
    """An alert in the form for clients."""
    return AlertResponse(
        id=alert.id,
        kind=alert.kind,
        state=alert.state,
        task_id=alert.subject.task_id or None,
        task_name=alert.subject.task_name or None,
        part=alert.subject.part or None,
        text=alert.text,
        opened_at=alert.opened_at,
        recovered_at=alert.recovered_at,
        recovery=alert.recovery or None,
        deliveries=[_delivery(each) for each in alert.deliveries],
    )


def _delivery(delivery: Delivery) -> DeliveryResponse:
    return DeliveryResponse(
        event=delivery.event,
        channel=delivery.channel,
        state=delivery.state,
        attempts=delivery.attempts,
        next_attempt_at=delivery.due_at if delivery.is_pending else None,
        ended_at=delivery.ended_at,
        error=delivery.error or None,
    )
