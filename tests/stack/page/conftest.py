"""One browser on the running stack, signed in; each test has a page of its own."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import jwt
import pytest
from playwright.sync_api import Browser, BrowserContext, Page

from falcon_scheduler.deployments.stack.home import Home
from tests.browser import browser
from tests.stack.page.operator import Operator, new_context, sign_in
from tests.stack.running_stack import Up

NEVER = "0 0 4 1 1 *"


@pytest.fixture(scope="package")
def chromium() -> Iterator[Browser]:
    """Ends with this folder: while it is open, its event loop is the thread's, and no other can run there."""
    with browser() as running:
        yield running


@pytest.fixture(scope="package")
def context(chromium: Browser, up: Up) -> Iterator[BrowserContext]:
    """A browser that is signed in as a super admin."""
    with new_context(chromium, up) as signed_in:
        sign_in(signed_in, up.token)
        yield signed_in


@pytest.fixture(scope="session")
def token_for(up: Up) -> Callable[..., str]:
    """Tokens that the stack's facade accepts, with claims of the test's own."""
    secret = Home(up.home).known_secret("jwt_secret")
    assert secret is not None

    def token(**claims: Any) -> str:
        standard = {"user_id": "somebody", "character_id": 77, "character_name": "Somebody", "iss": "go-falcon"}
        return jwt.encode({**standard, "exp": datetime.now(UTC) + timedelta(hours=1), **claims}, secret)

    return token


@pytest.fixture(scope="session")
def reader_token(token_for: Callable[..., str]) -> str:
    """Of somebody who may read and nothing else."""
    return token_for(user_id="a reader", character_name="A Reader")


@pytest.fixture
def page(context: BrowserContext) -> Iterator[Page]:
    page = context.new_page()
    yield page
    page.close()


@pytest.fixture
def operator(page: Page, up: Up) -> Operator:
    """Somebody in front of the page. What the page says to its console fails the test."""
    return Operator(page, up)


@pytest.fixture
def api(up: Up) -> Iterator[httpx.Client]:
    with up.client() as client:
        yield client


@pytest.fixture
def make(api: httpx.Client) -> Iterator[Callable[..., Any]]:
    """Creates tasks and deletes them at the end of the test."""
    made: list[str] = []

    def create(**fields: Any) -> Any:
        body = {
            "name": f"page {uuid.uuid4().hex[:8]}",
            "type": "function",
            "schedule": NEVER,
            "config": {"module": "builtin", "function_name": "echo", "parameters": {"greeting": "o7"}},
            **fields,
        }
        answer = api.post("/tasks", json=body)
        assert answer.status_code == 201, answer.text
        made.append(answer.json()["id"])
        return answer.json()

    yield create
    for task_id in made:
        api.delete(f"/tasks/{task_id}")
