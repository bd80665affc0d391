"""Sessions of browsers: a token for a cookie, a link that signs in once, and the way out."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from http.cookies import Morsel, SimpleCookie

import httpx
import pytest

from falcon_scheduler.adapters.settings import Settings
from falcon_scheduler.api_facade.auth.mint import Bearer
from falcon_scheduler.api_facade.auth.sign_in import CODE_TTL, mint_code, sign_in_link
from falcon_scheduler.api_facade.composition.services import Services
from tests.api.conftest import BASE, bearer, faults, token_of
from tests.api.test_root import serving

OPERATOR = Bearer("the operator", 7, "Operator", is_super_admin=True)


def cookie_of(answer: httpx.Response) -> Morsel[str]:
    return SimpleCookie(answer.headers["set-cookie"])["falcon_auth_token"]


def code_of(settings: Settings, *, age: timedelta = timedelta()) -> str:
    assert settings.api.jwt_secret
    return mint_code(settings.api.jwt_secret.get_secret_value(), OPERATOR, issued_at=datetime.now(UTC) - age)


async def test_a_token_is_exchanged_for_a_cookie_that_no_script_and_no_other_site_gets(
    client: httpx.AsyncClient, settings: Settings
) -> None:
    token = token_of(settings, user_id="a reader", exp=datetime.now(UTC) + timedelta(minutes=5))
    answer = await client.post(f"{BASE}/session", json={"token": token})
    client.cookies.clear()
    assert answer.status_code == 200, answer.text
    cookie = cookie_of(answer)
    assert cookie.value == token
    assert (cookie["httponly"], cookie["samesite"], cookie["path"]) == (True, "strict", BASE)
    assert 0 < int(cookie["max-age"]) <= 300
    assert answer.json()["user_id"] == "a reader"
    by_cookie = await client.get(f"{BASE}/session", headers={"Cookie": f"falcon_auth_token={cookie.value}"})
    assert by_cookie.json() == answer.json()


async def test_a_session_says_what_its_user_may_do(client: httpx.AsyncClient, settings: Settings) -> None:
    reader = (await client.get(f"{BASE}/session", headers=bearer(token_of(settings)))).json()
    admin = (await client.get(f"{BASE}/session", headers=bearer(token_of(settings, super_admin=True)))).json()
    assert reader["permissions"] == []
    assert {"scheduler:tasks:create", "scheduler:system:manage"} <= set(admin["permissions"])


@pytest.mark.parametrize("body", [{}, {"token": "a", "code": "b"}, {"token": ""}, {"token": 1}, {"tokn": "a"}])
async def test_one_credential_is_needed(client: httpx.AsyncClient, body: dict[str, object]) -> None:
    assert faults(await client.post(f"{BASE}/session", json=body))


async def test_a_bad_token_signs_nobody_in(client: httpx.AsyncClient, settings: Settings) -> None:
    expired = token_of(settings, exp=datetime.now(UTC) - timedelta(minutes=1))
    for token in ("abc", expired, code_of(settings)):
        answer = await client.post(f"{BASE}/session", json={"token": token})
        assert answer.status_code == 401
        assert "set-cookie" not in answer.headers


async def test_a_link_signs_in_once(client: httpx.AsyncClient, settings: Settings) -> None:
    code = code_of(settings)
    first = await client.post(f"{BASE}/session", json={"code": code})
    client.cookies.clear()
    assert first.status_code == 200, first.text
    assert first.json()["is_super_admin"] is True
    assert cookie_of(first).value != code
    second = await client.post(f"{BASE}/session", json={"code": code})
    assert second.status_code == 401
    assert "falcon-scheduler sign-in" in second.json()["detail"]


async def test_a_link_expires_and_is_no_token(client: httpx.AsyncClient, settings: Settings) -> None:
    old = code_of(settings, age=CODE_TTL + timedelta(seconds=1))
    assert (await client.post(f"{BASE}/session", json={"code": old})).status_code == 401
    fresh = code_of(settings)
    assert (await client.get(f"{BASE}/tasks", headers=bearer(fresh))).status_code == 401
    assert (await client.post(f"{BASE}/session", json={"code": token_of(settings)})).status_code == 401


async def test_a_link_carries_its_code_where_no_server_sees_it(settings: Settings) -> None:
    link = sign_in_link("http://127.0.0.1:8000/scheduler/", "the-code")
    assert link == "http://127.0.0.1:8000/scheduler/ui/#/sign-in?code=the-code"


async def test_signing_out_withdraws_the_cookie(client: httpx.AsyncClient) -> None:
    for _ in range(2):
        answer = await client.delete(f"{BASE}/session")
        assert answer.status_code == 200
        cookie = cookie_of(answer)
        assert (cookie.value, cookie["max-age"], cookie["path"]) == ("", "0", BASE)


async def test_no_other_site_signs_a_browser_in_or_out(client: httpx.AsyncClient, settings: Settings) -> None:
    foreign = {"Sec-Fetch-Site": "cross-site", "Origin": "https://evil.example"}
    assert (await client.delete(f"{BASE}/session", headers=foreign)).status_code == 403
    body = {"token": token_of(settings)}
    assert (await client.post(f"{BASE}/session", json=body, headers=foreign)).status_code == 403


async def test_over_https_the_cookie_stays_there(settings: Settings, services: Services) -> None:
    async with serving(settings, services, api_trusted_proxies=("127.0.0.1/32",), api_rate_limit=0) as client:
        for headers, secure in (({"X-Forwarded-Proto": "https"}, True), ({}, "")):
            answer = await client.post(f"{BASE}/session", json={"token": token_of(settings)}, headers=headers)
            assert cookie_of(answer)["secure"] == secure
    async with serving(settings, services, api_rate_limit=0) as client:
        body = {"token": token_of(settings)}
        answer = await client.post(f"{BASE}/session", json=body, headers={"X-Forwarded-Proto": "https"})
        assert cookie_of(answer)["secure"] == "", "said by nobody whom we trust"


async def test_a_session_behind_a_prefix_has_its_path(settings: Settings, services: Services) -> None:
    async with serving(settings, services, api_prefix="/falcon/v1", api_rate_limit=0) as client:
        answer = await client.post(f"/falcon/v1{BASE}/session", json={"token": token_of(settings)})
        assert cookie_of(answer)["path"] == f"/falcon/v1{BASE}"
