"""Every screen opens, is fit for everyone in both colours and on a phone, and has its picture taken for docs/."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import httpx
import pytest
from playwright.sync_api import Browser, expect

from tests.stack.page.operator import PHONE, TAKES_PICTURES, Operator, new_context, sign_in
from tests.stack.running_stack import Up, wait_until

pytestmark = [pytest.mark.slow, pytest.mark.timeout(400)]

SCREENS = (
    *("now", "calendar", "tasks", "task", "execution", "new", "edit", "executions", "alerts", "audit", "workers"),
    "settings",
)


@pytest.fixture(scope="module")
def addresses(up: Up) -> dict[str, str]:
    """The screens' addresses, with a task that has run and one that has not."""
    with up.client() as client:
        body = {
            "name": "Price check",
            "description": "Asks this service how it is, as an example of an http task",
            "type": "http",
            "schedule": "0 */10 * * * *",
            "config": {"url": f"{up.api_url}/status"},
            "tags": ["example"],
            "metadata": {"timezone": "Europe/Berlin"},
        }
        made = client.post("/tasks", json=body)
        task = (made if made.is_success else client.get("/tasks", params={"q": "Price check"})).json()
        task = task.get("tasks", [task])[0]
        run = client.post(f"/tasks/{task['id']}/execute").json()["execution_id"]
        _wait_for_end(client, run)
        if TAKES_PICTURES:
            _furnish(client, task["id"])
    names = {name: name for name in SCREENS}
    return {
        **names,
        "task": f"tasks/{task['id']}",
        "edit": f"tasks/{task['id']}/edit",
        "execution": f"executions/{run}",
    }


def _furnish(client: httpx.Client, task_id: str) -> None:
    """Pictures of a service at work: tasks that succeed, fail and run, and a history."""
    sleeping = {"module": "builtin", "function_name": "sleep", "parameters": {"duration": "10m"}}
    echo = {"module": "builtin", "function_name": "echo", "parameters": {"greeting": "o7"}}
    address = f"{client.base_url}nothing-here"
    made = [
        {"name": "Nightly report", "type": "function", "schedule": "0 30 2 * * MON-FRI", "config": echo},
        {"name": "Import of the catalogue", "type": "http", "schedule": "0 15 * * * *", "config": {"url": address}},
        {"name": "Training of the model", "type": "function", "schedule": "0 0 4 * * SUN", "config": sleeping},
        {"name": "Stock levels", "type": "function", "schedule": "0 */5 * * * *", "config": echo, "priority": "high"},
    ]
    ids = [task_id]
    for body in made:
        ids.append(
            client.post("/tasks", json={**body, "metadata": {"max_retries": 0, "timeout": "20m"}}).json()["id"]
        )
    for each, times in zip(ids, (14, 2, 4, 1, 3), strict=True):
        for _ in range(times):
            run = client.post(f"/tasks/{each}/execute").json()["execution_id"]
            if each != ids[3]:
                _wait_for_end(client, run)


def _wait_for_end(client: httpx.Client, run: str) -> None:
    wait_until(lambda: "completed_at" in client.get(f"/executions/{run}").json(), "the run has ended")


@pytest.mark.parametrize("screen", SCREENS)
def test_a_screen_is_fit_for_everyone_and_complains_of_nothing(
    operator: Operator, addresses: dict[str, str], screen: str
) -> None:
    for scheme in ("light", "dark"):
        operator.page.emulate_media(color_scheme=scheme)
        operator.open(addresses[screen])
        operator.settle()
        assert operator.violations(with_size_of_targets=True) == [], scheme
    operator.take_pictures(screen)
    operator.page.set_viewport_size(PHONE)
    operator.settle()
    assert operator.violations() == []
    overflow = operator.page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
    assert overflow <= 0, "nothing is cut off at a phone's side"
    assert operator.complaints == []


def test_no_screen_asks_for_much(operator: Operator, addresses: dict[str, str]) -> None:
    """Each request counts, also one for the same again. What changes elsewhere asks for none here."""
    asked: list[str] = []
    operator.page.route("**/scheduler/events*", lambda _: None)  # a stream that never answers
    operator.page.add_init_script("window.setInterval = () => 0")  # what is asked every few seconds
    operator.open("new")
    operator.settle()
    operator.page.on("request", lambda request: asked.append(request.url))
    for screen in SCREENS:
        asked.clear()
        operator.open(addresses[screen])
        operator.settle()
        operator.page.wait_for_timeout(300)
        to_api = [each for each in asked if "/ui/" not in each]
        assert len(to_api) <= 6, (screen, to_api)
        assert len(to_api) == len(set(to_api)), (screen, to_api)


