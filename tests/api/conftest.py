"""The app over ASGI, on the session's real servers. Every answer that a test gets is held against our own OpenAPI."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import jsonschema
import jwt
import pytest
import pytest_asyncio
from fastapi import FastAPI

from falcon_scheduler.adapters.settings import Settings
from falcon_scheduler.api_facade.app import build_app
from falcon_scheduler.api_facade.composition.root import compose
from falcon_scheduler.api_facade.composition.services import Services
from tests.conftest import NEVER

BASE = "/scheduler"
Send = Callable[..., Awaitable[httpx.Response]]


class Contract:
    """What our OpenAPI document promises."""

    def __init__(self, document: Mapping[str, Any]) -> None:
        self.document = document
        self._paths = {
            re.compile(re.sub(r"\{\w+\}", "[^/]+", path)): operations
            for path, operations in document["paths"].items()
        }

    async def check(self, response: httpx.Response) -> None:
        """Fail on an answer that is not promised: its status, its media type, or its shape."""
        await response.aread()
        path, method = response.request.url.path, response.request.method.lower()
        for pattern, operations in self._paths.items():
            if pattern.fullmatch(path) and method in operations:
                self._check(response, operations[method])
                break
        if response.is_error and method != "head":
            assert response.headers["content-type"] == "application/problem+json"
            assert response.json()["status"] == response.status_code
            assert response.json()["request_id"] == response.headers["x-request-id"]

    def _check(self, response: httpx.Response, operation: Mapping[str, Any]) -> None:
        told = f"{response.request.method} {response.request.url.path} {response.status_code}: {response.text[:500]}"
        promised = operation["responses"].get(str(response.status_code))
        assert promised is not None, f"not promised: {told}"
        media = response.headers["content-type"].split(";")[0]
        assert media in promised["content"], f"not promised as {media}: {told}"
        for name in promised.get("headers", {}):
            if name != "Retry-After" or response.status_code == 503:
                assert name in response.headers, f"{name} is missing: {told}"
        schema = {**promised["content"][media]["schema"], "components": self.document["components"]}
        jsonschema.Draft202012Validator(schema).validate(response.json())


def token_of(settings: Settings, **claims: Any) -> str:
    """A token of ours. A claim given as None is left out."""
    assert settings.api.jwt_secret
    now = datetime.now(UTC)
    standard = {
        "user_id": "user-of-the-tests",
        "character_id": 4242,
        "character_name": "Test Pilot",
        "scopes": "",
        "iss": "go-falcon",
        "iat": now,
        "exp": now + timedelta(minutes=5),
    }
    present = {name: value for name, value in {**standard, **claims}.items() if value is not None}
    return jwt.encode(present, settings.api.jwt_secret.get_secret_value(), algorithm="HS256")


def bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


@pytest.fixture(scope="session")
def app(settings: Settings, services: Services) -> FastAPI:
    unlimited = replace(settings, api=settings.api.model_copy(update={"api_rate_limit": 0}))
    return build_app(compose(unlimited, services), unlimited)


@pytest.fixture(scope="session")
def contract(app: FastAPI) -> Contract:
    return Contract(app.openapi())


@pytest_asyncio.fixture(scope="session")
async def client(app: FastAPI, contract: Contract) -> AsyncIterator[httpx.AsyncClient]:
    """Somebody without a token."""
    transport = httpx.ASGITransport(app)
    hooks = {"response": [contract.check]}
    async with httpx.AsyncClient(transport=transport, base_url="http://api.test", event_hooks=hooks) as client:
        yield client


@pytest_asyncio.fixture(scope="session")
async def admin(app: FastAPI, contract: Contract, settings: Settings) -> AsyncIterator[httpx.AsyncClient]:
    """A super admin by the token's claim. Paths are relative to `/scheduler`."""
    outlives_the_session = datetime.now(UTC) + timedelta(hours=1)
    token = token_of(settings, user_id="the-admin", character_id=1, super_admin=True, exp=outlives_the_session)
    async with httpx.AsyncClient(
        transport=httpx.ASGITransport(app),
        base_url=f"http://api.test{BASE}",
        event_hooks={"response": [contract.check]},
        headers=bearer(token),
    ) as client:
        yield client


@pytest.fixture(scope="session")
def number() -> Callable[[], int]:
    """A number that no other test got."""
    numbers = iter(range(1, 1_000_000))
    return lambda: next(numbers)


@pytest_asyncio.fixture
async def make(admin: httpx.AsyncClient, number: Callable[[], int]) -> AsyncIterator[Callable[..., Awaitable[Any]]]:
    """Creates tasks through the API and deletes them at the end of the test."""
    made: list[str] = []

    async def create(**fields: Any) -> Any:
        body = {
            "name": f"api test {number()}",
            "type": "function",
            "schedule": NEVER,
            "config": {"function_name": "echo", "module": "builtin", "parameters": {"greeting": "o7"}},
            **fields,
        }
        answer = await admin.post("/tasks", json=body)
        assert answer.status_code == 201, answer.text
        made.append(answer.json()["id"])
        return answer.json()

    yield create
    for task_id in made:
        await admin.delete(f"/tasks/{task_id}")


def faults(answer: httpx.Response) -> dict[str, str]:
    """A 400's faults: message by location."""
    assert answer.status_code == 400, answer.text
    return {fault["location"]: fault["message"] for fault in answer.json()["errors"]}
