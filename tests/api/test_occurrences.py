"""The ledger over the API: what became of the instants that schedules named."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest

from falcon_scheduler.api_facade.composition.services import Services
from falcon_scheduler.core.domain.execution import Execution, ExecutionStatus, Trigger
from falcon_scheduler.core.domain.occurrence import Occurrence, Reason
from tests.api.conftest import faults

LONG_AGO = datetime(2020, 5, 1, 12, tzinfo=UTC)
"""No other test's task was due then."""
MINUTE = timedelta(minutes=1)
DAY = {"from": "2020-05-01T12:00:00Z", "to": "2020-05-02T12:00:00Z"}
Make = Callable[..., Awaitable[Any]]


async def ran(services: Services, task_id: str, minutes: int) -> str:
    at = LONG_AGO + minutes * MINUTE
    execution = Execution(
        id=f"{task_id}-{minutes}",
        task_id=task_id,
        status=ExecutionStatus.RUNNING,
        started_at=at + timedelta(seconds=2),
        scheduled_for=at,
        trigger=Trigger.SCHEDULE,
        occurrence=f"{task_id}/{minutes}",
    )
    await services.stores.executions.begin(execution)
    await services.stores.executions.finish(execution.ended(ExecutionStatus.COMPLETED, at + MINUTE))
    return execution.id


async def missed(services: Services, task_id: str, first: int, last: int, reason: Reason) -> None:
    begin = LONG_AGO + first * MINUTE
    row = Occurrence.without_run(
        task_id, begin, reason, until=LONG_AGO + last * MINUTE, count=last - first + 1, by="u", since=begin
    )
    await services.stores.ledger.add([row])


async def test_every_instant_is_listed_with_its_fate(
    admin: httpx.AsyncClient, make: Make, services: Services
) -> None:
    task_id = (await make(schedule="0 0 0 1 1 *"))["id"]
    execution_id = await ran(services, task_id, 0)
    await missed(services, task_id, 1, 5, Reason.PAUSED)
    await missed(services, task_id, 7, 7, Reason.ENGINE_AWAY)
    late = await ran(services, task_id, 7)
    found = (await admin.get(f"/tasks/{task_id}/occurrences", params=DAY)).json()
    assert "next" not in found
    assert found["occurrences"] == [
        {
            "task_id": task_id,
            "at": "2020-05-01T12:00:00.000Z",
            "fate": "ran",
            "execution_id": execution_id,
            "outcome": "completed",
            "began_at": "2020-05-01T12:00:02.000Z",
            "late": "2s",
        },
        {
            "task_id": task_id,
            "at": "2020-05-01T12:01:00.000Z",
            "until": "2020-05-01T12:05:00.000Z",
            "count": 5,
            "fate": "missed",
            "reason": "paused",
            "by": "u",
            "since": "2020-05-01T12:01:00.000Z",
        },
        {
            "task_id": task_id,
            "at": "2020-05-01T12:07:00.000Z",
            "fate": "caught_up",
            "reason": "engine_away",
            "execution_id": late,
            "outcome": "completed",
            "began_at": "2020-05-01T12:07:02.000Z",
            "late": "2s",
            "by": "u",
            "since": "2020-05-01T12:07:00.000Z",
        },
    ]
    narrowed = await admin.get(f"/tasks/{task_id}/occurrences", params={**DAY, "fate": ["caught_up", "ran"]})
    assert [each["fate"] for each in narrowed.json()["occurrences"]] == ["ran", "caught_up"]
    narrowed = await admin.get(f"/tasks/{task_id}/occurrences", params={**DAY, "reason": "paused"})
    assert [each["reason"] for each in narrowed.json()["occurrences"]] == ["paused"]


async def test_the_occurrences_of_all_tasks_come_in_pages(
    admin: httpx.AsyncClient, make: Make, services: Services
) -> None:
    day = {"from": "2020-05-01T15:00:00Z", "to": "2020-05-01T16:00:00Z"}
    tasks = [(await make(schedule="0 0 0 1 1 *")) for _ in range(2)]
    for each in tasks:
        await ran(services, each["id"], 180)
        await missed(services, each["id"], 181, 190, Reason.DISABLED)
        await ran(services, each["id"], 200)
    whole = (await admin.get("/occurrences", params=day)).json()["occurrences"]
    assert [each["fate"] for each in whole] == ["ran", "ran", "missed", "missed", "ran", "ran"]
    assert {each["task_name"] for each in whole} == {each["name"] for each in tasks}
    paged: list[Any] = []
    after: dict[str, str] = {}
    while True:
        page = (await admin.get("/occurrences", params={**day, "limit": 1, **after})).json()
        paged += page["occurrences"]
        if "next" not in page:
            break
        after = {"after": page["next"]}
    assert paged == whole


async def test_a_pause_shows_at_once_with_its_author(admin: httpx.AsyncClient, make: Make) -> None:
    task = await make(schedule="* * * * * *", enabled=True)
    await admin.post(f"/tasks/{task['id']}/pause")
    while True:  # until the pause contains an instant
        page = (await admin.get(f"/tasks/{task['id']}/occurrences", params={"reason": "paused"})).json()
        if page["occurrences"]:
            break
    [row] = page["occurrences"]
    assert (row["fate"], row["by"]) == ("missed", "the-admin")
    await admin.delete(f"/tasks/{task['id']}")
    everything = (await admin.get("/occurrences", params={"limit": 1000})).json()["occurrences"]
    assert task["id"] not in {each["task_id"] for each in everything}


