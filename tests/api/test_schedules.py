"""Previews with clock changes, conversion, and the coming runs of all tasks."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest

from tests.api.conftest import faults


async def test_a_preview_marks_what_clock_changes_skip_and_repeat(admin: httpx.AsyncClient) -> None:
    asked = {"schedule": "0 */30 1,2 * * *", "timezone": "America/New_York", "count": 6}
    spring = (await admin.post("/schedules/preview", json={**asked, "start": "2027-03-14T05:00:00Z"})).json()
    assert [each["local"] for each in spring["skipped"]] == ["2027-03-14T02:00:00", "2027-03-14T02:30:00"]
    assert spring["runs"][1] == {"at": "2027-03-14T06:30:00.000Z", "local": "2027-03-14T01:30:00-05:00"}
    autumn = (await admin.post("/schedules/preview", json={**asked, "start": "2027-11-07T04:00:00Z"})).json()
    assert [each.get("repeated") for each in autumn["runs"]] == ["first", "first", "second", "second", None, None]
    assert [each["at"] for each in autumn["runs"]] == autumn["next_runs"]


@pytest.mark.parametrize("start", ["0001-01-01T00:00:00Z", "0292-10-16T21:48:39Z"])
@pytest.mark.parametrize("schedule", ["@hourly", "@every 90m", "@every 2w from 2026-01-01T06:00", "0 0 0 29 2 *"])
async def test_a_preview_from_before_all_clocks_begins_with_the_first_year_of_schedules(
    admin: httpx.AsyncClient, start: str, schedule: str
) -> None:
    asked = {"schedule": schedule, "start": start, "timezone": "Pacific/Kiritimati", "count": 2}
    answer = await admin.post("/schedules/preview", json=asked)
    assert answer.status_code == 200, answer.text
    assert all("1970-01-01T00:00:00.000Z" <= each < "2027" for each in answer.json()["next_runs"])


async def test_a_preview_shows_runs_in_another_zone(admin: httpx.AsyncClient) -> None:
    asked = {
        "schedule": "@at 2026-12-24T18:00:00+01:00",
        "start": "2026-01-01T00:00:00Z",
        "display_timezone": "Asia/Tokyo",
    }
    answer = (await admin.post("/schedules/preview", json=asked)).json()
    assert answer["runs"] == [{"at": "2026-12-24T17:00:00.000Z", "local": "2026-12-25T02:00:00+09:00"}]


async def test_a_preview_draws_for_the_task_that_is_named(admin: httpx.AsyncClient) -> None:
    first, again, other, none = [
        (await admin.post("/schedules/preview", json={"schedule": "0 H H H * *", **of})).json()
        for of in ({"task_id": "a"}, {"task_id": "a"}, {"task_id": "b"}, {})
    ]
    assert first == again
    assert first["next_runs"] != other["next_runs"]
    assert first["is_hashed"]
    assert "each task draws its own values" in none["description"]


@pytest.mark.parametrize(
    ("asked", "location"),
    [
        ({"display_timezone": "Mars"}, "display_timezone"),
        ({"start": "noon"}, "start"),
        ({"start": "2026-01-01"}, "start"),
    ],
)
async def test_a_preview_with_a_wrong_zone_or_start_is_refused(
    admin: httpx.AsyncClient, asked: dict[str, Any], location: str
) -> None:
    assert location in faults(await admin.post("/schedules/preview", json={"schedule": "@hourly", **asked}))


@pytest.mark.parametrize(
    ("path", "body", "location", "message"),
    [
        ("/schedules/preview", {"schedule": "@hourly", "start": "noon"}, "start", "an RFC 3339 instant such as Z"),
        ("/schedules/simulate", {"from": "noon"}, "from", "an RFC 3339 instant such as Z"),
        ("/schedules/preview", {"schedule": "@hourly", "calendars": ["a"]}, "calendars", "a JSON object"),
        ("/tasks", {"metadata": {"calendars": ["a"]}}, "metadata.calendars", "a JSON object"),
        ("/tasks", {"metadata": {"catch_up": {"after_edit": 1}}}, "metadata.catch_up.after_edit", "a JSON object"),
        ("/tasks", {"config": "x"}, "config", "a JSON object"),
        ("/tasks", {"metadata": 5}, "metadata", "a JSON object"),
        ("/calendars", {"name": "a", "ranges": ["2026-01-01"]}, "ranges.0", "a JSON object"),
        ("/schedules/simulate", {"changes": [1]}, "changes.0", "a JSON object"),
    ],
)
async def test_a_wrong_type_is_named_as_json_knows_it(
    admin: httpx.AsyncClient, path: str, body: dict[str, Any], location: str, message: str
) -> None:
    """Not as the classes of the service, and without the advice for addresses in a body."""
    message = message.replace("as Z", "as 2026-01-31T12:00:00Z")
    assert faults(await admin.post(path, json=body))[location] == f"must be {message}"


async def test_lines_of_other_programs_are_converted(admin: httpx.AsyncClient) -> None:
    asked = {"from": "quartz", "text": "0 0 12 ? * 2-6\n0 0 0 L-3W * ?", "timezone": "Europe/Berlin"}
    first, second = (await admin.post("/schedules/convert", json=asked)).json()["lines"]
    assert (first["schedule"], first["timezone"]) == ("CRON_TZ=Europe/Berlin 0 0 12 * * 1-5", "Europe/Berlin")
    assert len(first["next_runs"]) == 3
    assert "schedule" not in second
    assert "L-3W" in second["problem"]
    asked = {"from": "github", "text": "on:\n  schedule:\n    - cron: '0 5 * * *'\n    - cron: '0 17 * * *'"}
    answer = (await admin.post("/schedules/convert", json=asked)).json()
    assert answer["combined"] == "CRON_TZ=UTC 0 0 5 * * *; 0 0 17 * * *"
    preview = (await admin.post("/schedules/preview", json={"schedule": answer["combined"]})).json()
    assert len(preview["next_runs"]) == 5


async def test_values_that_are_drawn_are_marked_in_a_conversion_as_in_a_preview(admin: httpx.AsyncClient) -> None:
    asked = {"from": "jenkins", "text": "H 5 * * *\n0 5 * * *"}
    drawn, fixed = (await admin.post("/schedules/convert", json=asked)).json()["lines"]
    preview = (await admin.post("/schedules/preview", json={"schedule": drawn["schedule"]})).json()
    assert drawn["description"] == preview["description"]
    assert "each task draws its own values" in drawn["description"]
    assert fixed["description"] == "at 05:00 every day"


@pytest.mark.parametrize(
    ("asked", "location"),
    [
        ({"from": "anacron", "text": ""}, "from"),
        ({"from": "crontab"}, "text"),
        ({"from": "crontab", "text": "\n" * 201}, "text"),
        ({"from": "crontab", "text": "x", "timezone": "Mars"}, "timezone"),
    ],
)
async def test_a_conversion_of_nonsense_is_refused(
    admin: httpx.AsyncClient, asked: dict[str, Any], location: str
) -> None:
    assert location in faults(await admin.post("/schedules/convert", json=asked))


async def test_what_is_due_next_comes_in_order_and_in_pages(
    admin: httpx.AsyncClient, make: Callable[..., Awaitable[Any]]
) -> None:
    begin = datetime(datetime.now(UTC).year + 1, 6, 1, tzinfo=UTC)
    hourly, twice = await make(schedule="0 0 * * * *"), await make(schedule="0 0 6,18 * * *; 0 30 6 L * *")
    paused = await make(schedule="0 0 * * * *")
    await admin.post(f"/tasks/{paused['id']}/pause")
    ids = {"task_id": [hourly["id"], twice["id"], paused["id"]]}
    asked = {"from": begin.isoformat(), "to": (begin + timedelta(days=1)).isoformat(), **ids}
    whole = (await admin.get("/schedules/upcoming", params=asked)).json()
    assert "next" not in whole
    assert [each["task_id"] for each in whole["runs"]].count(hourly["id"]) == 24
    assert [each["at"][11:16] for each in whole["runs"] if each["task_id"] == twice["id"]] == ["06:00", "18:00"]
    paged, after = [], None
    while True:
        page = (
            await admin.get(
                "/schedules/upcoming", params={**asked, "limit": 7, **({"after": after} if after else {})}
            )
        ).json()
        paged += page["runs"]
        after = page.get("next")
        if after is None:
            break
    assert paged == whole["runs"]
    everything = (
        await admin.get("/schedules/upcoming", params={key: asked[key] for key in ("from", "to")} | {"limit": 1000})
    ).json()
    assert {hourly["id"], twice["id"]} <= {each["task_id"] for each in everything["runs"]}


@pytest.mark.parametrize(
    ("asked", "location"),
    [
        ({"from": "2030-01-02T00:00:00Z", "to": "2030-01-01T00:00:00Z"}, "query.to"),
        ({"from": "2030-01-02T00:00:00Z", "to": "2031-01-04T00:00:00Z"}, "query.to"),
        ({"limit": "1001"}, "query.limit"),
        ({"after": "yesterday"}, "query.after"),
    ],
)
async def test_a_wrong_question_for_what_is_due_is_refused(
    admin: httpx.AsyncClient, asked: dict[str, str], location: str
) -> None:
    assert location in faults(await admin.get("/schedules/upcoming", params=asked))


async def test_a_task_shows_as_many_next_runs_as_are_asked_for(
    admin: httpx.AsyncClient, make: Callable[..., Awaitable[Any]]
) -> None:
    task = await make(schedule="0 0 9 L * *; 0 0 9 * * MON#2")
    path = f"/tasks/{task['id']}"
    assert "next_runs" not in (await admin.get(path)).json()
    read = (await admin.get(path, params={"next_runs": 5})).json()
    assert len(read["next_runs"]) == 5
    assert read["next_runs"][0] == read["next_run"]
    assert (await admin.get(path, params={"next_runs": 101})).json()["errors"][0]["location"] == "query.next_runs"


async def test_an_instant_that_is_past_is_refused_when_a_schedule_is_set_and_tolerated_when_it_stays(
    admin: httpx.AsyncClient, make: Callable[..., Awaitable[Any]]
) -> None:
    past = "@at 2020-01-01T00:00:00Z"
    body = {"name": "", "type": "function", "config": {"function_name": "noop"}, "schedule": past}
    found = faults(await admin.post("/tasks", json=body))
    assert found["schedule"] == "@at: 2020-01-01T00:00:00Z is past; give an instant to come"
    assert "name" in found, "all faults come in one answer"
    task = await make(schedule="@at 2099-01-01T00:00:00Z", metadata={"after": "delete"})
    assert task["metadata"]["after"] == "delete"
    assert "schedule" in faults(
        await admin.put(f"/tasks/{task['id']}", json={"schedule": f"@daily; {past}", "metadata": {"after": "keep"}})
    )
    assert (await admin.put(f"/tasks/{task['id']}", json={"description": "x"})).status_code == 200
