"""Servers that are slow, endless, hostile or broken: every attempt ends by itself, within its time, with a reason."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable
from typing import Any, cast

import psutil
import pytest

from falcon_scheduler.core.domain.work import known_so_far
from tests.executors.bench import Bench
from tests.executors.web_server import WebServer, serving


async def quiet(web: WebServer) -> bool:
    """Whether the server saw all its clients go."""
    for _ in range(200):
        if web.open_connections == 0:
            return True
        await asyncio.sleep(0.05)
    return False


@pytest.mark.parametrize(
    ("path", "phase"),
    [("/silent", "head"), ("/slow-head", "head"), ("/slow-body", "body"), ("/endless-interim", "head")],
)
async def test_an_answer_that_does_not_end_is_given_up_at_the_timeout(
    bench: Bench, web: WebServer, path: str, phase: str
) -> None:
    started = time.monotonic()
    result = await bench.run("http", {"url": web.url(path), "timeout": "500ms"})
    assert result.error.startswith(f"No complete answer within 500ms (in phase {phase}")
    assert result.detail["phase"] == phase
    assert result.retryable
    assert time.monotonic() - started < 30  # far from the hour that the server would take
    assert await quiet(web)


async def test_an_endless_body_is_read_to_the_limit_only(bench: Bench, web: WebServer) -> None:
    result = await bench.run("http", {"url": web.url("/endless-body")})
    assert result.success
    assert result.detail["truncated"] is True
    assert len(result.output) == 64 * 1024
    assert await quiet(web)
    assert web.bytes_sent < 64 * 1024 * 1024


async def test_an_endless_head_is_refused(bench: Bench, web: WebServer) -> None:
    result = await bench.run("http", {"url": web.url("/endless-head"), "timeout": "10s"})
    assert not result.success
    assert result.error == "The answer is not valid HTTP or ended early (in phase head)"
    assert await quiet(web)


async def test_a_compressed_bomb_costs_no_memory(bench: Bench, web: WebServer) -> None:
    before = psutil.Process().memory_info().rss
    result = await bench.run("http", {"url": web.url("/bomb")})
    assert result.success
    assert result.output == " " * 64 * 1024
    assert result.detail["truncated"] is True
    assert psutil.Process().memory_info().rss - before < 100 * 1024 * 1024


@pytest.mark.parametrize("path", ["/no-http", "/short", "/bad-chunk", "/hang-up"])
async def test_a_broken_answer_fails_and_may_be_tried_again(bench: Bench, web: WebServer, path: str) -> None:
    result = await bench.run("http", {"url": web.url(path)})
    assert not result.success
    assert result.error.startswith(
        ("The answer is not valid HTTP or ended early", "The connection broke before the answer was complete")
    )
    assert result.retryable


@pytest.mark.parametrize(
    ("path", "received", "output"), [("/short", 14, "not a thousand"), ("/bad-chunk", 5, "hello")]
)
async def test_what_came_of_an_answer_that_ended_early_is_kept(
    bench: Bench, web: WebServer, path: str, received: int, output: str
) -> None:
    result = await bench.run("http", {"url": web.url(path)})
    assert not result.success
    assert result.error.endswith(f"(in phase body, after status 200 and {received} bytes of the body)")
    assert result.output == output
    known = {name: result.detail[name] for name in ("phase", "status_code", "bytes_received", "truncated")}
    assert known == {"phase": "body", "status_code": 200, "bytes_received": received, "truncated": True}


async def test_what_came_of_an_answer_that_was_too_slow_is_kept(bench: Bench, web: WebServer) -> None:
    result = await bench.run("http", {"url": web.url("/slow-body"), "timeout": "1s"})
    assert (result.detail["status_code"], result.detail["phase"]) == (200, "body")
    assert result.output == "." * result.detail["bytes_received"] != ""


async def test_a_secret_in_a_part_of_an_answer_is_concealed_where_it_is_cut(bench: Bench, web: WebServer) -> None:
    config = {"url": web.url("/short"), "headers": {"X-Api-Key": "not a thousand and one"}}
    result = await bench.run("http", config)
    assert result.detail["bytes_received"] == 14
    assert result.output == ""


async def test_a_server_that_never_speaks_tls_is_reported_as_such(bench: Bench) -> None:
    async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        writer.close()

    server = await asyncio.start_server(silent, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    result = await bench.run("http", {"url": f"https://127.0.0.1:{port}/", "timeout": "500ms"})
    assert result.error == "No complete answer within 500ms (in phase tls)"
    server.close()


async def test_nobody_listening_is_reported_as_such(bench: Bench) -> None:
    async with serving() as gone:
        url = gone.url("/echo")
    result = await bench.run("http", {"url": url})
    assert result.error == "The connection was refused: nothing listens there"
    assert result.retryable


async def test_a_name_without_address_is_reported_as_such(bench: Bench) -> None:
    result = await bench.run("http", {"url": "http://no-such-host.invalid/"})
    assert result.error == "The name no-such-host.invalid does not resolve"


async def test_a_cancelled_request_closes_its_connection(bench: Bench, web: WebServer) -> None:
    context = bench.context({"url": web.url("/slow-body")})
    running = asyncio.ensure_future(cast("Awaitable[Any]", bench.registry.executor_for("http").execute(context)))
    await asyncio.wait_for(web.asked.wait(), 120)
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    assert await quiet(web)


async def test_an_address_that_is_no_sendable_one_fails_for_good(bench: Bench) -> None:
    for url in ("http://exa mple.com/", "http://[::1/", "ftp://example.com/", "http://:80/", "http://a:99999/"):
        result = await bench.run("http", {"url": url})
        assert not result.success
        assert not result.retryable


async def test_what_came_until_the_attempts_own_timeout_is_left_with_it(bench: Bench, web: WebServer) -> None:
    execute = bench.registry.executor_for("http").execute
    known = None
    try:
        async with asyncio.timeout(3):
            await execute(bench.context({"url": web.url("/slow-body")}))  # type: ignore[misc]
    except TimeoutError as error:
        known = known_so_far(error.__cause__)
    assert known is not None
    assert (known.detail["phase"], known.detail["status_code"]) == ("body", 200)
    assert known.output == "." * known.detail["bytes_received"] != ""
