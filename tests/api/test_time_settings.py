"""The settings of time of a task through the API."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import httpx
import pytest

from tests.api.conftest import faults

SETTINGS = {
    "start_at": "2090-01-01T12:00:00.000Z",
    "end_at": "2091-01-01T12:00:00.250Z",
    "max_runs": 3,
    "jitter": "30s",
    "start_within": "5m0s",
}


async def test_settings_are_kept_shown_sent_back_exported_and_cleared(
    admin: httpx.AsyncClient, make: Callable[..., Awaitable[Any]]
) -> None:
    task = await make(schedule="0 0 0 * * *", metadata={**SETTINGS, "start_at": "2090-01-01T13:00:00+01:00"})
    path = f"/tasks/{task['id']}"
    assert {name: task["metadata"][name] for name in SETTINGS} == SETTINGS
    assert (task["metadata"]["runs_left"], task["next_run"]) == (3, "2090-01-02T00:00:00.000Z")
    read = (await admin.get(path, params={"next_runs": 9})).json()
    assert [each[:10] for each in read["next_runs"]] == ["2090-01-02", "2090-01-03", "2090-01-04"]
    again = await admin.put(path, json={"metadata": read["metadata"]})
    assert again.json()["metadata"] == read["metadata"]
    exported = (await admin.get("/tasks/export")).json()["tasks"]
    [mine] = [each for each in exported if each["id"] == task["id"]]
    assert {name: mine["metadata"][name] for name in SETTINGS} == SETTINGS
    cleared = (await admin.put(path, json={"metadata": dict.fromkeys(SETTINGS)})).json()
    assert not ({*SETTINGS, "runs_left"} & cleared["metadata"].keys())
    assert cleared["next_run"] < "2090"


async def test_what_is_caught_up_with_is_kept_shown_sent_back_exported_and_cleared(
    admin: httpx.AsyncClient, make: Callable[..., Awaitable[Any]]
) -> None:
    after_pause = {"runs": "all", "max_age": "1h0m0s", "max_runs": 3, "order": "newest_first"}
    after_edit = {"runs": "last", "max_runs": 100, "order": "oldest_first"}
    rules = {"after_pause": after_pause, "after_outage": {**after_edit, "runs": "none"}, "after_edit": after_edit}
    given = {**rules, "after_pause": {**after_pause, "max_age": "60m"}}
    task = await make(metadata={"catch_up": given})
    path = f"/tasks/{task['id']}"
    assert task["metadata"]["catch_up"] == rules
    read = (await admin.get(path)).json()["metadata"]
    assert (await admin.put(path, json={"metadata": read})).json()["metadata"] == read
    exported = (await admin.get("/tasks/export")).json()["tasks"]
    [mine] = [each for each in exported if each["id"] == task["id"]]
    assert mine["metadata"]["catch_up"] == rules
    assert (await admin.post("/tasks/import", json={"tasks": [mine], "overwrite": True})).json()["imported"] == 1
    cleared = (await admin.put(path, json={"metadata": {"catch_up": None}})).json()
    assert "catch_up" not in cleared["metadata"]


@pytest.mark.parametrize(
    ("metadata", "locations"),
    [
        ({"start_at": "tomorrow", "end_at": 5}, {"metadata.start_at", "metadata.end_at"}),
        ({"start_at": "2090-01-01T12:00:00"}, {"metadata.start_at"}),
        ({"max_runs": 0, "start_within": "0s"}, {"metadata.max_runs", "metadata.start_within"}),
        ({"max_runs": "3", "jitter": "2h"}, {"metadata.max_runs", "metadata.jitter"}),
        ({"end_at": "2020-01-01T00:00:00Z"}, {"metadata.end_at"}),
        ({"catch_up": {"after_pause": {"max_runs": 0}}}, {"metadata.catch_up.after_pause.max_runs"}),
        ({"catch_up": {"after_pause": {"runs": "some"}}}, {"metadata.catch_up.after_pause.runs"}),
        (
            {"catch_up": {"after_outage": {"max_age": "0s"}, "after_edit": {"max_runs": 1001}}},
            {"metadata.catch_up.after_outage.max_age", "metadata.catch_up.after_edit.max_runs"},
        ),
        ({"start_at": "2090-01-02T00:00:01Z", "end_at": "2090-01-02T23:00:00Z"}, {"metadata.end_at"}),
    ],
)
async def test_a_wrong_setting_is_refused_by_its_name(
    admin: httpx.AsyncClient, metadata: dict[str, Any], locations: set[str]
) -> None:
    body = {
        "name": "wrong settings of time", "type": "function", "schedule": "0 0 0 * * *",
        "config": {"function_name": "noop", "module": "builtin"}, "metadata": metadata,
    }  # fmt: skip
    assert set(faults(await admin.post("/tasks", json=body))) == locations
