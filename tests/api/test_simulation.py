"""Simulations over the API, on the real stack: tasks as they are, changes that are not stored, wrong questions."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import psutil
import pytest
from starlette.requests import ClientDisconnect, Request

from falcon_scheduler.adapters.simulation import SMALL_TASK_HOURS, ProcessSimulator
from falcon_scheduler.api_facade.composition.services import Services
from falcon_scheduler.api_facade.together import unless_gone
from falcon_scheduler.core.domain.execution import Execution, ExecutionStatus, Trigger
from falcon_scheduler.core.domain.forecast.load import Load, Workload
from tests.api.conftest import faults

Make = Callable[..., Awaitable[Any]]
BEGIN = datetime(datetime.now(UTC).year + 2, 6, 1, tzinfo=UTC)
BURST = [
    {"action": "create", "task_id": f"new-{number}", "schedule": "0 0 * * * *", "timezone": "UTC", "duration": "9.6s"}
    for number in range(30)
]


def asked(hours: int = 2, **fields: Any) -> dict[str, Any]:
    return {"from": BEGIN.isoformat(), "to": (BEGIN + timedelta(hours=hours)).isoformat(), "slots": 2, **fields}


async def simulated(client: httpx.AsyncClient, body: dict[str, Any]) -> Any:
    answer = await client.post("/schedules/simulate", json=body, timeout=600)
    assert answer.status_code == 200, answer.text
    return answer.json()


async def test_changes_that_are_not_stored_are_simulated_with_the_tasks_as_they_are(
    admin: httpx.AsyncClient, make: Make
) -> None:
    kept, paused = await make(schedule="0 0 * * * *"), await make(schedule="0 0 * * * *")
    await admin.post(f"/tasks/{paused['id']}/pause")
    present = await simulated(admin, asked())
    found = await simulated(admin, asked(changes=BURST))
    assert found["tasks"] == present["tasks"] + 30
    assert found["summary"]["runs"] == present["summary"]["runs"] + 60
    assert found["summary"]["queue"] >= 28
    assert (found["from"], found["slots"], found["slots_are"]) == (f"{BEGIN:%Y-%m-%dT%H:%M:%S}.000Z", 2, "given")
    assert found["durations"]["given"] == 30
    worst = found["peaks"][0]
    assert worst["runs"] >= 31
    assert {each["task_id"] for each in worst["tasks"]} & {each["task_id"] for each in BURST}
    assert "H H * * * *" in {each["proposed"] for each in found["proposal"]["changes"]}
    assert found["proposal"]["summary"]["queue"] < found["summary"]["queue"]
    held = [{"action": "replace", "task_id": kept["id"], "enabled": False}]
    started = [{"action": "replace", "task_id": paused["id"], "schedule": "0 */10 * * * *", "enabled": True}]
    deleted = [{"action": "delete", "task_id": kept["id"]}]
    for changes, more in ((held, -2), (started, 12), (deleted, -2)):
        changed = await simulated(admin, asked(changes=changes))
        assert changed["summary"]["runs"] == present["summary"]["runs"] + more
    assert (await admin.get(f"/tasks/{kept['id']}")).json()["schedule"] == "0 0 * * * *"


async def test_a_change_has_the_limits_and_calendars_that_a_task_may_have(
    admin: httpx.AsyncClient, make: Make
) -> None:
    await admin.post("/calendars", json={"name": "simulated", "dates": [f"{BEGIN:%Y-%m-%d}"]})
    limits: list[dict[str, Any]] = [
        {},
        {"start_at": (BEGIN + timedelta(hours=40)).isoformat()},
        {"end_at": (BEGIN + timedelta(hours=5)).isoformat()},
        {"max_runs": 3},
        {"calendars": {"exclude": ["simulated"]}},
        {"calendars": {"include": ["simulated"]}, "max_runs": 30},
    ]
    created = [{"action": "create", "schedule": "0 0 * * * *", "timezone": "UTC", **each} for each in limits]
    kept = await make(schedule="0 0 * * * *", metadata={"max_runs": 2, "calendars": {"exclude": ["simulated"]}})
    changed = {"action": "replace", "task_id": kept["id"]}
    changes = [
        *([each] for each in created),
        [{**created[0], "jitter": "1h"}],
        [changed],
        [{**changed, "max_runs": 7}],
        [{**changed, "max_runs": None}],
        [{**changed, "max_runs": None, "calendars": None}],
    ]
    found = [await simulated(admin, asked(hours=48, changes=each)) for each in ([], *changes)]
    present, *others = (each["summary"]["runs"] for each in found)
    more = [each - present for each in others]
    assert more[:6] == [48, 8, 6, 3, 24, 24]
    assert more[6] in {47, 48}  # with a jitter the last one may begin later than the time asked about
    assert more[7:] == [0, 5, 22, 46]
    assert found[1]["summary"]["busiest_second"] > found[0]["summary"]["busiest_second"]


async def test_a_large_simulation_is_made_by_a_process_of_its_own_with_the_same_answer(
    admin: httpx.AsyncClient,
) -> None:
    changes = [{**each, "schedule": "0 0 0 * * *"} for each in BURST]
    hours = 24 * 31
    assert len(changes) * hours > SMALL_TASK_HOURS
    found = await simulated(admin, asked(hours=hours, changes=changes))
    small = await simulated(admin, asked(changes=changes))
    assert found["summary"]["queue"] >= small["summary"]["queue"]
    assert found["bucket"] == "1h0m0s"
    assert len(found["buckets"]) == hours


async def test_the_work_ends_when_the_caller_goes() -> None:
    tasks = [
        Workload(
            id=f"heavy {number}",
            name="heavy",
            schedule=f"{number % 60} * * * * *",
            timezone="UTC",
            counted_from=BEGIN,
            rank=3,
            duration=timedelta(seconds=number),
            is_http=False,
            overlap="queue",
        )
        for number in range(1500)
    ]
    load = Load(tasks=tasks, begin=BEGIN, end=BEGIN + timedelta(days=31), slots=90)

    async def is_at_work() -> bool:
        children = psutil.Process().children()
        return any("falcon_scheduler.adapters.simulation" in each.cmdline() for each in children)

    async def receive() -> dict[str, Any]:
        if not await is_at_work():
            await asyncio.Event().wait()
        return {"type": "http.disconnect"}

    with pytest.raises(ClientDisconnect):
        await unless_gone(Request({"type": "http"}, receive), ProcessSimulator().simulate(load))
    assert not await is_at_work()


@pytest.mark.parametrize(
    ("body", "location"),
    [
        (asked(slots=0), "slots"),
        (asked(hours=24 * 32), "to"),
        (asked(hours=-1), "to"),
        ({"from": "tomorrow"}, "from"),
        ({"from": "1812-01-01T00:00:00Z", "to": "1812-01-02T00:00:00Z"}, "from"),
        (asked(changes=[{"action": "rename"}]), "changes.0.action"),
        (asked(changes=[{"action": "create"}]), "changes.0.schedule"),
        (asked(changes=[*BURST[:1], {"action": "create", "schedule": "0 61 * * * *"}]), "changes.1.schedule"),
        (asked(changes=[{"action": "create", "schedule": "@daily", "timezone": "Mars"}]), "changes.0.timezone"),
        (asked(changes=[{"action": "create", "schedule": "@daily", "duration": "25h"}]), "changes.0.duration"),
        (asked(changes=[{"action": "create", "schedule": "@daily", "duration": "-1s"}]), "changes.0.duration"),
        (asked(changes=[{**BURST[0], "jitter": "2h"}]), "changes.0.jitter"),
        (asked(changes=[{**BURST[0], "jitter": "0s"}]), "changes.0.jitter"),
        (asked(changes=[{**BURST[0], "max_runs": 0}]), "changes.0.max_runs"),
        (asked(changes=[{**BURST[0], "start_at": "soon"}]), "changes.0.start_at"),
        (asked(changes=[{**BURST[0], "calendars": {"exclude": ["nobody"]}}]), "changes.0.calendars.exclude.0"),
        (
            asked(changes=[{**BURST[0], "start_at": "2090-01-02T00:00:00Z", "end_at": "2090-01-01T00:00:00Z"}]),
            "changes.0.end_at",
        ),
        (asked(changes=[{"action": "replace", "task_id": "nobody", "schedule": "@daily"}]), "changes.0.task_id"),
        (asked(changes=[{"action": "delete", "task_id": "nobody"}]), "changes.0.task_id"),
        (asked(changes=[{"action": "delete"}] * 1001), "changes"),
        (asked(shape="round"), "shape"),
    ],
)
async def test_a_wrong_question_is_refused_with_its_field(
    admin: httpx.AsyncClient, body: dict[str, Any], location: str
) -> None:
    assert location in faults(await admin.post("/schedules/simulate", json=body))


@pytest.mark.parametrize(
    ("change", "location", "message"),
    [
        ({"action": "replace", "name": "x"}, "task_id", "is required to replace a task"),
        ({"action": "delete"}, "task_id", "is required to delete a task"),
        ({**BURST[0], "duration": "25h"}, "duration", "must be 0s to 24h0m0s, is 25h0m0s"),
        ({**BURST[0], "duration": "-1s"}, "duration", "must be 0s to 24h0m0s, is -1s"),
    ],
)
async def test_a_wrong_change_is_refused_in_words_of_the_api(
    admin: httpx.AsyncClient, change: dict[str, Any], location: str, message: str
) -> None:
    found = faults(await admin.post("/schedules/simulate", json=asked(changes=[change])))
    assert found[f"changes.0.{location}"] == message


async def test_an_update_warns_of_runs_that_take_longer_than_their_interval(
    admin: httpx.AsyncClient, make: Make, services: Services
) -> None:
    task = await make(schedule="@yearly")
    began = datetime.now(UTC) - timedelta(minutes=5)
    run = Execution(
        id=f"slow-{task['id']}",
        task_id=task["id"],
        status=ExecutionStatus.RUNNING,
        started_at=began,
        trigger=Trigger.SCHEDULE,
    )
    await services.stores.counting.finish(run.ended(ExecutionStatus.COMPLETED, began + timedelta(seconds=90)))
    path = f"/tasks/{task['id']}"
    assert "Warning" not in (await admin.put(path, json={"schedule": "0 0,2 0 1 1 *"})).headers
    changed = await admin.put(path, json={"schedule": "0 0,1 0 1 1 *"})
    assert changed.status_code == 200
    assert "names runs 1m0s apart, and a run takes 1m30s on average" in changed.headers["Warning"]
    sooner = {"metadata": {"alerts": {"expect_success": {"period": "1h", "grace": "0s"}}}}
    weekly = await admin.put(path, json={"schedule": "@weekly", **sooner})
    assert "metadata.alerts.expect_success expects a success sooner" in weekly.headers["Warning"]
