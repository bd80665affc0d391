"""Executions on the page: cancelled, repeated, skipped, found by how they ended."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from typing import Any

import httpx
import pytest
from playwright.sync_api import Browser, expect

from tests.stack.page.operator import Operator, new_context, sign_in
from tests.stack.running_stack import wait_until

pytestmark = [pytest.mark.slow, pytest.mark.timeout(400)]

LONG = {"module": "builtin", "function_name": "sleep", "parameters": {"duration": "10m"}}


def test_an_execution_is_cancelled_repeated_and_found_by_its_outcome(
    operator: Operator, make: Callable[..., Any], api: httpx.Client, chromium: Browser, reader_token: str
) -> None:
    task = make(name=f"Takes long {uuid.uuid4().hex[:6]} <b>now</b>", config=LONG)
    run = _execute(api, task, {"duration": "9m"})
    page = operator.open(f"executions/{run}")
    mark = page.locator(".head .mark")
    expect(mark).to_have_text("Running")

    second = _execute(api, task)
    page = operator.open(f"executions/{second}")
    expect(mark).to_have_text("Skipped")
    expect(page.get_by_text("Another execution of the task was at work")).to_be_visible()
    page.get_by_role("link", name="Open the execution that was at work").click()
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
    expect(page.get_by_text("Copied")).to_be_visible()
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
    dialog.get_by_role("button", name="Repeat").click()
    page.get_by_role("status").get_by_role("link").click()
    expect(mark).to_have_text("Running")
    repeated = page.url.rpartition("/")[2]
    assert api.get(f"/executions/{repeated}").json()["metadata"]["parameters"] == {"duration": "9m"}
    operator.button("Cancel").click()
    dialog.get_by_role("button", name="Cancel execution").click()
    expect(mark).to_have_text("Cancelled")

    page = operator.open(f"executions?task_id={task['id']}")
    expect(page.get_by_text("2 executions")).to_be_visible()
    page.get_by_label("Outcome").select_option(label="Skipped")
    expect(page.get_by_text("1 execution", exact=True)).to_be_visible()
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
    expect(strip.get_by_role("link", name="Completed").first).to_be_visible()
    missed = page.get_by_role("listitem").filter(has_text="The task was paused")
    expect(missed.first).to_contain_text("Missed")
    expect(missed.first).to_contain_text("local-operator")
    assert operator.violations() == []
    strip.get_by_role("link", name="Completed").first.click()
    expect(page.locator(".head .mark")).to_have_text("Completed")
    assert operator.complaints == []


def _execute(api: httpx.Client, task: Any, parameters: dict[str, Any] | None = None) -> str:
    answer = api.post(f"/tasks/{task['id']}/execute", json={"parameters": parameters or {}})
    assert answer.status_code == 202, answer.text
    run = str(answer.json()["execution_id"])
    wait_until(lambda: api.get(f"/executions/{run}").json()["status"] != "pending", "it has begun or was skipped")
    return run
