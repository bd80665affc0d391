"""TLS, client certificates and proxies of http tasks."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
import trustme

from tests.executors.bench import Bench, bench_allowing
from tests.executors.web_server import WebServer, serving


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    """A certificate authority that nobody trusts by default."""
    return trustme.CA()


def server_tls(authority: trustme.CA, *, ask: bool = False, name: str = "127.0.0.1") -> ssl.SSLContext:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert(name).configure_cert(context)
    if ask:
        authority.configure_trust(context)
        context.verify_mode = ssl.CERT_REQUIRED
    return context


async def test_a_certificate_of_an_unknown_authority_is_refused(bench: Bench, authority: trustme.CA) -> None:
    async with serving(server_tls(authority)) as web:
        result = await bench.run("http", {"url": web.url("/echo")})
        assert result.error.startswith("The certificate does not verify:")
        assert not result.retryable
        assert web.seen == []


async def test_validate_ssl_off_accepts_any_certificate(bench: Bench, authority: trustme.CA) -> None:
    async with serving(server_tls(authority, name="other.example")) as web:
        assert (await bench.run("http", {"url": web.url("/echo"), "validate_ssl": False})).success


async def test_an_authority_that_the_operator_trusts_is_trusted(
    bench: Bench, authority: trustme.CA, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    """SSL_CERT_FILE is read when a context is made, hence the client certificate: it makes a new one."""
    file = tmp_path_factory.mktemp("tls") / "authority.pem"
    authority.cert_pem.write_to_path(file)
    monkeypatch.setenv("SSL_CERT_FILE", str(file))
    bench.secrets["me"] = client_pem(authority)
    config = {"client_certificate": {"secret_block": "me"}}
    async with serving(server_tls(authority)) as web:
        result = await bench.run("http", {"url": web.url("/echo"), **config})
        assert result.success, result.error
    async with serving(server_tls(authority, name="other.example")) as web:
        result = await bench.run("http", {"url": web.url("/echo"), **config})
        assert "certificate does not verify" in result.error


def client_pem(authority: trustme.CA) -> str:
    return authority.issue_cert("client@example.com").private_key_and_cert_chain_pem.bytes().decode()


async def test_a_client_certificate_is_shown_when_asked_for(bench: Bench, authority: trustme.CA) -> None:
    bench.secrets["me"] = client_pem(authority)
    async with serving(server_tls(authority, ask=True)) as web:
        config = {"url": web.url("/echo"), "validate_ssl": False}
        assert not (await bench.run("http", config)).success
        result = await bench.run("http", {**config, "client_certificate": {"secret_block": "me"}})
        assert result.success, result.error


async def test_a_client_certificate_that_can_t_be_read_fails_without_showing_it(bench: Bench, web: WebServer) -> None:
    bench.secrets["me"] = "not a certificate at all"
    config = {"url": web.url("/echo"), "client_certificate": {"secret_block": "me"}}
    result = await bench.run("http", config)
    assert result.error.startswith("The client certificate can't be read")
    assert "not a certificate at all" not in repr(result)
    assert not result.retryable


@asynccontextmanager
async def proxying() -> AsyncIterator[tuple[int, list[str]]]:
    """A proxy for CONNECT and plain requests; yields its port and the heads of what it was asked."""
    heads: list[str] = []

    async def pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError):
            while data := await reader.read(4096):
                writer.write(data)
                await writer.drain()
        writer.close()

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        heads.append(head.decode())
        method, target, _ = head.decode().split(" ", 2)
        tunnel = method == "CONNECT"
        place = target if tunnel else target.split("/")[2]
        there = await asyncio.open_connection(*place.split(":"))
        if tunnel:
            writer.write(b"HTTP/1.1 200 Connected\r\n\r\n")
        else:
            there[1].write(head)
        await asyncio.gather(pump(reader, there[1]), pump(there[0], writer))

    server = await asyncio.start_server(talk, "127.0.0.1", 0)
    try:
        yield server.sockets[0].getsockname()[1], heads
    finally:
        server.close()


async def test_a_request_goes_through_the_task_s_proxy(bench: Bench, web: WebServer) -> None:
    bench.secrets["proxy-password"] = "let-me-out"
    async with proxying() as (port, heads):
        auth = {"type": "basic", "username": "bob", "secret_block": "proxy-password"}
        config = {"url": web.url("/echo"), "proxy": f"http://127.0.0.1:{port}", "proxy_auth": auth}
        result = await bench.run("http", config)
        assert result.success, result.error
        assert heads[0].startswith(f"GET {web.url('/echo')} ")
        assert base64.b64encode(b"bob:let-me-out").decode() in heads[0]


async def test_an_https_request_is_tunnelled_through_the_proxy(bench: Bench, authority: trustme.CA) -> None:
    async with serving(server_tls(authority)) as web, proxying() as (port, heads):
        config = {"url": web.url("/echo"), "validate_ssl": False, "proxy": f"http://127.0.0.1:{port}"}
        result = await bench.run("http", config)
        assert result.success, result.error
        assert heads[0].startswith(f"CONNECT 127.0.0.1:{web.port} ")


async def test_the_guard_checks_the_proxy_and_the_target(web: WebServer) -> None:
    async with proxying() as (port, heads):
        config = {"url": web.url("/echo"), "proxy": f"http://127.0.0.1:{port}"}
        no_proxy = await bench_allowing(f"127.0.0.1:{web.port}").run("http", config)
        assert f"127.0.0.1:{port} is not a public address" in no_proxy.error
        no_target = await bench_allowing(f"127.0.0.1:{port}").run("http", config)
        assert f"127.0.0.1:{web.port} is not a public address" in no_target.error
        assert heads == []
        assert web.seen == []
