"""What our start of Prefect's server adds to it: an event of a changed schedule, and one list of the time zones."""

from __future__ import annotations

from collections.abc import Sequence

import httpx
import pytest
from prefect._internal.schemas import validators
from prefect.server.schemas.schedules import CronSchedule
from prefect.types._datetime import get_timezones
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from falcon_scheduler.deployments.stack.prefect_schedule_events import ScheduleEvents
from falcon_scheduler.deployments.stack.prefect_zones import FUNCTION, list_zones_once

DEPLOYMENT = "6f1c2f0e-8f2b-4d0b-9a52-0a1c3a2f7d11"
SCHEDULE = "0d1c2f0e-8f2b-4d0b-9a52-0a1c3a2f7d22"
OF_ALL, OF_ONE = f"/api/deployments/{DEPLOYMENT}/schedules", f"/api/deployments/{DEPLOYMENT}/schedules/{SCHEDULE}"


@pytest.mark.parametrize(
    ("requests", "status", "announced"),
    [
        ([("GET", OF_ALL), ("PATCH", f"/api/deployments/{DEPLOYMENT}"), ("POST", "/api/deployments/filter")], 200, 0),
        ([("POST", OF_ALL), ("PATCH", OF_ONE), ("DELETE", OF_ONE)], 204, 3),
        ([("PATCH", OF_ONE)], 404, 0),
    ],
)
async def test_only_a_change_of_a_schedule_that_succeeded_is_announced(
    requests: Sequence[tuple[str, str]], status: int, announced: int
) -> None:
    sent: list[str] = []

    async def server(scope: Scope, receive: Receive, send: Send) -> None:
        await Response(status_code=status)(scope, receive, send)

    async def send_event(deployment_id: str) -> None:
        sent.append(deployment_id)

    app = ScheduleEvents(server, send_event)
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://prefect.test") as client:
        for method, path in requests:
            await client.request(method, path)
    assert sent == [DEPLOYMENT] * announced


async def test_a_change_is_answered_as_made_although_its_event_can_not_be_sent() -> None:
    async def server(scope: Scope, receive: Receive, send: Send) -> None:
        await Response(status_code=204)(scope, receive, send)

    async def send_event(deployment_id: str) -> None:
        raise ConnectionError

    app = ScheduleEvents(server, send_event)
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://prefect.test") as client:
        assert (await client.patch(OF_ONE)).status_code == 204


def test_zones_are_listed_once_and_an_unknown_one_is_refused_as_before(monkeypatch: pytest.MonkeyPatch) -> None:
    listed: list[int] = []

    def zones() -> tuple[str, ...]:
        listed.append(1)
        return get_timezones()

    monkeypatch.setattr(validators, FUNCTION, zones)  # and what replaces it is taken back after the test
    assert list_zones_once()
    assert list_zones_once()
    for zone in ("Europe/Berlin", "UTC"):
        assert CronSchedule(cron="0 5 * * *", timezone=zone).timezone == zone
    with pytest.raises(ValueError, match="Nowhere/Land"):
        CronSchedule(cron="0 5 * * *", timezone="Nowhere/Land")
    assert len(listed) == 1
