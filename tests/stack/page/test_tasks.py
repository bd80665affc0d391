"""Tasks on the page: create, change, run, switch, delete; with texts that mean harm."""

from __future__ import annotations

import shlex
import uuid
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest
from playwright.sync_api import Page, expect

from tests.stack.page.operator import Operator
from tests.stack.running_stack import Up

pytestmark = [pytest.mark.slow, pytest.mark.timeout(400)]

HOSTILE = (
    "<img src=x onerror=window.harmed=1>",
    "\u05d0\u05d1\u05d2 \u0627\u0644\u0639\u0631\u0628\u064a\u0629 right to left",
    "\U0001f680 emoji " + "x" * 60,
    "W" * 100,
    "</script><script>window.harmed=1</script>",
    "${window.harmed=1} {{7*7}} `'\"",
)


def test_a_task_is_created_run_changed_and_deleted(operator: Operator, up: Up, api: httpx.Client) -> None:
    name = f"Made by hand {uuid.uuid4().hex[:6]}"
    page = operator.open("tasks")
    operator.head.get_by_role("link", name="New task").click()
    page.get_by_label("Name", exact=True).fill(name)
    page.get_by_label("URL", exact=True).fill(f"{up.api_url}/status")
    page.get_by_label("Method", exact=True).select_option(label="GET")
    page.get_by_label("Tags", exact=True).fill("by hand, example")
    page.get_by_label("Schedule", exact=True).fill("0 30 9 * * 1-5")
    expect(page.locator(".schedule")).to_contain_text("at 09:30 from Monday to Friday")
    expect(page.get_by_label("Hour", exact=True)).to_have_value("9")
    page.get_by_label("Hour", exact=True).fill("10")
    expect(page.get_by_label("Schedule", exact=True)).to_have_value("0 30 10 * * 1-5")
    page.get_by_label("Time zone", exact=True).fill("Europe/Berlin")
    page.get_by_label("Priority", exact=True).select_option("high")
    operator.button("Save").click()
    expect(page.get_by_role("heading", level=1)).to_have_text(name)

    [task] = api.get("/tasks", params={"q": name}).json()["tasks"]
    assert (task["schedule"], task["priority"], task["metadata"]["tags"]) == (
        "0 30 10 * * 1-5",
        "high",
        ["by hand", "example"],
    )
    assert task["metadata"]["timezone"] == "Europe/Berlin"

    operator.button("Run now").click()
    for label in ("Query", "Headers", "Body"):
        expect(operator.in_dialog().get_by_label(f"{label} (JSON)")).to_be_visible()
    operator.in_dialog().get_by_role("button", name="Run now").click()
    expect(operator.mark).to_have_text("Completed", timeout=60_000)

    operator.head.get_by_role("link", name="Edit", exact=True).click()
    page.get_by_label("Description", exact=True).fill("Changed by hand")
    operator.button("Save").click()
    expect(operator.main.locator(".description")).to_have_text("Changed by hand")
    assert api.get(f"/tasks/{task['id']}").json()["metadata"]["version"] == 2
    versions = page.get_by_role("list", name="Versions").get_by_role("listitem")
    expect(versions).to_have_count(2)
    expect(versions.last).to_contain_text("Version 1")
    expect(versions.first).to_contain_text("Version 2")
    versions.first.get_by_text("1 field").click()
    changed = versions.first.get_by_role("row").filter(has_text="description")
    expect(changed.get_by_role("cell").last).to_have_text("Changed by hand")
    assert operator.violations() == []

    operator.button("Delete").click()
    expect(operator.in_dialog()).to_contain_text(name)
    operator.in_dialog().get_by_role("button", name="Cancel").click()
    assert api.get(f"/tasks/{task['id']}").status_code == 200, "asked first"
    operator.button("Delete").click()
    operator.in_dialog().get_by_role("button", name="Delete").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Tasks")
    assert api.get(f"/tasks/{task['id']}").status_code == 404
    assert operator.complaints == []


