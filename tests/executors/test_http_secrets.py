"""Secrets reach the server and nothing else: no output, error, detail or log, even where they are echoed."""

from __future__ import annotations

import asyncio
import base64
from typing import Any
from urllib.parse import quote

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from falcon_scheduler.core.domain.redaction import CONCEALED
from tests.executors.bench import Bench, bench_allowing
from tests.executors.web_server import WebServer, serving

SECRET = "pl4nted-s3cret-v4lue"


def assert_nowhere(bench: Bench, result: object, secret: str = SECRET) -> None:
    for text in (repr(result), *bench.logged):
        assert secret not in text
        assert base64.b64encode(secret.encode()).decode() not in text


async def test_a_bearer_token_comes_from_a_secret_block(bench: Bench, web: WebServer) -> None:
    bench.secrets["my-token"] = SECRET + "\n"
    config = {"url": web.url("/echo"), "auth": {"type": "bearer", "secret_block": "my-token"}}
    result = await bench.run("http", config)
    assert web.seen[0].headers["authorization"] == f"Bearer {SECRET}"
    assert result.success
    assert CONCEALED in result.output
    assert_nowhere(bench, result)


async def test_a_basic_password_comes_from_a_secret_block(bench: Bench, web: WebServer) -> None:
    bench.secrets["pw"] = SECRET
    config = {"url": web.url("/echo"), "auth": {"type": "basic", "username": "bob", "secret_block": "pw"}}
    result = await bench.run("http", config)
    sent = base64.b64encode(f"bob:{SECRET}".encode()).decode()
    assert web.seen[0].headers["authorization"] == f"Basic {sent}"
    assert sent not in repr(result)
    assert_nowhere(bench, result)


async def test_references_are_filled_in_url_query_headers_and_body(bench: Bench, web: WebServer) -> None:
    bench.secrets["s"] = "a&b=c/" + SECRET
    reference = "{{ prefect.blocks.secret.s }}"
    config = {
        "url": web.url("/echo?in_url=" + reference),
        "method": "POST",
        "query": {"in_query": reference},
        "headers": {"X-Any-Name": "key {{prefect.blocks.secret.s}}"},
        "body": {"client_secret": reference, "list": [reference]},
    }
    result = await bench.run("http", config)
    seen = web.seen[0]
    assert seen.query == {"in_url": bench.secrets["s"], "in_query": bench.secrets["s"]}
    assert seen.headers["x-any-name"] == "key " + bench.secrets["s"]
    assert seen.body.decode() == '{{"client_secret": "{0}", "list": ["{0}"]}}'.format(bench.secrets["s"])
    assert_nowhere(bench, result)


async def test_a_missing_block_is_named_and_nothing_is_sent(bench: Bench, web: WebServer) -> None:
    config = {"url": web.url("/echo"), "headers": {"X": "{{ prefect.blocks.secret.none-such }}"}}
    result = await bench.run("http", config)
    assert result.error == "No Secret block named 'none-such' holds a text in Prefect"
    assert not result.retryable
    assert web.seen == []


async def test_secrets_written_into_the_config_are_concealed_too(bench: Bench, web: WebServer) -> None:
    config = {
        "url": web.url(f"/echo?api_key={SECRET}-1").replace("//", f"//bob:{SECRET}-2@"),
        "method": "POST",
        "headers": {"X-Api-Key": f"{SECRET}-3", "Cookie": f"sid={SECRET}-4"},
        "body": {"password": f"{SECRET}-5"},
    }
    result = await bench.run("http", config)
    assert web.seen[0].query["api_key"] == f"{SECRET}-1"
    assert_nowhere(bench, result)


async def test_a_header_with_a_line_break_from_a_secret_is_not_sent(bench: Bench, web: WebServer) -> None:
    bench.secrets["s"] = f"{SECRET}\r\nX-Injected: yes"
    result = await bench.run("http", {"url": web.url("/echo"), "headers": {"X": "{{ prefect.blocks.secret.s }}"}})
    assert not result.success
    assert not any("x-injected" in seen.headers for seen in web.seen)
    assert_nowhere(bench, result)


