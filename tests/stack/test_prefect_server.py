"""What our start of Prefect's server adds to it: an event of a changed schedule, names of runs, one list of zones."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest
from prefect._internal.schemas import validators
from prefect.server.schemas import schedules
from prefect.server.schemas.schedules import CronSchedule
from prefect.types._datetime import get_timezones
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from falcon_scheduler.deployments.stack.prefect_run_names import give_names, name_planned_runs
from falcon_scheduler.deployments.stack.prefect_schedule_checks import CRON, ZONES, check_schedules_once
from falcon_scheduler.deployments.stack.prefect_schedule_events import ScheduleEvents

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

    monkeypatch.setattr(validators, ZONES[1], zones)  # and what replaces it is taken back after the test
    monkeypatch.setattr(schedules, CRON[1], validators.validate_cron_string)
    assert check_schedules_once()
    assert check_schedules_once()
    for zone in ("Europe/Berlin", "UTC"):
        assert CronSchedule(cron="0 5 * * *", timezone=zone).timezone == zone
    with pytest.raises(ValueError, match="Nowhere/Land"):
        CronSchedule(cron="0 5 * * *", timezone="Nowhere/Land")
    assert len(listed) == 1


def test_a_cron_text_is_checked_once_and_an_invalid_one_each_time(monkeypatch: pytest.MonkeyPatch) -> None:
    checked: list[str] = []

    def check(text: str) -> str:
        checked.append(text)
        return validators.validate_cron_string(text)

    monkeypatch.setattr(validators, ZONES[1], get_timezones)
    monkeypatch.setattr(schedules, CRON[1], check)
    assert check_schedules_once()
    for _ in range(2):
        assert CronSchedule(cron="7 5 * * *").cron == "7 5 * * *"
        for invalid in ("61 5 * * *", "H 5 * * *"):
            with pytest.raises(ValueError, match="cron"):
                CronSchedule(cron=invalid)
    assert checked == ["7 5 * * *", "61 5 * * *", "H 5 * * *", "61 5 * * *", "H 5 * * *"]


def test_planned_runs_of_ours_are_named_after_their_task_and_those_of_others_as_prefect_would() -> None:
    assert name_planned_runs(), "this version of Prefect has the planner"
    at = datetime(2026, 7, 1, 9, 30, tzinfo=UTC)
    ours = {
        "parameters": {"task_id": "t"},
        "tags": ["auto-scheduled", "task: b", "task: a"],
        "expected_start_time": at,
    }
    runs: list[dict[str, Any]] = [ours, {**ours, "parameters": {}}, {**ours, "tags": None}]
    give_names(runs)
    assert runs[0]["name"] == "a 2026-07-01 09:30:00"
    assert all("-" in run["name"] and " " not in run["name"] for run in runs[1:])
    unknown: list[dict[str, Any]] = [{"parameters": {"task_id": "t"}, "tags": ["task: a"]}]
    give_names(unknown)
    assert "name" not in unknown[0], "rows of another version of Prefect are planned as they are"