def test_a_task_is_switched_and_stopped(operator: Operator, make: Callable[..., Any], api: httpx.Client) -> None:
    task = make()
    operator.open(f"tasks/{task['id']}")
    for button, status in (
        ("Pause", "Paused"),
        ("Resume", "Pending"),
        ("Disable", "Disabled"),
        ("Enable", "Pending"),
    ):
        operator.button(button).click()
        expect(operator.mark).to_have_text(status)
    operator.button("Stop").click()
    operator.in_dialog().get_by_role("button", name="Stop").click()
    expect(operator.mark).to_have_text("Paused")
    assert api.get(f"/tasks/{task['id']}").json()["status"] == "paused"


def test_a_run_takes_the_parameters_of_its_schema(operator: Operator, make: Callable[..., Any]) -> None:
    task = make(config={"module": "builtin", "function_name": "sleep", "parameters": {"duration": "1h"}})
    page = operator.open(f"tasks/{task['id']}")
    operator.button("Run now").click()
    duration = operator.in_dialog().get_by_label("Duration")
    expect(operator.in_dialog()).to_contain_text("default: 1h")
    expect(duration).to_have_js_property("required", False)  # the config of the task gives it
    duration.fill("50ms")
    operator.in_dialog().get_by_role("button", name="Run now").click()
    operator.notices.get_by_role("link").click()
    expect(page.get_by_role("heading", level=1)).to_contain_text("Execution")
    expect(operator.mark).to_have_text("Completed", timeout=60_000)
    expect(operator.section("Parameters of this run")).to_contain_text('"duration": "50ms"')
    expect(page.get_by_role("log")).to_contain_text("completed after")


def test_what_is_wrong_stands_at_its_field(operator: Operator) -> None:
    page = operator.open("new")
    page.get_by_label("Schedule", exact=True).fill("61 * * * * *")
    expect(page.locator(".schedule")).to_contain_text("61 is out of range")
    operator.button("Save").click()
    expect(page.get_by_label("Name", exact=True)).to_have_attribute("aria-invalid", "true")
    expect(page.get_by_label("URL", exact=True)).to_have_attribute("aria-invalid", "true")
    expect(operator.main.get_by_role("alert")).to_contain_text("config.url")


