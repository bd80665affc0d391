"""What an http task sends."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.executors.bench import Bench
from tests.executors.web_server import WebServer


async def echoed(bench: Bench, config: dict[str, Any], **parameters: Any) -> dict[str, Any]:
    result = await bench.run("http", config, **parameters)
    assert result.success, result.error
    return dict(json.loads(result.output))


async def test_a_url_alone_is_a_get_that_expects_200(bench: Bench, web: WebServer) -> None:
    result = await bench.run("http", {"url": web.url("/echo?a=1")})
    assert result.success
    assert result.error == ""
    assert json.loads(result.output)["method"] == "GET"
    assert web.seen[0].query == {"a": "1"}


async def test_the_detail_has_status_size_time_and_redirects(bench: Bench, web: WebServer) -> None:
    result = await bench.run("http", {"url": web.url("/body?text=four&times=3")})
    assert result.detail["status_code"] == 200
    assert result.detail["response_size"] == 12
    assert result.detail["response_time"].endswith("s")
    assert result.detail["truncated"] is False
    assert result.detail["redirects"] == 0


@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "post"])
async def test_each_method_is_sent_as_asked(bench: Bench, web: WebServer, method: str) -> None:
    assert (await echoed(bench, {"url": web.url("/echo"), "method": method}))["method"] == method.upper()


async def test_a_head_request_ends_without_a_body(bench: Bench, web: WebServer) -> None:
    result = await bench.run("http", {"url": web.url("/echo"), "method": "HEAD"})
    assert result.success
    assert result.output == ""


async def test_the_document_s_example_is_sent_as_written(bench: Bench, web: WebServer) -> None:
    seen = await echoed(
        bench,
        {
            "url": web.url("/echo"),
            "method": "POST",
            "headers": {"Content-Type": "application/json", "Authorization": "Bearer token"},
            "body": '{"key": "value"}',
            "expected_code": 200,
            "timeout": "30s",
            "follow_redirect": True,
            "validate_ssl": True,
        },
    )
    assert seen["body"] == '{"key": "value"}'
    assert web.seen[0].headers["authorization"] == "Bearer token"
    assert web.seen[0].headers["content-type"] == "application/json"


async def test_a_body_that_is_no_text_is_sent_as_json(bench: Bench, web: WebServer) -> None:
    await bench.run("http", {"url": web.url("/echo"), "method": "POST", "body": {"names": ["Grüße", 1, None]}})
    assert json.loads(web.seen[0].body) == {"names": ["Grüße", 1, None]}
    assert web.seen[0].headers["content-type"] == "application/json"


async def test_a_json_body_keeps_the_content_type_that_was_given(bench: Bench, web: WebServer) -> None:
    config = {
        "url": web.url("/echo"),
        "method": "POST",
        "body": {},
        "headers": {"content-type": "application/x+json"},
    }
    await bench.run("http", config)
    assert web.seen[0].headers["content-type"] == "application/x+json"


async def test_the_request_says_which_execution_it_belongs_to(bench: Bench, web: WebServer) -> None:
    await bench.run("http", {"url": web.url("/echo")})
    headers = web.seen[0].headers
    assert headers["x-scheduler-execution-id"] == "5e0c7a0e-0000-4000-8000-000000000002"
    assert headers["x-scheduler-fencing-token"] == "7"
    assert headers["x-scheduler-attempt"] == "1"
    assert headers["user-agent"].startswith("falcon-scheduler/")


async def test_a_user_agent_of_the_task_s_own_is_kept(bench: Bench, web: WebServer) -> None:
    await bench.run("http", {"url": web.url("/echo"), "headers": {"User-Agent": "mine/1"}})
    assert web.seen[0].headers["user-agent"] == "mine/1"


async def test_query_is_added_to_what_the_url_has(bench: Bench, web: WebServer) -> None:
    config = {"url": web.url("/echo?a=b%20c#part"), "query": {"d": "e&f", "yes": True, "n": [1, 2]}}
    await bench.run("http", config)
    assert web.seen[0].query == {"a": "b c", "d": "e&f", "yes": "true", "n": "2"}


async def test_a_run_s_own_parameters_are_laid_over_the_config(bench: Bench, web: WebServer) -> None:
    config = {
        "url": web.url("/echo"),
        "method": "POST",
        "query": {"a": "1", "b": "1"},
        "headers": {"X-One": "config", "X-Two": "config"},
        "body": "config",
    }
    await bench.run("http", config, query={"b": "2"}, headers={"x-two": "run"}, body={"from": "run"})
    seen = web.seen[0]
    assert seen.query == {"a": "1", "b": "2"}
    assert (seen.headers["x-one"], seen.headers["x-two"]) == ("config", "run")
    assert json.loads(seen.body) == {"from": "run"}


async def test_a_run_can_t_change_where_secrets_are_sent(bench: Bench, web: WebServer) -> None:
    result = await bench.run("http", {"url": web.url("/echo")}, url="http://elsewhere.example")
    assert not result.success
    assert not result.retryable
    assert "parameters.url" in result.error
    assert web.seen == []


async def test_user_and_password_of_the_url_are_sent_as_basic_auth(bench: Bench, web: WebServer) -> None:
    url = web.url("/echo").replace("//", "//bob:hunter22@")
    result = await bench.run("http", {"url": url})
    assert web.seen[0].headers["authorization"] == "Basic Ym9iOmh1bnRlcjIy"
    assert "hunter22" not in repr(result)
    assert "Ym9iOmh1bnRlcjIy" not in repr(result)


async def test_the_environment_s_proxy_is_not_used(
    bench: Bench, web: WebServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
    monkeypatch.setenv("ALL_PROXY", "http://127.0.0.1:1")
    assert (await bench.run("http", {"url": web.url("/echo")})).success
