"""The list of tasks on the page: many switched at once, filters, saved views."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from typing import Any

import httpx
import pytest
from playwright.sync_api import BrowserContext, expect

from tests.stack.page.operator import Operator

pytestmark = [pytest.mark.slow, pytest.mark.timeout(400)]


def test_many_tasks_are_switched_at_once_with_a_result_for_each(
    operator: Operator, make: Callable[..., Any], api: httpx.Client
) -> None:
    mark = uuid.uuid4().hex[:6]
    tasks = [make(name=f"Bulk {mark} {number}") for number in range(3)]
    page = operator.open(f"tasks?q={mark}")
    for task in tasks[:2]:
        operator.row(task["name"]).get_by_role("checkbox").check()
    expect(page.get_by_role("group", name="2 selected")).to_be_visible()
    operator.button("Pause").click()
    for task in tasks[:2]:
        expect(operator.in_dialog()).to_contain_text(task["name"])
    operator.in_dialog().get_by_role("button", name="Close").click()
    expect(operator.row(tasks[0]["name"])).to_contain_text("Paused")
    expect(operator.row(tasks[2]["name"])).to_contain_text("Pending")
    operator.row(tasks[0]["name"]).get_by_role("checkbox").check()
    operator.button("Select all 3").click()
    expect(page.get_by_role("group", name="3 selected")).to_be_visible()
    operator.button("Delete").click()
    expect(operator.in_dialog()).to_contain_text(tasks[2]["name"])
    operator.in_dialog().get_by_role("button", name="Delete").click()
    expect(operator.in_dialog()).to_contain_text("Done")
    assert api.get("/tasks", params={"q": mark}).json()["total"] == 0


def test_filters_live_in_the_address(operator: Operator, make: Callable[..., Any]) -> None:
    mark = uuid.uuid4().hex[:6]
    low, high = make(name=f"Low {mark}", priority="low"), make(name=f"High {mark}", priority="high")
    page = operator.open(f"tasks?q={mark}")
    operator.filters.get_by_label("Priority").select_option("low")
    expect(operator.row(high["name"])).to_have_count(0)
    page.reload()
    expect(operator.row(low["name"])).to_be_visible()
    expect(operator.filters.get_by_label("Priority")).to_have_value("low")
    expect(operator.row(high["name"])).to_have_count(0)
    operator.button("Clear filters").click()
    assert "priority" not in page.url


def test_a_view_is_saved_found_again_and_shared_by_its_address(
    operator: Operator, context: BrowserContext, make: Callable[..., Any]
) -> None:
    mark = uuid.uuid4().hex[:6]
    low, high = make(name=f"Low {mark}", priority="low"), make(name=f"High {mark}", priority="high")
    page = operator.open("tasks")
    expect(operator.button("Save view")).to_have_count(0)
    operator.open(f"tasks?q={mark}&priority=low&sort=name")
    expect(operator.row(low["name"])).to_be_visible()
    name = f"<b>Low</b> \u05d0\u05d1 {mark}"
    operator.button("Save view").click()
    dialog = operator.in_dialog()
    dialog.get_by_label("Name").fill(name)
    assert operator.violations() == []
    dialog.get_by_role("button", name="Save").click()
    expect(operator.filters.get_by_label("Saved views")).to_have_value(name)
    operator.button("Copy link").click()
    expect(operator.notices).to_contain_text("Link copied")
    link = page.evaluate("navigator.clipboard.readText()")

    operator.open("tasks")
    operator.filters.get_by_label("Saved views").select_option(name)
    expect(operator.row(low["name"])).to_be_visible()
    expect(operator.row(high["name"])).to_have_count(0)
    expect(operator.filters.get_by_label("Sort by")).to_have_value("name")
    operator.filters.get_by_label("Saved views").select_option("")
    assert "q=" not in page.url
    operator.filters.get_by_label("Saved views").select_option(name)
    operator.button("Remove view").click()
    expect(dialog).to_contain_text(name)
    dialog.get_by_role("button", name="Remove view").click()
    expect(operator.filters.get_by_label("Saved views")).to_have_count(0)

    other = Operator(context.new_page(), operator.up)
    other.page.goto(link)
    expect(other.row(low["name"])).to_be_visible()
    expect(other.row(high["name"])).to_have_count(0)
    other.page.evaluate("localStorage.setItem('falcon-scheduler:views:tasks', '[{\"name\": 1}, null, {}]')")
    other.page.reload()
    expect(other.row(low["name"])).to_be_visible()
    other.page.evaluate("localStorage.removeItem('falcon-scheduler:views:tasks')")
    other.page.close()
    assert [*operator.complaints, *other.complaints] == []