def test_calendars_limits_and_catching_up_are_set_and_removed_and_the_next_runs_keep_to_them(
    operator: Operator, make: Callable[..., Any], api: httpx.Client
) -> None:
    calendar, task = f"weekends-{uuid.uuid4().hex[:6]}", make(schedule="0 0 9 * * *")
    made = api.post("/calendars", json={"name": calendar, "weekdays": [{"days": ["SAT", "SUN"]}]})
    assert made.status_code == 201, made.text
    page = operator.open(f"tasks/{task['id']}/edit")
    next_runs = operator.main.get_by_role("region", name="Next runs")
    expect(next_runs).to_contain_text("Sat")
    operator.main.get_by_text("Calendars", exact=True).click()
    page.get_by_label("Add a calendar").select_option(calendar)
    expect(next_runs).not_to_contain_text("Sat")
    page.get_by_label(calendar, exact=True).select_option(label="Only on its days")
    expect(next_runs).not_to_contain_text("Mon")
    page.get_by_label(calendar, exact=True).select_option(label="Not on its days")
    expect(next_runs).to_contain_text("Mon")
    page.get_by_label("A run on an excluded day").select_option("next_business_day")

    today = datetime.now(UTC).date()
    monday = today + timedelta(days=49 - today.weekday())
    operator.main.get_by_text("Limits of the schedule", exact=True).click()
    page.get_by_label("Start at", exact=True).fill(f"{monday} 09:00")
    expect(next_runs.get_by_role("row").nth(1)).to_contain_text(f"{monday} 09:00:00")
    page.get_by_label("End at", exact=True).fill(f"{monday + timedelta(days=2)} 09:00")
    expect(next_runs.get_by_role("row")).to_have_count(1 + 3)
    page.get_by_label("Jitter", exact=True).fill("9h")
    operator.main.get_by_text("After a pause", exact=True).click()
    page.get_by_label("Runs", exact=True).select_option(label="all")
    page.get_by_label("Max age", exact=True).fill("0s")
    operator.button("Save").click()
    for label in ("Jitter", "Max age"):
        expect(page.get_by_label(label, exact=True)).to_have_attribute("aria-invalid", "true")
    page.get_by_label("Jitter", exact=True).fill("5m")
    page.get_by_label("Max age", exact=True).fill("24h")
    operator.main.get_by_text("Alerts", exact=True).click()
    page.get_by_label("Channels", exact=True).fill("ops, night")
    assert operator.violations() == []
    operator.button("Save").click()
    expect(page.get_by_role("heading", level=1)).to_have_text(task["name"])
    expect(operator.notices).not_to_contain_text("invalid")
    expect(operator.section("Settings")).to_contain_text(f"Not on its days: {calendar}")
    metadata = api.get(f"/tasks/{task['id']}").json()["metadata"]
    assert metadata["calendars"] == {"include": [], "exclude": [calendar], "on_excluded": "next_business_day"}
    assert metadata["start_at"] == f"{monday}T09:00:00.000Z"
    assert (metadata["jitter"], metadata["catch_up"]["after_pause"]["runs"]) == ("5m0s", "all")
    assert metadata["alerts"]["channels"] == ["ops", "night"]

    catch_up = {**metadata["catch_up"], "after_outage": {"runs": "last"}}
    assert api.put(f"/tasks/{task['id']}", json={"metadata": {"catch_up": catch_up}}).is_success
    operator.open(f"tasks/{task['id']}/edit")
    page.get_by_label(calendar, exact=True).select_option(label="Remove")
    for label in ("Start at", "End at", "Jitter", "Channels"):
        page.get_by_label(label, exact=True).fill("")
    operator.button("Save").click()
    expect(page.get_by_role("heading", level=1)).to_have_text(task["name"])
    metadata = api.get(f"/tasks/{task['id']}").json()["metadata"]
    assert not {"calendars", "start_at", "end_at", "jitter"} & set(metadata)
    assert "channels" not in metadata.get("alerts", {})
    assert metadata["catch_up"]["after_pause"]["max_age"] == "24h0m0s"
    assert metadata["catch_up"]["after_outage"]["runs"] == "last"
    assert api.delete(f"/calendars/{calendar}").is_success
    assert operator.complaints == []


def test_the_editor_shows_what_a_task_does_to_the_peak(operator: Operator, make: Callable[..., Any]) -> None:
    task = make(schedule="0 * * * * *", metadata={"start_at": "2090-01-01T00:00:00Z"})
    page = operator.open(f"tasks/{task['id']}/edit")
    page.get_by_label("Start at", exact=True).fill("")  # so it is due in the next day's minutes
    forecast = operator.section("Load forecast")
    operator.button("Forecast the load").click()
    peak = forecast.get_by_role("row").filter(has_text="Most runs in one minute")
    expect(peak.get_by_role("cell")).to_have_count(2)
    expect(peak.get_by_role("strong")).to_have_count(1)
    operator.take_pictures("load", forecast)


