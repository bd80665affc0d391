"""The ways in which a request carries a token, and which of them are believed."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import httpx
import pytest
from pydantic import SecretStr

from falcon_scheduler.adapters.settings import ApiSettings, Settings
from falcon_scheduler.api_facade.app import build_app
from falcon_scheduler.api_facade.composition.root import compose
from falcon_scheduler.api_facade.composition.services import Services
from tests.api.conftest import BASE, bearer, token_of


async def test_a_token_is_read_from_bearer_first_and_then_from_the_cookie(
    client: httpx.AsyncClient, settings: Settings
) -> None:
    good, bad = token_of(settings), "abc"

    async def status(**headers: str) -> int:
        return (await client.get(f"{BASE}/tasks", headers=headers)).status_code

    assert await status(Cookie=f"falcon_auth_token={good}") == 200
    assert await status(Cookie=f"falcon_auth_token={bad}") == 401
    assert await status(Cookie=f"falcon_auth_token={bad}", Authorization=f"Bearer {good}") == 200
    assert await status(Cookie=f"falcon_auth_token={good}", Authorization=f"Bearer {bad}") == 401
    assert await status(Cookie=f"falcon_auth_token={good}", Authorization="Basic abc") == 200
    assert await status(Authorization=f"bearer {good}") == 200


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 404),  # no browser: nobody can make it send a cookie
        ({"Sec-Fetch-Site": "same-origin"}, 404),
        ({"Origin": "http://api.test"}, 404),
        ({"Sec-Fetch-Site": "cross-site"}, 403),
        ({"Sec-Fetch-Site": "same-site"}, 403),
        ({"Sec-Fetch-Site": "cross-site", "Origin": "http://api.test"}, 403),
        ({"Origin": "https://evil.example"}, 403),
        ({"Origin": "null"}, 403),
        ({"Origin": "http://api.test.evil.example"}, 403),
    ],
)
async def test_another_sites_page_cannot_change_anything_with_our_cookie(
    client: httpx.AsyncClient, settings: Settings, headers: dict[str, str], status: int
) -> None:
    token = token_of(settings, super_admin=True)
    by_cookie = {**headers, "Cookie": f"falcon_auth_token={token}"}
    answer = await client.post(f"{BASE}/tasks/nothing/pause", headers=by_cookie)
    assert answer.status_code == status
    assert (await client.get(f"{BASE}/tasks", headers=by_cookie)).status_code == 200, "reads change nothing"
    by_bearer = await client.post(f"{BASE}/tasks/nothing/pause", headers={**headers, **bearer(token)})
    assert by_bearer.status_code == 404, "no page makes a browser send a Bearer token"


async def test_a_trusted_page_may_use_the_cookie_with_cors_headers(services: Services, settings: Settings) -> None:
    ui = "https://ui.example.com"
    trusting = replace(settings, api=settings.api.model_copy(update={"api_trusted_origins": (ui,)}))
    app = build_app(compose(trusting, services), trusting)
    token = token_of(settings, super_admin=True)
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://api.test") as client:
        headers = {"Origin": ui, "Sec-Fetch-Site": "same-site", "Cookie": f"falcon_auth_token={token}"}
        answer = await client.post(f"{BASE}/tasks/nothing/pause", headers=headers)
        assert (answer.status_code, answer.headers["access-control-allow-origin"]) == (404, ui)
        asking = {"Origin": ui, "Access-Control-Request-Method": "DELETE"}
        assert (await client.options(f"{BASE}/tasks/x", headers=asking)).status_code == 200
        evil = {**headers, "Origin": "https://evil.example"}
        assert (await client.post(f"{BASE}/tasks/nothing/pause", headers=evil)).status_code == 403


async def test_the_secret_can_be_changed_without_logging_anybody_out(services: Services, settings: Settings) -> None:
    new = "the new secret of the tests, which is long enough"
    changed = settings.api.model_copy(
        update={"jwt_secret": SecretStr(new), "jwt_secret_previous": settings.api.jwt_secret}
    )
    after = replace(settings, api=changed)
    app = build_app(compose(after, services), after)
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://api.test") as client:
        for signer in (settings, after):
            answer = await client.get(f"{BASE}/tasks", headers=bearer(token_of(signer)))
            assert answer.status_code == 200


async def test_without_a_secret_nobody_is_believed(services: Services, settings: Settings) -> None:
    without = replace(settings, api=ApiSettings.model_construct(**{**dict(settings.api), "jwt_secret": None}))
    app = build_app(compose(without, services), without)
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://api.test") as client:
        assert (await client.get(f"{BASE}/tasks", headers=bearer(token_of(settings)))).status_code == 401
        assert (await client.get(f"{BASE}/stats")).status_code == 200


async def test_a_clock_that_is_half_a_minute_off_is_forgiven(client: httpx.AsyncClient, settings: Settings) -> None:
    now = datetime.now(UTC)
    slow = token_of(settings, exp=now - timedelta(seconds=10))
    ahead = token_of(settings, iat=now + timedelta(seconds=20))
    for token in (slow, ahead):
        assert (await client.get(f"{BASE}/tasks", headers=bearer(token))).status_code == 200