async def test_credentials_do_not_follow_a_redirect_to_another_site(bench: Bench, web: WebServer) -> None:
    bench.secrets["s"] = SECRET
    async with serving() as other:
        config = {
            "url": web.url("/redirect?to=" + quote(other.url("/echo"))),
            "headers": {"X-Anything": "{{ prefect.blocks.secret.s }}", "Accept-Language": "de"},
            "auth": {"type": "bearer", "secret_block": "s"},
        }
        assert (await bench.run("http", config)).success
        assert SECRET in str(web.seen[0].headers)
        assert SECRET not in str(other.seen[0].headers)
        assert other.seen[0].headers["accept-language"] == "de"


async def test_credentials_follow_a_redirect_on_the_same_site(bench: Bench, web: WebServer) -> None:
    bench.secrets["s"] = SECRET
    config = {"url": web.url("/redirect?to=/echo"), "headers": {"X-Key": "{{ prefect.blocks.secret.s }}"}}
    assert (await bench.run("http", config)).success
    assert web.seen[1].headers["x-key"] == SECRET


async def test_a_body_with_a_secret_is_not_sent_on_to_another_site(bench: Bench, web: WebServer) -> None:
    bench.secrets["s"] = SECRET
    async with serving() as other:
        config: dict[str, Any] = {
            "url": web.url("/redirect?code=307&to=" + quote(other.url("/echo"))),
            "method": "POST",
            "body": "{{ prefect.blocks.secret.s }}",
        }
        result = await bench.run("http", config)
        assert result.error == "The answer redirects to another site, and the body holds a secret"
        assert other.seen == []
        config["body"] = "harmless"
        assert (await bench.run("http", config)).success
        assert other.seen[0].body == b"harmless"


async def test_a_secret_that_the_cut_goes_through_leaves_no_piece(bench: Bench, web: WebServer) -> None:
    bench.secrets["s"] = SECRET
    config = {"headers": {"X": "{{ prefect.blocks.secret.s }}"}}
    for shift in range(0, 25, 3):
        text = "." * (64 * 1024 - shift)
        async with serving() as large:
            answer = quote(text[:7000])  # the rest is made by repetition
            url = large.url(f"/body?text={answer}{SECRET}&times=40")
            result = await bench.run("http", {"url": url, **config})
            assert "pl4nted" not in result.output
            assert len(result.output) > 32 * 1024


secrets = st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=6, max_size=60).filter(
    lambda text: not text.isalpha() and "concealed" not in text and not text.isdigit()
)


@settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
@given(secret=secrets, where=st.sampled_from(["header", "query", "body", "bearer", "basic", "path"]))
def test_a_planted_secret_never_comes_back(secret: str, where: str) -> None:
    asyncio.run(_planted(secret, where))


async def _planted(secret: str, where: str) -> None:
    bench = bench_allowing("127.0.0.1")
    bench.secrets["s"] = secret
    reference = "{{ prefect.blocks.secret.s }}"
    parts: dict[str, dict[str, Any]] = {
        "header": {"headers": {"X-Thing": reference}},
        "query": {"query": {"q": reference}},
        "body": {"method": "POST", "body": {"deep": [{"er": reference}]}},
        "bearer": {"auth": {"type": "bearer", "secret_block": "s"}},
        "basic": {"auth": {"type": "basic", "username": "bob", "secret_block": "s"}},
        "path": {},
    }
    part = parts[where]
    async with serving() as web:
        path = f"/echo/{reference}" if where == "path" else "/echo"
        result = await bench.run("http", {"url": web.url(path), "expected_codes": [200, 418], **part})
        assert result.success, result.error
        assert web.seen, "the request was sent"
        assert_nowhere(bench, result, secret)
        failed = await bench.run("http", {"url": web.url(path), "expected_code": 418, **part})
        assert not failed.success
        assert_nowhere(bench, failed, secret)


@pytest.mark.parametrize("path", ["/hang-up", "/no-http"])
async def test_a_failure_reveals_no_secret_either(bench: Bench, web: WebServer, path: str) -> None:
    bench.secrets["s"] = SECRET
    config = {"url": web.url(path + "?token={{ prefect.blocks.secret.s }}")}
    assert_nowhere(bench, await bench.run("http", config))