@pytest.mark.parametrize(
    ("asked", "location"),
    [
        ({"from": "2020-01-02T00:00:00Z", "to": "2020-01-01T00:00:00Z"}, "query.to"),
        ({"from": "2020-01-02T00:00:00Z", "to": "2021-01-04T00:00:00Z"}, "query.to"),
        ({"limit": "1001"}, "query.limit"),
        ({"after": "yesterday"}, "query.after"),
        ({"fate": "doomed"}, "query.fate"),
        ({"reason": "because"}, "query.reason"),
    ],
)
async def test_a_wrong_question_is_refused(admin: httpx.AsyncClient, asked: dict[str, str], location: str) -> None:
    assert any(each.startswith(location) for each in faults(await admin.get("/occurrences", params=asked)))


async def test_the_occurrences_of_an_unknown_task_are_not_found(admin: httpx.AsyncClient) -> None:
    assert (await admin.get("/tasks/nobody/occurrences")).status_code == 404


async def explained(admin: httpx.AsyncClient, task_id: str, **asked: str) -> dict[str, Any]:
    answer = await admin.get(f"/tasks/{task_id}/explain", params=asked)
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


async def test_what_will_run_and_what_will_not_is_explained(admin: httpx.AsyncClient, make: Make) -> None:
    task = await make(schedule="0 0 0 1 1 *")
    coming = await explained(admin, task["id"])
    assert (coming["cause"], coming["task_name"]) == ("due", task["name"])
    assert coming["next_run"] == coming["at"]
    await admin.post(f"/tasks/{task['id']}/pause")
    paused = await explained(admin, task["id"], at=coming["at"])
    facts = {each["name"]: each["value"] for each in paused["facts"]}
    assert (paused["cause"], facts["by"], facts["change"]) == ("paused", "the-admin", "pause")
    assert "next_run" not in paused
    assert (await explained(admin, task["id"], at="2199-05-05T05:05:05Z"))["cause"] == "not_named"
    assert (await explained(admin, task["id"], at="2001-01-01T00:00:00Z"))["cause"] == "not_created"


async def test_an_execution_is_explained_by_its_instant_and_by_its_id(
    admin: httpx.AsyncClient, make: Make, services: Services
) -> None:
    task_id = (await make(schedule="0 0 0 1 1 *"))["id"]
    execution_id = await ran(services, task_id, 300)
    found = await explained(admin, task_id, at="2020-05-01T17:00:00Z")
    assert (found["cause"], found["execution_id"]) == ("on_time", execution_id)
    assert {each["name"]: each["value"] for each in found["facts"]}["late"] == "2s"
    assert await explained(admin, task_id, execution_id=execution_id) == found


async def test_a_wrong_question_for_an_explanation_is_refused(admin: httpx.AsyncClient, make: Make) -> None:
    task, other = await make(), await make()
    path = f"/tasks/{task['id']}/explain"
    assert "query.at" in faults(await admin.get(path, params={"at": "noon"}))
    both = {"at": "2026-01-01T00:00:00Z", "execution_id": "x"}
    assert "query.execution_id" in faults(await admin.get(path, params=both))
    assert (await admin.get("/tasks/nobody/explain")).status_code == 404
    run = (await admin.post(f"/tasks/{other['id']}/execute")).json()["execution_id"]
    assert (await admin.get(path, params={"execution_id": run})).status_code == 404


@pytest.mark.parametrize("schedule", ["*/2 * * * * *", "CRON_TZ=Asia/Tokyo 0 30 2 * * *", "@every 90m from 06:00"])
async def test_instants_at_both_ends_of_the_calendar_are_refused_or_answered(
    admin: httpx.AsyncClient, make: Make, schedule: str
) -> None:
    task = await make(schedule=schedule)
    first, second, last = "0001-01-01T00:00:00Z", "0001-01-02T00:00:00Z", "9999-12-31T23:59:59Z"
    for path in (f"/tasks/{task['id']}/occurrences", "/occurrences"):
        for asked in ({"from": first, "to": second}, {"to": first}, {"from": last}, {"to": last, "limit": "1"}):
            assert (await admin.get(path, params=asked)).status_code == 200
    for at in (first, last, "1969-12-31T23:59:59Z", "9000-01-01T00:00:00Z"):
        answer = await admin.get(f"/tasks/{task['id']}/explain", params={"at": at})
        assert faults(answer) == {"query.at": "must be from the year 1970 on and before 9000"}
    for at, cause in (("1970-01-01T00:00:00Z", "not_created"), ("8999-12-31T23:59:58Z", None)):
        answer = await admin.get(f"/tasks/{task['id']}/explain", params={"at": at})
        assert answer.status_code == 200
        assert cause in (None, answer.json()["cause"])
    answer = await admin.get("/schedules/upcoming", params={"from": "9999-12-31T00:00:00Z", "to": last})
    assert set(faults(answer)) == {"query.from", "query.to"}
    body = {"from": first, "to": second, "dry_run": True}
    assert set(faults(await admin.post(f"/tasks/{task['id']}/backfill", json=body))) == {"from", "to"}