def test_the_sign_in_is_fit_for_everyone(chromium: Browser, up: Up) -> None:
    with new_context(chromium, up) as context:
        someone = Operator(context.new_page(), up)
        someone.page.goto("")
        someone.page.get_by_label("Token").wait_for()
        assert someone.page.title() == "Falcon Scheduler"
        assert someone.violations() == []
        someone.take_pictures("sign-in")


def test_a_reader_sees_no_button_that_would_fail(
    chromium: Browser, up: Up, addresses: dict[str, str], reader_token: str
) -> None:
    with new_context(chromium, up) as context:
        sign_in(context, reader_token)
        reader = Operator(context.new_page(), up)
        reader.open(addresses["task"])
        for name in ("Run now", "Stop", "Pause", "Disable", "Delete", "Actions as curl"):
            expect(reader.button(name)).to_have_count(0)
        for screen in ("new", addresses["edit"]):
            reader.open(screen)
            expect(reader.main).to_contain_text("Your groups give you no permission")
            expect(reader.button("Save")).to_have_count(0)
        reader.open("tasks")
        expect(reader.main.get_by_role("link", name="New task")).to_have_count(0)
        expect(reader.main.get_by_role("checkbox")).to_have_count(0)


def test_each_name_that_scripts_look_for_is_there_once(operator: Operator, addresses: dict[str, str]) -> None:
    """Also where an alert is open, and where a name is looked for as a part of a text."""
    times = {"opened_at": "2026-11-23T08:03:52.310Z", "deliveries": []}
    made_up = {"id": "a", "kind": "late", "state": "open", "task_id": "t", "task_name": "Made up", "text": "Made up."}
    found = {"alerts": [{**made_up, **times}], "total": 1, "page": 1, "page_size": 20, "total_pages": 1}
    operator.page.route("**/scheduler/alerts?state=open*", lambda route: route.fulfill(json=found))
    for screen in ("now", addresses["task"], addresses["execution"], "new"):
        page = operator.open(screen)
        operator.settle()
        expect(page.get_by_role("button", name="Copy as curl")).to_have_count(1)
        navigation = page.get_by_role("navigation", name="Screens")
        expect(navigation).to_contain_text("1 Open")
        for name in ("Now", "Tasks", "Calendar", "Executions", "Alerts", "Audit", "Workers"):
            expect(page.get_by_role("link", name=name, exact=True)).to_have_count(1)
    for label in ("Name", "Schedule", "Time zone", "Type", "Priority", "Tags", "URL", "Method"):
        expect(page.get_by_label(label)).to_have_count(1)


def test_lengths_of_time_are_shown_as_people_read_them(operator: Operator, addresses: dict[str, str]) -> None:
    for screen in ("now", "workers", addresses["task"]):
        operator.open(screen)
        operator.settle()
        assert not re.search(r"\d(ns|µs|ms)\b|\d[hm]\d", operator.main.inner_text()), screen
    expect(operator.section("Settings").locator("[title='5m0s']")).to_have_text("5 min")
    given = [0, 0.4, 23.027, 999.7, 1234, 9960, 59_700, 125_000, 5_400_000, 172_800_000]
    shown = operator.page.evaluate(
        "async (given) => { const own = document.querySelector('link[href$=\"lib/times.js\"]');"
        " const { lengthOf } = await import(own.href); return given.map(lengthOf); }",
        given,
    )
    assert shown == ["0 ms", "< 1 ms", "23 ms", "1 s", "1.2 s", "10 s", "1 min", "2 min 5 s", "1 h 30 min", "2 d"]


def test_the_whole_list_is_used_by_keyboard_alone(operator: Operator, make: Callable[..., Any]) -> None:
    names = [make(name=f"Keyboard {letter}")["name"] for letter in "ab"]
    page = operator.open("tasks?q=Keyboard&sort=name")
    operator.row(names[1]).wait_for()
    for key in ("j", "j", "k", "j", "Enter"):
        page.keyboard.press(key)
    expect(page.get_by_role("heading", level=1)).to_have_text(names[1])
    page.keyboard.press("?")
    expect(operator.in_dialog()).to_contain_text("Next row")
    page.keyboard.press("Escape")
    expect(operator.in_dialog()).to_have_count(0)
    page.keyboard.press("Control+k")
    expect(operator.in_dialog().get_by_role("combobox")).to_be_focused()
    page.keyboard.type(names[0])
    expect(operator.in_dialog().get_by_role("option", name=names[0])).to_be_visible()
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", level=1)).to_have_text(names[0])
    operator.open("tasks")
    page.keyboard.press("/")
    page.keyboard.type("Keyboard b")
    expect(operator.row(names[1])).to_be_visible()
    expect(operator.row(names[0])).to_have_count(0)
    assert "q=Keyboard" in page.url
    operator.open("settings")
    operator.row("SCHEDULER_QUEUE_SIZE").wait_for()
    page.keyboard.press("/")
    expect(operator.filters.get_by_label("Search")).to_be_focused()
    operator.open("audit")
    operator.settle()
    page.keyboard.press("j")
    expect(operator.main.locator("li.card :focus")).to_have_count(1)
    page.keyboard.press("/")
    expect(operator.in_dialog().get_by_role("combobox")).to_be_focused()


