"""How an http task judges the answer, and what is kept of it."""

from __future__ import annotations

import base64
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from urllib.parse import quote

import pytest

from falcon_scheduler.core.domain.work import OUTPUT_LIMIT_BYTES
from tests.executors.bench import Bench
from tests.executors.web_server import WebServer


async def test_another_status_than_expected_fails_and_says_both(bench: Bench, web: WebServer) -> None:
    result = await bench.run("http", {"url": web.url("/status/503")})
    assert not result.success
    assert result.error == "Expected status 200, got 503 Service Unavailable"
    assert result.output == "a body"
    assert result.detail["status_code"] == 503


async def test_the_expected_status_may_be_an_error(bench: Bench, web: WebServer) -> None:
    assert (await bench.run("http", {"url": web.url("/status/404"), "expected_code": 404})).success


@pytest.mark.parametrize(("code", "fits"), [(200, True), (203, True), (204, True), (205, False), (404, True)])
async def test_expected_codes_are_a_list_with_ranges(bench: Bench, web: WebServer, code: int, fits: bool) -> None:
    config = {"url": web.url(f"/status/{code}"), "expected_codes": [404, "200-204"]}
    result = await bench.run("http", config)
    assert result.success is fits
    if not fits:
        assert result.error == "Expected status 404 or 200-204, got 205 Reset Content"


@pytest.mark.parametrize(
    ("code", "again"), [(400, False), (401, False), (404, False), (408, True), (429, True), (500, True), (503, True)]
)
async def test_statuses_that_blame_the_request_are_not_tried_again(
    bench: Bench, web: WebServer, code: int, again: bool
) -> None:
    assert (await bench.run("http", {"url": web.url(f"/status/{code}")})).retryable is again


async def test_retry_codes_choose_what_is_tried_again(bench: Bench, web: WebServer) -> None:
    for code, again in ((404, True), (503, False)):
        result = await bench.run("http", {"url": web.url(f"/status/{code}"), "retry_codes": [404, "420-429"]})
        assert result.retryable is again


async def test_retry_after_is_passed_on_in_seconds_or_as_a_date(bench: Bench, web: WebServer) -> None:
    result = await bench.run("http", {"url": web.url("/status/429?after=120")})
    assert result.retry_after == timedelta(minutes=2)
    assert result.detail["retry_after"] == "2m0s"
    later = quote(format_datetime(datetime.now(UTC) + timedelta(minutes=30), usegmt=True))
    result = await bench.run("http", {"url": web.url(f"/status/503?after={later}")})
    assert result.retry_after is not None
    assert timedelta(minutes=20) < result.retry_after <= timedelta(minutes=30)


@pytest.mark.parametrize("nonsense", ["", "-5", "soon", "1e9", "²", "9" * 5000])
async def test_a_senseless_retry_after_does_no_harm(bench: Bench, web: WebServer, nonsense: str) -> None:
    result = await bench.run("http", {"url": web.url(f"/status/503?after={quote(nonsense)}")})
    assert result.detail["status_code"] == 503
    assert result.retry_after is None or result.retry_after <= timedelta(hours=1)


async def test_a_redirect_is_followed_unless_the_config_forbids_it(bench: Bench, web: WebServer) -> None:
    url = web.url("/redirect?to=/body%3Ftext%3Dthere")
    result = await bench.run("http", {"url": url})
    assert (result.output, result.detail["redirects"]) == ("there", 1)
    result = await bench.run("http", {"url": url, "follow_redirect": False, "expected_code": 302})
    assert result.success
    assert result.detail["redirects"] == 0


async def test_a_circle_of_redirects_ends(bench: Bench, web: WebServer) -> None:
    result = await bench.run("http", {"url": web.url("/redirect-forever")})
    assert result.error == "Redirected more than 10 times"
    assert not result.retryable


async def test_contains_asserts_a_text_in_the_body(bench: Bench, web: WebServer) -> None:
    config = {"url": web.url("/body?text=all%20is%20well"), "assertions": [{"type": "contains", "text": "is well"}]}
    assert (await bench.run("http", config)).success
    config["assertions"] = [{"type": "contains", "text": "is bad"}, {"type": "contains", "text": "is odd"}]
    result = await bench.run("http", config)
    assert not result.success
    assert "is bad" in result.error
    assert "is odd" in result.error
    assert result.output == "all is well"


@pytest.mark.parametrize(
    ("path", "equals", "fault"),
    [
        ("$.a.b[1]", 2, ""),
        ("$.a.b[1]", 2.0, ""),
        ("$['a']['b']", [1, 2], ""),
        ("$.on", True, ""),
        ("$.nothing", None, ""),
        ("$.on", 1, "$.on is true, expected 1"),
        ("$.a.b[1]", "2", '$.a.b[1] is 2, expected "2"'),
        ("$.a.c", 1, "there is nothing at $.a.c"),
        ("$.a.b[9]", 1, "there is nothing at $.a.b[9]"),
    ],
)
async def test_a_json_path_asserts_one_value(
    bench: Bench, web: WebServer, path: str, equals: object, fault: str
) -> None:
    text = quote('{"a": {"b": [1, 2]}, "on": true, "nothing": null}')
    config = {
        "url": web.url(f"/body?text={text}"),
        "assertions": [{"type": "json_path", "path": path, "equals": equals}],
    }
    result = await bench.run("http", config)
    assert result.success is (not fault)
    assert result.error == (f"Assertion failed: {fault}" if fault else "")