def test_a_task_is_edited_as_json_too(operator: Operator, make: Callable[..., Any], api: httpx.Client) -> None:
    task = make()
    page = operator.open(f"tasks/{task['id']}/edit")
    operator.button("As JSON").click()
    text = page.get_by_label("The task")
    written = text.input_value()
    for wrong, said in (
        (written.removesuffix("}"), "This is no JSON"),
        (written.replace('"metadata"', '"other"'), "metadata is missing"),
    ):
        text.fill(wrong)
        operator.button("Save").click()
        expect(operator.notices).to_contain_text(said)
        operator.button("As a form").click()
        expect(text).to_have_value(wrong)
    text.fill(written.replace(NEVER_TEXT, "@daily"))
    operator.button("As a form").click()
    expect(page.get_by_label("Schedule", exact=True)).to_have_value("@daily")
    operator.go_to("Workers")
    operator.notices.get_by_role("link", name="Go on editing").click()
    expect(page.get_by_label("Schedule", exact=True)).to_have_value("@daily")
    operator.button("Save").click()
    expect(page.get_by_role("heading", level=1)).to_have_text(task["name"])
    assert api.get(f"/tasks/{task['id']}").json()["schedule"] == "@daily"


NEVER_TEXT = "0 0 4 1 1 *"


def test_an_action_can_be_copied_as_curl_without_a_token(operator: Operator, make: Callable[..., Any]) -> None:
    task = make(name=f"It's {uuid.uuid4().hex[:6]}")
    page = operator.open(f"tasks/{task['id']}")
    operator.button("Copy as curl").click()
    line = page.evaluate("navigator.clipboard.readText()")
    assert line == f"curl '{operator.up.api_url}/tasks/{task['id']}' -H \"Authorization: Bearer $TOKEN\""
    statuses = {"Run now": 202, "Pause": 200, "Disable": 200, "Stop": 200, "Delete": 200}
    operator.button("Actions as curl").click()
    assert operator.violations() == []
    for action, status in statuses.items():
        operator.in_dialog().get_by_role("button", name=f"Copy as curl ({action})").click()
        line = page.evaluate("navigator.clipboard.readText()")
        assert _send(line, operator.up.token).status_code == status, line


def _send(line: str, token: str) -> httpx.Response:
    """What curl would send: the words of the line, as a shell reads them."""
    words = shlex.split(line.replace("$TOKEN", token))
    given: dict[str, str] = {}
    headers: dict[str, str] = {}
    rest = iter(words[1:])
    for word in rest:
        if word == "-H":
            name, _, value = next(rest).partition(": ")
            headers[name] = value
        elif word in {"-X", "-d"}:
            given[word] = next(rest)
        else:
            given["url"] = word
    return httpx.request(given.get("-X", "GET"), given["url"], headers=headers, content=given.get("-d"), timeout=60)


def test_texts_of_users_are_shown_as_text(operator: Operator, make: Callable[..., Any], api: httpx.Client) -> None:
    page, mark = operator.page, uuid.uuid4().hex[:4]
    for number, text in enumerate(HOSTILE):
        config = {"module": "builtin", "function_name": "echo", "parameters": {"greeting": text}}
        task = make(name=f"{mark}{number} {text}"[:100], description=text, config=config)
        run = api.post(f"/tasks/{task['id']}/execute", json={"parameters": {"more": text}}).json()["execution_id"]
        operator.open(f"tasks/{task['id']}")
        expect(page.get_by_role("heading", level=1)).to_have_text(task["name"])
        for screen in (f"tasks/{task['id']}", f"executions/{run}", f"tasks/{task['id']}/edit"):
            operator.open(screen)
            operator.settle()
            assert _is_unharmed(page), (text, screen)
    for screen in (f"tasks?q={mark}", "executions", "audit", "calendar", "now"):
        operator.open(screen)
        operator.settle()
        assert _is_unharmed(page), screen
    page.keyboard.press("Control+k")
    page.keyboard.type(mark)
    expect(operator.in_dialog().get_by_role("option").nth(len(HOSTILE) - 1)).to_be_visible()
    assert _is_unharmed(page)
    assert operator.complaints == []


def _is_unharmed(page: Page) -> bool:
    fits = page.evaluate("document.documentElement.scrollWidth <= document.documentElement.clientWidth")
    return bool(fits and page.evaluate("window.harmed === undefined"))