def test_times_are_shown_in_the_chosen_zone_with_utc_beside(operator: Operator, addresses: dict[str, str]) -> None:
    operator.open(addresses["task"])
    shown_zone = operator.bar.get_by_label("Show times in")
    shown_zone.select_option("Asia/Tokyo")
    listed = operator.section("Next runs").get_by_role("listitem").filter(has_text="Asia/Tokyo").first
    expect(listed).to_contain_text("UTC")
    shown_zone.select_option("UTC")


def test_a_phone_shows_names_whole_and_offers_zone_and_colours(
    operator: Operator, addresses: dict[str, str], make: Callable[..., Any]
) -> None:
    name = "A name that is longer than what a column of a phone has room for"[:100]
    task = make(name=name)
    page = operator.page
    page.set_viewport_size(PHONE)
    operator.open(f"tasks?q={name[:30]}")
    row = operator.row(name)
    expect(row).to_contain_text("Pending")
    expect(row.get_by_role("link", name=name)).to_be_visible()
    bar = operator.bar.bounding_box()
    assert bar is not None
    assert bar["height"] < 60, "the bar is one line"
    priority = operator.filters.get_by_label("Priority")
    expect(priority).to_be_hidden()
    operator.button("Filters").press("Enter")
    priority.select_option("normal")
    expect(operator.button("Filters (1 in use)")).to_have_attribute("aria-expanded", "true")
    assert operator.violations() == []
    priority.select_option("")
    operator.button("Filters").click()
    expect(priority).to_be_hidden()
    row.get_by_role("checkbox").check()
    expect(page.get_by_role("group", name="1 selected")).to_be_visible()
    operator.button("Display").click()
    dialog = operator.in_dialog()
    dialog.get_by_label("Show times in").select_option("Asia/Tokyo")
    dialog.get_by_label("Colours").select_option("dark")
    assert page.evaluate("getComputedStyle(document.documentElement).colorScheme") == "dark"
    assert operator.violations() == []
    dialog.get_by_label("Colours").select_option("system")
    dialog.get_by_role("button", name="Close").click()
    operator.open(f"tasks/{task['id']}")
    expect(operator.section("Next runs").get_by_role("listitem").filter(has_text="Asia/Tokyo").first).to_be_visible()
    operator.open("executions")
    listed = operator.row("Price check").first
    expect(listed).to_contain_text("Completed")
    expect(listed.get_by_role("link")).to_have_text("Price check")
    operator.button("Display").click()
    dialog.get_by_label("Show times in").select_option("UTC")
    assert operator.complaints == []


def test_settings_are_shown_to_administrators_without_a_secret(
    operator: Operator, chromium: Browser, up: Up, reader_token: str
) -> None:
    page = operator.open("settings?q=secret")
    expect(operator.row("ALERT_WEBHOOK_SECRET")).to_contain_text("[concealed]")
    operator.filters.get_by_label("Search").fill("")
    operator.filters.get_by_label("Source").select_option(label="Environment")
    expect(operator.row("METRICS_TOKEN")).to_be_visible()
    expect(operator.row("SCHEDULER_QUEUE_SIZE")).to_have_count(0)
    operator.filters.get_by_label("Source").select_option(label="Any")
    expect(operator.row("SCHEDULER_QUEUE_SIZE")).to_contain_text("1000")
    assert "pl4nted" not in page.content()
    with new_context(chromium, up) as context:
        sign_in(context, reader_token)
        reader = Operator(context.new_page(), up)
        reader.open("settings")
        expect(reader.main).to_contain_text("Settings are shown to those who may manage")
        expect(reader.page.get_by_role("navigation").get_by_role("link", name="Settings")).to_have_count(0)


def test_the_colours_are_kept(operator: Operator) -> None:
    page = operator.open("tasks")
    operator.bar.get_by_label("Colours").select_option("dark")
    page.reload()
    page.get_by_role("heading", level=1).wait_for()
    assert page.evaluate("getComputedStyle(document.documentElement).colorScheme") == "dark"
    operator.bar.get_by_label("Colours").select_option("system")