async def test_a_json_path_into_something_else_than_json_fails_cleanly(bench: Bench, web: WebServer) -> None:
    config = {"assertions": [{"type": "json_path", "path": "$.a", "equals": 1}]}
    result = await bench.run("http", {"url": web.url("/body?text=plain"), **config})
    assert result.error == "Assertion failed: $.a can't be looked up: the body is not JSON"
    deep = await bench.run("http", {"url": web.url("/body?text=[&times=60000"), **config})
    assert not deep.success
    too_long = await bench.run("http", {"url": web.url("/body?text=1&times=100000"), **config})
    assert "longer than what is read" in too_long.error


async def test_output_is_cut_at_64_kib_and_reports_it(bench: Bench, web: WebServer) -> None:
    result = await bench.run("http", {"url": web.url("/body?text=0123456789abcdef&times=10000")})
    assert result.success
    assert len(result.output.encode()) == OUTPUT_LIMIT_BYTES
    assert result.detail["truncated"] is True
    assert result.detail["response_size"] == OUTPUT_LIMIT_BYTES


async def test_a_cut_goes_between_characters(bench: Bench, web: WebServer) -> None:
    result = await bench.run("http", {"url": web.url(f"/body?text={quote('€uro')}&times=20000")})
    assert len(result.output.encode()) <= OUTPUT_LIMIT_BYTES
    assert "\ufffd" not in result.output


async def test_a_body_of_exactly_the_limit_is_not_called_cut(bench: Bench, web: WebServer) -> None:
    result = await bench.run("http", {"url": web.url(f"/body?text=x&times={OUTPUT_LIMIT_BYTES}")})
    assert result.detail["truncated"] is False
    assert len(result.output) == OUTPUT_LIMIT_BYTES


async def test_data_that_is_no_text_is_named_rather_than_kept(bench: Bench, web: WebServer) -> None:
    data = quote(base64.b64encode(b"\x89PNG\x00\x00\x01").decode())
    result = await bench.run("http", {"url": web.url(f"/body?base64={data}&type=image/png")})
    assert result.output == "[7 bytes of image/png, not text]"


@pytest.mark.parametrize("charset", ["windows-1252", "CP1252", '"windows-1252"'])
async def test_the_charset_of_the_answer_is_honoured(bench: Bench, web: WebServer, charset: str) -> None:
    assert (await bench.run("http", {"url": web.url(f"/charset?is={quote(charset)}")})).output == "Grüße €"


@pytest.mark.parametrize("charset", ["nonsense", "punycode", "idna", "hex", "zip", "unicode_escape", "a\x00b"])
async def test_a_charset_that_is_none_falls_back_to_utf_8(bench: Bench, web: WebServer, charset: str) -> None:
    result = await bench.run("http", {"url": web.url(f"/charset?is={quote(charset)}")})
    assert result.output.startswith("Gr") or not result.success


@pytest.mark.parametrize(
    ("path", "encoding"),
    [
        ("gzip", "gzip"),
        ("two-members", "gzip"),
        ("deflate", "deflate"),
        ("raw-deflate", "deflate"),
        ("gzip", "x-gzip"),
    ],
)
async def test_a_compressed_body_is_unpacked(bench: Bench, web: WebServer, path: str, encoding: str) -> None:
    result = await bench.run("http", {"url": web.url(f"/packed/{path}?as={encoding}")})
    assert result.output == "unpacked text"
    assert result.detail["response_size"] == len("unpacked text")


@pytest.mark.parametrize(
    ("path", "encoding", "error", "retryable"),
    [
        ("lying", "gzip", "The answer's body is compressed wrongly", True),
        ("cut", "gzip", "The answer's compressed body ended early", True),
        ("unknown", "br", "The answer's body is compressed in a way that was not asked for", False),
        ("gzip", "gzip, gzip", "The answer's body is compressed in a way that was not asked for", False),
    ],
)
async def test_a_body_that_can_t_be_unpacked_fails_cleanly(
    bench: Bench, web: WebServer, path: str, encoding: str, error: str, retryable: bool
) -> None:
    result = await bench.run("http", {"url": web.url(f"/packed/{path}?as={quote(encoding)}")})
    assert not result.success
    assert result.error.startswith(error)
    assert result.retryable is retryable


@pytest.mark.parametrize(
    ("asked", "path", "encoding", "output"),
    [
        ("br", "unknown", "br", "[17 bytes, encoded as br]"),
        ("identity", "gzip", "gzip", "unpacked text"),
        ("gzip;q=1", "gzip", "gzip", "unpacked text"),
    ],
)
async def test_an_encoding_that_the_task_asks_for_is_honoured(
    bench: Bench, web: WebServer, asked: str, path: str, encoding: str, output: str
) -> None:
    config = {"url": web.url(f"/packed/{path}?as={encoding}"), "headers": {"accept-encoding": asked}}
    result = await bench.run("http", config)
    assert web.seen[0].headers["accept-encoding"] == asked
    assert (result.success, result.output) == (True, output)
    assert result.detail.get("content_encoding") == ("br" if path == "unknown" else None)
