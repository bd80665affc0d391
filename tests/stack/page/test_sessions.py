"""Signing in and out, links, sessions that end; changes of another window, a restart and a cut network."""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest
from playwright.sync_api import Browser, BrowserContext, expect

from tests.stack.page.operator import Operator, new_context
from tests.stack.running_stack import Up, falcon, wait_until

pytestmark = [pytest.mark.slow, pytest.mark.timeout(400)]


def link_of(text: str) -> str:
    found = re.search(r"http://\S+/ui/#/sign-in\?code=\S+", text)
    assert found, text
    return found[0]


def test_the_printed_link_signs_in_once_and_leaves_no_trace(chromium: Browser, up: Up) -> None:
    link = link_of(falcon("sign-in", "--super-admin", "--home", str(up.home), "--url", up.api_url).stdout)
    assert link_of(up.output).startswith(f"{up.api_url}/ui/")
    with new_context(chromium, up) as context:
        page = context.new_page()
        asked: list[str] = []
        page.on("request", lambda request: asked.append(request.url))
        page.goto(link)
        page.get_by_role("navigation", name="Screens").wait_for()
        assert "code" not in page.url
        assert not any("code=" in each for each in asked)
        [cookie] = context.cookies()
        assert (cookie["name"], cookie["httpOnly"], cookie["sameSite"]) == ("falcon_auth_token", True, "Strict")
        assert cookie["path"] == "/scheduler"
        assert page.evaluate("document.cookie + JSON.stringify(localStorage)").count("eyJ") == 0
        page.go_back()
        assert "code=" not in page.url
    logs = "".join(path.read_text() for path in (up.home / "logs").glob("facade*"))
    assert link.partition("code=")[2] not in logs
    with new_context(chromium, up) as context:
        page = context.new_page()
        page.goto(link)
        expect(page.get_by_role("alert")).to_contain_text("used already")


def test_a_bad_token_is_refused_and_a_good_one_signs_in_and_out(chromium: Browser, up: Up) -> None:
    with new_context(chromium, up) as context:
        page = context.new_page()
        page.goto("#/workers")
        page.get_by_label("Token").fill("abc")
        page.get_by_role("button", name="Sign in").click()
        expect(page.locator("form")).to_contain_text("not accepted")
        page.get_by_label("Token").fill(up.token)
        page.get_by_role("button", name="Sign in").click()
        expect(page.get_by_role("heading", level=1)).to_have_text("Workers")
        page.get_by_role("button", name="Sign out").click()
        page.get_by_label("Token").wait_for()
        assert context.cookies() == []


def test_a_session_that_ends_says_so_and_goes_on_where_it_was(
    chromium: Browser, up: Up, token_for: Callable[..., str]
) -> None:
    with new_context(chromium, up) as context:
        page = context.new_page()
        page.clock.install()
        page.goto("#/new")
        page.get_by_label("Token").fill(token_for(super_admin=True, exp=datetime.now(UTC) + timedelta(minutes=9)))
        page.get_by_role("button", name="Sign in").click()
        expect(page.locator(".shell > .banner")).to_contain_text("Your session ends in")
        page.get_by_label("Name", exact=True).fill("Half written")
        context.clear_cookies()  # what a browser does when the token expires
        page.clock.fast_forward(10 * 60 * 1000)  # nobody presses anything, and the page notices
        expect(page.get_by_role("status").filter(has_text="Your session has ended")).to_be_visible()
        page.get_by_label("Token").fill(token_for(super_admin=True))  # the same user
        page.get_by_role("button", name="Sign in").click()
        expect(page.get_by_role("heading", level=1)).to_have_text("New task")
        expect(page.get_by_label("Name", exact=True)).to_have_value("Half written")


def test_a_change_in_one_window_is_seen_in_another_within_half_a_second_or_so(
    context: BrowserContext, up: Up, make: Callable[..., Any], api: httpx.Client
) -> None:
    task = make()
    first, second = Operator(context.new_page(), up), Operator(context.new_page(), up)
    for window in (first, second):
        window.open(f"tasks/{task['id']}")
        expect(window.bar.get_by_text("Live", exact=True)).to_be_visible()
    first.button("Pause").click()
    expect(second.mark).to_have_text("Paused")
    second.open(f"tasks?q={task['name']}")
    expect(second.row(task["name"])).to_contain_text("Paused")
    api.post(f"/tasks/{task['id']}/resume")
    expect(second.row(task["name"])).to_contain_text("Pending")
    for window in (first, second):
        assert window.complaints == []
        window.page.close()


def test_without_a_stream_the_page_asks_from_time_to_time(
    context: BrowserContext, up: Up, make: Callable[..., Any], api: httpx.Client
) -> None:
    task = make()
    page = context.new_page()
    page.route("**/scheduler/events*", lambda route: route.fulfill(status=503, body="{}"))
    page.goto(f"#/tasks/{task['id']}")
    expect(page.get_by_role("banner").get_by_text("Every 5 s")).to_be_visible()
    api.post(f"/tasks/{task['id']}/pause")
    expect(page.locator(".head .mark")).to_have_text("Paused")
    page.close()


def test_the_page_outlives_a_cut_network(
    context: BrowserContext, up: Up, make: Callable[..., Any], api: httpx.Client
) -> None:
    task = make()
    operator = Operator(context.new_page(), up)
    operator.open("tasks")
    context.set_offline(True)
    try:
        operator.go_to("Executions")
        expect(operator.main.get_by_role("alert")).to_contain_text("does not answer")
    finally:
        context.set_offline(False)
    operator.button("Try again").click()
    expect(operator.main.get_by_role("alert")).to_have_count(0)
    api.post(f"/tasks/{task['id']}/pause")
    operator.open(f"tasks?q={task['name']}")
    expect(operator.row(task["name"])).to_contain_text("Paused")
    operator.page.close()


def test_the_page_outlives_a_restart_of_the_service(
    context: BrowserContext, up: Up, make: Callable[..., Any], api: httpx.Client
) -> None:
    task = make()
    operator = Operator(context.new_page(), up)
    operator.open(f"tasks/{task['id']}")
    facade = up.processes()["facade"]
    facade.kill()
    wait_until(
        lambda: up.processes().get("facade", facade).pid != facade.pid and up.is_healthy(), "the facade is back"
    )
    deadline = time.monotonic() + 60
    while not api.post(f"/tasks/{task['id']}/pause").is_success:
        assert time.monotonic() < deadline
    expect(operator.mark).to_have_text("Paused", timeout=60_000)
    operator.page.close()
