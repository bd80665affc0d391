"""Executions on the page: cancelled, repeated, skipped, found by how they ended."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
from playwright.sync_api import Browser, Route, expect

from tests.stack.page.operator import Operator, new_context, sign_in
from tests.stack.running_stack import Up, wait_until

pytestmark = [pytest.mark.slow, pytest.mark.timeout(400)]

LONG = {"module": "builtin", "function_name": "sleep", "parameters": {"duration": "10m"}}


def test_an_execution_is_cancelled_repeated_and_found_by_its_outcome(
    operator: Operator, make: Callable[..., Any], api: httpx.Client, chromium: Browser, reader_token: str
) -> None:
    task = make(name=f"Takes long {uuid.uuid4().hex[:6]} <b>now</b>", config=LONG)
    run = _execute(api, task, {"duration": "9m"})
    page = operator.open(f"executions/{run}")
    mark = operator.mark
    expect(mark).to_have_text("Running")

    second = _execute(api, task)
    page = operator.open(f"executions/{second}")
    expect(mark).to_have_text("Skipped")
    skip = operator.section("Why it never began")
    expect(skip).to_contain_text("Another execution of the task was at work")
    skip.get_by_role("link", name="Open the execution that was at work").click()
    expect(mark).to_have_text("Running")

    with new_context(chromium, operator.up) as context:
        sign_in(context, reader_token)
        reader = Operator(context.new_page(), operator.up)
        reader.open(f"executions/{run}")
        for name in ("Cancel", "Repeat", "Change and run"):
            expect(reader.button(name)).to_have_count(0)

    operator.button("Cancel").click()
    dialog = operator.in_dialog()
    expect(dialog).to_contain_text(f"Cancel this execution of “{task['name']}”?")
    assert operator.violations() == []
    dialog.get_by_role("button", name="Copy as curl").click()
    expect(operator.notices).to_contain_text("Copied")
    line = page.evaluate("navigator.clipboard.readText()")
    assert line.startswith(f"curl -X POST '{operator.up.api_url}/executions/{run}/cancel'")
    dialog.get_by_role("button", name="Leave it").click()
    assert api.get(f"/executions/{run}").json()["status"] == "running", "asked first"
    operator.button("Cancel").click()
    dialog.get_by_role("button", name="Cancel execution").click()
    expect(mark).to_have_text("Cancelled")
    expect(operator.button("Cancel")).to_have_count(0)
    assert api.get(f"/tasks/{task['id']}").json()["status"] != "paused"

    operator.button("Repeat").click()
    expect(dialog).to_contain_text('"duration": "9m"')
    assert operator.violations() == []
    dialog.get_by_role("button", name="Repeat").click()
    operator.notices.get_by_role("link").click()
    expect(mark).to_have_text("Running")
    repeated = page.url.rpartition("/")[2]
    assert api.get(f"/executions/{repeated}").json()["metadata"]["parameters"] == {"duration": "9m"}
    operator.button("Cancel").click()
    dialog.get_by_role("button", name="Cancel execution").click()
    expect(mark).to_have_text("Cancelled")

    page = operator.open(f"executions?task_id={task['id']}")
    expect(operator.head).to_contain_text("2 executions")
    operator.filters.get_by_label("Outcome").select_option(label="Skipped")
    expect(operator.head.get_by_role("status")).to_have_text("1 execution")
    expect(operator.row("Another execution of the task was at work")).to_be_visible()
    assert "outcome=skipped" in page.url
    assert operator.complaints == []


def test_a_task_shows_what_became_of_its_scheduled_times(
    operator: Operator, make: Callable[..., Any], api: httpx.Client
) -> None:
    task = make(schedule="*/5 * * * * *", config={"module": "builtin", "function_name": "noop"})
    path = f"/tasks/{task['id']}"

    def fates() -> set[str]:
        return {each["fate"] for each in api.get(f"{path}/occurrences").json()["occurrences"]}

    wait_until(lambda: "ran" in fates(), "it has run")
    assert api.post(f"{path}/pause").is_success
    wait_until(lambda: "missed" in fates(), "an instant went by while it was paused")
    page = operator.open(f"tasks/{task['id']}")
    strip = page.get_by_role("list", name="Scheduled times")
    expect(strip.get_by_role("button", name="Completed").first).to_be_visible()
    missed = operator.section("Scheduled times").get_by_role("listitem").filter(has_text="The task was paused")
    expect(missed.first).to_contain_text("Missed")
    expect(missed.first).to_contain_text("local-operator")
    assert operator.violations() == []
    missed.first.get_by_role("button").press("Enter")
    expect(operator.in_dialog()).to_contain_text("The task was paused.")
    expect(operator.in_dialog()).to_contain_text("Resume the task if it is to run.")
    assert operator.violations() == []
    operator.in_dialog().get_by_role("link", name="Open the change in the audit").click()
    expect(operator.in_dialog()).to_have_count(0)
    expect(
        operator.main.get_by_role("listitem").filter(has_text=task["name"]).filter(has_text="pause")
    ).to_have_count(1)
    page.go_back()
    strip.get_by_role("button", name="Completed").first.click()
    operator.in_dialog().get_by_role("link", name="Open the execution").click()
    expect(operator.mark).to_have_text("Completed")
    expect(operator.in_dialog()).to_have_count(0)
    assert operator.complaints == []


def test_a_task_and_an_execution_are_explained_also_to_a_reader(
    chromium: Browser, up: Up, make: Callable[..., Any], api: httpx.Client, reader_token: str
) -> None:
    task = make(schedule="0 30 10 * * *", metadata={"timezone": "Europe/Berlin"})
    run = _execute(api, task)
    with new_context(chromium, up, timezone_id="Europe/Berlin") as context:
        sign_in(context, reader_token)
        reader = Operator(context.new_page(), up)
        page = reader.open(f"tasks/{task['id']}")
        reader.button("Explain").click()
        dialog = reader.in_dialog()
        expect(dialog.get_by_role("heading")).to_contain_text(task["name"])
        expect(dialog).to_contain_text("What to do")

        at = dialog.get_by_label("At")
        at.fill("2100-01-05 10:30")
        at.press("Enter")
        expect(dialog).to_contain_text("The schedule names this instant, and the task is on.")
        expect(dialog).to_contain_text("2100-01-05 10:30:00 Europe/Berlin · 2100-01-05 09:30:00 UTC")
        reader.take_pictures("explain")
        dialog.get_by_role("button", name="Copy as curl").click()
        line = page.evaluate("navigator.clipboard.readText()")
        assert line.startswith(f"curl '{up.api_url}/tasks/{task['id']}/explain?at=2100-01-05T09%3A30%3A00.000Z'")
        at.fill("2100-01-05T10:30:00Z")
        dialog.get_by_role("button", name="Ask").click()
        expect(dialog).to_contain_text("The schedule in force does not name this instant.")
        at.fill("tomorrow")
        at.press("Enter")
        expect(at).to_have_attribute("aria-invalid", "true")
        expect(dialog).to_contain_text("must be an RFC 3339 instant")
        assert reader.violations() == []
        page.keyboard.press("Escape")
        expect(dialog).to_have_count(0)
        expect(reader.button("Explain")).to_be_focused()

        reader.open(f"executions/{run}")
        expect(reader.mark).to_have_text("Completed")
        reader.button("Explain").click()
        said = api.get(f"/tasks/{task['id']}/explain", params={"execution_id": run}).json()
        expect(dialog).to_contain_text(said["sentence"])
        expect(dialog).to_contain_text("Outcome")
        assert reader.violations() == []
        dialog.get_by_role("button", name="Close").click()
        expect(dialog).to_have_count(0)
        assert reader.complaints == []


def test_a_page_deep_in_the_list_is_read_behind_the_page_before(operator: Operator) -> None:
    """A list of 20,000, of which the browser is sent what the API would send."""
    asked: list[dict[str, list[str]]] = []

    def answer(route: Route) -> None:
        query = parse_qs(urlsplit(route.request.url).query)
        asked.append(query)
        after = int(query["after"][0].removeprefix("behind ")) if "after" in query else None
        first = int(query["page"][0]) * 100 - 100 if after is None else after
        rows = [_made_up(number) for number in range(first, first + 100)]
        numbers = {"total": 20_000, "page": 1, "page_size": 100, "total_pages": 200}
        route.fulfill(json={**numbers, "executions": rows, "next": f"behind {first + 100}"})

    operator.page.route("**/scheduler/executions?*", answer)
    page = operator.open("executions")
    listed = page.get_by_role("region", name="Executions")

    def scroll_to(row: int) -> None:
        listed.evaluate("(box, row) => { box.scrollTop = row * 36; }", row)
        expect(listed.get_by_role("link", name=f"made up {row + 5}", exact=True)).to_be_visible()

    for row in (0, 200, 15_030, 15_130, 15_230):
        scroll_to(row)
    by_number = {each["page"][0] for each in asked if "page" in each}
    assert {"1", "3", "151"} <= by_number
    assert not {"152", "153"} & by_number, "each is read behind the one before"
    assert {each["after"][0] for each in asked if "after" in each} >= {"behind 15100", "behind 15200"}
    assert operator.complaints == []


def _made_up(number: int) -> dict[str, Any]:
    names = {"id": f"run-{number}", "task_id": f"task-{number}", "task_name": f"made up {number}"}
    times = {"started_at": "2026-11-23T08:03:52.310Z", "completed_at": "2026-11-23T08:03:53.310Z", "duration": "1s"}
    metadata = {"trigger": "schedule", "worker_id": "w", "retry_count": 0, "lock_key": "", "fencing_token": 1}
    ended = {"status": "completed", "outcome": "completed", "worker_id": "w", "retry_count": 0}
    return {**names, **times, **ended, "metadata": metadata}


def _execute(api: httpx.Client, task: Any, parameters: dict[str, Any] | None = None) -> str:
    answer = api.post(f"/tasks/{task['id']}/execute", json={"parameters": parameters or {}})
    assert answer.status_code == 202, answer.text
    run = str(answer.json()["execution_id"])
    wait_until(lambda: api.get(f"/executions/{run}").json()["status"] != "pending", "it has begun or was skipped")
    return run
