"""What is taken out of a text, and what is left alone."""

from __future__ import annotations

import base64
import html
import json
import time
from urllib.parse import quote, quote_plus

import pytest
from hypothesis import given
from hypothesis import strategies as st

from falcon_scheduler.core.domain.plain_secrets import secrets_in
from falcon_scheduler.core.domain.redaction import CONCEALED, Redactor, conceal, is_secret_name

SECRET = "pl4nted/s3cret+v4lue"


@pytest.mark.parametrize(
    "text",
    [
        f'{{"access_token": "{SECRET}", "n": 1}}',
        f"Authorization: Bearer {SECRET}",
        f'{{"headers": {{"Authorization": "Basic {SECRET}"}}}}',
        "https://bob:s3cret+v4lue@example.com/path",
        "mongodb://bob:s3cret+v4lue@db/?x=1",
        f"https://example.com/?access_token={SECRET}&b=1",
        f"https://example.com/?code={SECRET}",
        f"Cookie: sid={SECRET}; theme=dark",
        f"Set-Cookie: sid={SECRET}",
        f"{{'api_key': '{SECRET}'}}",
        f'{{\\"password\\": \\"{SECRET}\\"}}',
        f"client_secret={SECRET}",
        f'"token": "{SECRET}',  # cut in the middle
        f"jwt: {SECRET}",
        f"Bearer {SECRET}",
    ],
)
def test_what_looks_like_a_secret_is_concealed(text: str) -> None:
    concealed = conceal(text)
    assert SECRET not in concealed
    assert "s3cret" not in concealed
    assert CONCEALED in concealed
    assert conceal(concealed) == concealed


def test_a_jwt_is_concealed_in_every_place() -> None:
    jwt = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0In0.abcDEF123_-"
    assert conceal(f"token was {jwt}!") == f"token was {CONCEALED}!"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "All 3 tokens were refreshed",
        '{"tokens": 100, "secret": null, "total": 5}',
        "see https://example.com/path?page=2&sort=name",
        "secret_block: my-token",
        "Invalid token",
        "mail bob@example.com or visit http://example.com",
        "Expected status 200, got 401 Unauthorized",
    ],
)
def test_what_is_none_is_left_alone(text: str) -> None:
    assert conceal(text) == text


def test_json_stays_json() -> None:
    text = json.dumps({"token": 'a"b\\c', "list": [{"password": "x"}], "n": 1})
    assert json.loads(conceal(text)) == {"token": CONCEALED, "list": [{"password": CONCEALED}], "n": 1}


@pytest.mark.parametrize(
    "piece", ['token:"\\"token:\'', "eyJ-", "://a", "token", 'token="', "cookie:", '"token":"\\']
)
def test_a_hostile_text_takes_no_long_time(piece: str) -> None:
    started = time.monotonic()
    conceal(piece * (64 * 1024 // len(piece)))
    assert time.monotonic() - started < 20  # a quadratic search would take minutes


@given(st.text(max_size=200))
def test_concealing_twice_changes_nothing_more(text: str) -> None:
    once = conceal(text)
    assert conceal(once) == once


@given(st.text(min_size=6, max_size=60).filter(lambda text: text.strip() == text and len(text.split()) == 1))
def test_a_known_secret_is_removed_in_every_spelling(secret: str) -> None:
    redactor = Redactor([secret])
    encoded = secret.encode("utf-8", "surrogatepass")
    for spelling in (
        secret,
        quote(encoded),
        quote(encoded, safe=""),
        quote_plus(encoded),
        quote(encoded, safe="").lower(),
        json.dumps(secret)[1:-1],
        json.dumps(secret, ensure_ascii=False)[1:-1],
        html.escape(secret),
        base64.b64encode(encoded).decode(),
    ):
        assert spelling not in redactor.text(f"before {spelling} after").replace(CONCEALED, "")


def test_a_value_keeps_its_shape() -> None:
    redactor = Redactor(["hunter22"])
    value = {"a": ["hunter22", 1, None, True], "hunter22": {"password": "x", "count": 2}, "when": 1.5}
    assert redactor.value(value) == {
        "a": [CONCEALED, 1, None, True],
        CONCEALED: {"password": CONCEALED, "count": 2},
        "when": 1.5,
    }


def test_secrets_are_found_by_their_names_and_in_addresses() -> None:
    found = set(
        secrets_in(
            {
                "headers": {"Authorization": "Bearer abc123", "Accept": "x"},
                "url": "https://bob:pw1234@h/?token=t0ken&page=1",
                "list": [{"api-key": "k3y"}],
            }
        )
    )
    assert {"abc123", "Bearer abc123", "pw1234", "t0ken", "k3y"} <= found
    assert "x" not in found
    assert "1" not in found


@pytest.mark.parametrize(
    "name", ["Authorization", "X-Api-Key", "client_secret", "Set-Cookie", "refreshTokens", "PASSWORD"]
)
def test_names_of_secrets_are_known(name: str) -> None:
    assert is_secret_name(name)


@pytest.mark.parametrize("name", ["Accept", "token_count", "secret_block", "author", "url"])
def test_other_names_are_none(name: str) -> None:
    assert not is_secret_name(name)


def test_a_redactor_shows_nothing_of_what_it_knows() -> None:
    assert "hunter22" not in repr(Redactor(["hunter22"]))


def test_counting_tokens_reveals_none() -> None:
    text = "Processed 12 tokens: 11 successful, 1 failed"
    assert conceal(text) == text
    assert conceal("token: 11") == f"token: {CONCEALED}"
