"""Pages of another site, in a real browser that is logged in to the running stack, change nothing and read nothing.

`evil.example` resolves to loopback in that browser. A page there is a page of another site; on the port of one of our
servers it is one that had its own name resolve to us (DNS rebinding). The first test proves that the same calls work
from a page of Prefect's own.
"""

from __future__ import annotations

import threading
import uuid
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest
from playwright.sync_api import BrowserContext, Page

from tests.browser import browser
from tests.stack.running_stack import Up

pytestmark = [pytest.mark.slow, pytest.mark.timeout(400)]

TASK = {
    "name": "The victim",
    "type": "function",
    "schedule": "0 0 4 1 1 *",
    "config": {"module": "builtin", "function_name": "noop"},
}


class EmptyPage(BaseHTTPRequestHandler):
    """What the attacker's server sends; each test brings its script."""

    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "text/html")
        self.end_headers()
        self.wfile.write(b"<!doctype html><title>cute cats</title>")

    def log_message(self, *_: Any) -> None:
        """Say nothing."""


@pytest.fixture(scope="module")
def evil_port() -> Iterator[int]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), EmptyPage)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server.server_address[1]
    server.shutdown()


@pytest.fixture(scope="module")
def logged_in(up: Up) -> Iterator[BrowserContext]:
    """A browser that is logged in to both of our servers."""
    with browser("--host-resolver-rules=MAP evil.example 127.0.0.1") as chromium:
        context = chromium.new_context()
        page = context.new_page()
        page.goto(up.login_link)
        page.wait_for_url("**/dashboard*")
        context.add_cookies(
            [{"name": "falcon_auth_token", "value": up.token, "domain": "127.0.0.1", "path": "/", "sameSite": "Lax"}]
        )
        yield context


@pytest.fixture(scope="module")
def task_id(up: Up) -> str:
    with up.client() as client:
        made = client.post("/tasks", json=TASK)
    assert made.status_code == 201, made.text
    return str(made.json()["id"])


@pytest.fixture
def evil(logged_in: BrowserContext, evil_port: int) -> Iterator[Page]:
    page = logged_in.new_page()
    page.goto(f"http://evil.example:{evil_port}/")
    yield page
    page.close()


def deployment_of(up: Up, task_id: str) -> dict[str, Any]:
    with up.prefect() as prefect:
        wanted = {"deployments": {"name": {"any_": [task_id]}}}
        [deployment] = prefect.post("/deployments/filter", json=wanted).json()
    return dict(deployment)


def automations(up: Up) -> list[str]:
    with up.prefect() as prefect:
        return [each["name"] for each in prefect.post("/automations/filter", json={}).json()]


def automation(name: str, deployment_id: str) -> dict[str, Any]:
    """Run a deployment with a command of the attacker's whenever any run ends."""
    return {
        "name": name,
        "enabled": True,
        "trigger": {
            "type": "event",
            "posture": "Reactive",
            "expect": ["prefect.flow-run.Completed"],
            "threshold": 1,
            "within": 0,
        },
        "actions": [
            {
                "type": "run-deployment",
                "source": "selected",
                "deployment_id": deployment_id,
                "job_variables": {"command": "touch falcon-was-here"},
            }
        ],
    }


SEND_AS_BLOB = """async ([url, body]) => {
    const blob = new Blob([JSON.stringify(body)])
    try { await fetch(url, { method: "POST", mode: "no-cors", credentials: "include", body: blob }) } catch { }
}"""
SEND_NOTHING = """async ([url]) => {
    try { await fetch(url, { method: "POST", mode: "no-cors", credentials: "include" }) } catch { }
}"""
SEND_FORM = """async ([url, body]) => {
    const form = document.createElement("form")
    form.method = "POST"; form.action = url; form.enctype = "text/plain"
    const field = document.createElement("input")
    field.name = JSON.stringify(body).slice(0, -1) + ', "tail": "'; field.value = '"}'
    form.append(field); document.body.append(form); form.submit()
}"""
OPEN_SOCKET = """([url]) => new Promise((resolve) => {
    const socket = new WebSocket(url, "prefect")
    socket.onopen = () => resolve("open"); socket.onerror = () => resolve("refused")
})"""
FETCH_STATUS = """async ([url, method, body]) => {
    const headers = { "Authorization": "Basic " + localStorage.getItem("prefect-password") }
    if (body) headers["Content-Type"] = "application/json"
    return (await fetch(url, { method, headers, body: body && JSON.stringify(body) })).status
}"""


