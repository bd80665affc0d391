"""What the schedules will ask for, and who runs it, through the API."""

from __future__ import annotations

import uuid
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from typing import Any

import httpx

from tests.api.conftest import faults

Make = Callable[..., Awaitable[Any]]


async def test_planned_runs_are_told_task_by_task_in_the_order_of_the_first(
    make: Make, admin: httpx.AsyncClient
) -> None:
    mark = uuid.uuid4().hex[:8]
    hourly = await make(name=f"{mark} hourly", schedule="0 0 * * * *")
    minutely = await make(name=f"{mark} minutely", schedule="0 * * * * *")
    paused = await make(name=f"{mark} paused", schedule="* * * * * *")
    await admin.post(f"/tasks/{paused['id']}/pause")
    await make(name=f"{mark} rare")
    answer = (await admin.get("/schedules/upcoming", params={"hours": 5, "q": mark})).json()
    start, end = (datetime.fromisoformat(answer[name]) for name in ("start", "end"))
    assert end - start == timedelta(hours=5)
    told = {each["id"]: each for each in answer["tasks"]}
    assert told.keys() == {hourly["id"], minutely["id"]}
    assert len(told[hourly["id"]]["runs"]) == 5
    assert all(start < datetime.fromisoformat(each) < end for each in told[hourly["id"]]["runs"])
    assert (len(told[minutely["id"]]["runs"]), told[minutely["id"]]["goes_on"]) == (100, True)
    first = (await admin.get("/schedules/upcoming", params={"q": mark, "page_size": 1})).json()
    second = (await admin.get("/schedules/upcoming", params={"q": mark, "page_size": 1, "page": 2})).json()
    assert first["has_more"]
    assert first["tasks"][0]["id"] != second["tasks"][0]["id"]


async def test_a_calendar_has_bounds(admin: httpx.AsyncClient) -> None:
    asked = {"hours": 169, "page": 0, "page_size": 51, "ours": 1}
    assert faults(await admin.get("/schedules/upcoming", params=asked)).keys() == {f"query.{each}" for each in asked}


async def test_the_workers_are_told_and_why_nothing_can_run(admin: httpx.AsyncClient) -> None:
    answer = (await admin.get("/workers")).json()
    assert answer["slots"] == sum(each["slots"] for each in answer["workers"])
    assert ("problem" in answer) == (not answer["workers"] or answer["is_paused"])