def test_the_link_logs_a_browser_in_and_prefects_own_pages_may_do_everything(
    up: Up, logged_in: BrowserContext, task_id: str
) -> None:
    page = logged_in.new_page()
    asked: set[str | None] = set()
    page.on("requestfinished", lambda request: asked.add(urlsplit(request.url).hostname))
    page.goto(f"{up.prefect_url}/")
    page.get_by_text("Deployments").first.wait_for()
    assert asked == {"127.0.0.1"}
    deployment = deployment_of(up, task_id)["id"]
    name = f"a user's own {uuid.uuid4().hex[:6]}"
    for method, path, body, status in (
        ("POST", "automations/", automation(name, deployment), 201),
        ("POST", f"deployments/{deployment}/pause_deployment", None, 200),
        ("POST", f"deployments/{deployment}/resume_deployment", None, 200),
    ):
        assert page.evaluate(FETCH_STATUS, [f"/api/{path}", method, body]) == status
    assert name in automations(up)
    with up.prefect() as prefect:
        [mine] = [each for each in prefect.post("/automations/filter", json={}).json() if each["name"] == name]
        prefect.delete(f"/automations/{mine['id']}")
    socket = f"ws://127.0.0.1:{up.prefect_port}/api/events/out"
    assert page.evaluate(OPEN_SOCKET, [socket]) == "open"
    page.close()


def test_a_foreign_link_logs_nobody_out(up: Up, logged_in: BrowserContext) -> None:
    page = logged_in.new_page()
    page.goto(f"{up.prefect_url}/falcon/login#{'ZmFsY29uOndyb25n'}")
    page.get_by_text("does not fit").wait_for()
    assert page.evaluate("localStorage.getItem('prefect-password')") == up.login_link.partition("#")[2]
    assert page.url == f"{up.prefect_url}/falcon/login", "the password stays in no address"
    page.close()


@pytest.mark.parametrize("script", [SEND_AS_BLOB, SEND_FORM], ids=["blob without a type", "form"])
def test_a_foreign_page_stores_no_automation(up: Up, evil: Page, task_id: str, script: str) -> None:
    before = automations(up)
    order = automation(f"evil {uuid.uuid4().hex[:6]}", deployment_of(up, task_id)["id"])
    with evil.expect_response(lambda response: "/automations/" in response.url) as answer:
        evil.evaluate(script, [f"{up.prefect_url}/api/automations/", order])
    assert answer.value.status == 403
    assert automations(up) == before


def test_a_foreign_page_pauses_nothing(up: Up, evil: Page, task_id: str) -> None:
    deployment = deployment_of(up, task_id)["id"]
    for url in (
        f"{up.prefect_url}/api/deployments/{deployment}/pause_deployment",
        f"{up.api_url}/tasks/{task_id}/pause",
    ):
        with evil.expect_response(url) as answer:
            evil.evaluate(SEND_NOTHING, [url])
        assert answer.value.status == 403
    assert not deployment_of(up, task_id)["paused"]
    with up.client() as client:
        assert client.get(f"/tasks/{task_id}").json()["status"] == "pending"


@pytest.mark.parametrize("path", ["events/in", "events/out", "logs/out"])
def test_a_foreign_page_opens_no_socket(up: Up, evil: Page, path: str) -> None:
    assert evil.evaluate(OPEN_SOCKET, [f"ws://127.0.0.1:{up.prefect_port}/api/{path}"]) == "refused"


def test_a_page_whose_name_resolves_to_us_reads_nothing(up: Up, logged_in: BrowserContext) -> None:
    for port, path in ((up.prefect_port, "/api/health"), (up.prefect_port, "/"), (up.port, "/scheduler/status")):
        page = logged_in.new_page()
        answer = page.goto(f"http://evil.example:{port}{path}")
        assert answer is not None
        assert answer.status == 403
        page.close()


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 200),
        ({"Host": "localhost"}, 200),
        ({"Host": "[::1]:4200"}, 200),
        ({"Host": "evil.example"}, 403),
        ({"Host": "127.0.0.1.evil.example"}, 403),
        ({"Host": "evil.example@127.0.0.1"}, 403),
        ({"Origin": "null"}, 403),
        ({"Origin": "http://127.0.0.1:1"}, 403),
        ({"Sec-Fetch-Site": "cross-site"}, 403),
        ({"Sec-Fetch-Site": "same-site"}, 403),
        ({"Sec-Fetch-Site": "same-origin"}, 200),
    ],
)
def test_prefect_looks_at_host_and_origin_though_the_password_is_right(
    up: Up, headers: dict[str, str], status: int
) -> None:
    with up.prefect() as prefect:
        assert prefect.post("/flows/filter", json={}, headers=headers).status_code == status


def test_no_page_may_show_prefects_pages_in_a_frame(up: Up) -> None:
    for path in ("/", "/falcon/login"):
        page = httpx.get(f"{up.prefect_url}{path}", follow_redirects=True)
        assert page.headers["x-frame-options"] == "DENY"
        assert "frame-ancestors 'none'" in page.headers["content-security-policy"]
