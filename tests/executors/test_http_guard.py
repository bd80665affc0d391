"""Tasks reach public addresses and what the operator allows, by no name, spelling or redirect anything else."""

from __future__ import annotations

from ipaddress import ip_address
from urllib.parse import quote

import pytest

from falcon_scheduler.adapters.http.guard import AddressGuard
from tests.executors.bench import Bench, bench_allowing
from tests.executors.web_server import WebServer, serving

REFUSED = [
    "0.0.0.0",  # noqa: S104 - an address to refuse, nothing binds to it
    "10.0.0.1",
    "100.64.0.1",
    "100.100.100.200",
    "127.0.0.1",
    "127.255.255.254",
    "168.63.129.16",
    "169.254.169.254",
    "172.16.0.1",
    "172.31.255.255",
    "192.0.0.192",
    "192.168.1.1",
    "198.18.0.1",
    "224.0.0.1",
    "240.0.0.1",
    "255.255.255.255",
    "::",
    "::1",
    "::127.0.0.1",
    "::ffff:127.0.0.1",
    "::ffff:10.0.0.1",
    "::ffff:0:127.0.0.1",
    "64:ff9b::127.0.0.1",
    "64:ff9b::a9fe:a9fe",
    "64:ff9b:1::1",
    "2001::1",
    "2001:db8::1",
    "2002:7f00:1::1",
    "2002:a9fe:a9fe::",
    "fc00::1",
    "fd00:ec2::254",
    "fe80::1",
    "fec0::1",
    "ff02::1",
]
PUBLIC = ["1.1.1.1", "93.184.216.34", "172.32.0.1", "2606:4700::1111", "::ffff:1.1.1.1", "64:ff9b::1.1.1.1"]


@pytest.mark.parametrize("address", REFUSED)
def test_an_address_that_is_not_public_is_refused(address: str) -> None:
    assert not AddressGuard().permits("any.example", 80, ip_address(address))


@pytest.mark.parametrize("address", PUBLIC)
def test_a_public_address_is_permitted(address: str) -> None:
    assert AddressGuard().permits("any.example", 80, ip_address(address))


@pytest.mark.parametrize(
    ("rule", "host", "port", "address", "permitted"),
    [
        ("10.1.0.0/16", "x", 80, "10.1.2.3", True),
        ("10.1.0.0/16", "x", 80, "10.2.0.1", False),
        ("10.1.0.0/16", "x", 80, "::ffff:10.1.2.3", True),
        ("10.1.2.3", "x", 80, "10.1.2.3", True),
        ("10.1.2.3:8080", "x", 8080, "10.1.2.3", True),
        ("10.1.2.3:8080", "x", 80, "10.1.2.3", False),
        ("10.1.0.0/16:443", "x", 443, "10.1.9.9", True),
        ("fd00::/8", "x", 80, "fd12::1", True),
        ("[fd00::/8]:443", "x", 443, "fd12::1", True),
        ("[fd00::/8]:443", "x", 80, "fd12::1", False),
        ("::1", "x", 80, "::1", True),
        ("intranet.example", "intranet.example", 80, "10.0.0.1", True),
        ("intranet.example", "INTRANET.example.", 80, "10.0.0.1", True),
        ("intranet.example", "evil.intranet.example", 80, "10.0.0.1", False),
        ("intranet.example", "intranet.example.evil.example", 80, "10.0.0.1", False),
        ("intranet.example:81", "intranet.example", 80, "10.0.0.1", False),
        ("*.lan", "printer.lan", 80, "192.168.0.9", True),
        ("*.lan", "lan", 80, "192.168.0.9", False),
        ("*.lan", "evil-lan", 80, "192.168.0.9", False),
        ("localhost", "localhost", 80, "127.0.0.1", True),
    ],
)
def test_a_rule_allows_what_it_says(rule: str, host: str, port: int, address: str, permitted: bool) -> None:
    assert AddressGuard([rule]).permits(host, port, ip_address(address)) is permitted


@pytest.mark.parametrize(
    "rule",
    [
        "10.0.0.0/99",
        "10.0.0.1/8",
        "1.2.3",
        "a b",
        "x:0",
        "x:70000",
        "http://x",
        "[x]",
        "*",
        "x:8\uff10",
        "\u212a.example",
    ],
)
def test_a_rule_that_is_none_is_named(rule: str) -> None:
    with pytest.raises(ValueError, match="is not a network"):
        AddressGuard([rule])


@pytest.mark.parametrize(
    "host", ["127.0.0.1", "localhost", "127.1", "0x7f.1", "2130706433", "0177.0.0.1", "[::1]", "0"]
)
async def test_no_spelling_of_this_machine_is_called(host: str) -> None:
    bench = bench_allowing()
    async with serving() as web:
        result = await bench.run("http", {"url": f"http://{host}:{web.port}/echo"})
        assert not result.success
        assert not result.retryable or "does not resolve" in result.error
        assert web.seen == []


async def test_the_refusal_explains_how_to_allow_it_and_not_what_the_name_resolves_to() -> None:
    result = await bench_allowing().run("http", {"url": "http://localhost:9/"})
    assert "localhost:9 is not a public address" in result.error
    assert "SCHEDULER_HTTP_ALLOW" in result.error
    assert "127.0.0.1" not in result.error


async def test_a_redirect_inwards_is_refused_at_its_hop() -> None:
    async with serving() as outside, serving() as inside:
        bench = bench_allowing(f"127.0.0.1:{outside.port}")
        for target in (
            inside.url("/echo"),
            inside.url("/echo", "localhost"),
            "http://169.254.169.254/latest/meta-data",
        ):
            result = await bench.run("http", {"url": outside.url(f"/redirect?to={quote(target)}")})
            assert "is not a public address" in result.error
        assert len(outside.seen) == 3
        assert inside.seen == []


async def test_a_redirect_to_another_protocol_is_refused(bench: Bench, web: WebServer) -> None:
    for target in ("file:///etc/passwd", "ftp://127.0.0.1/", "gopher://127.0.0.1:6379/_FLUSHALL"):
        result = await bench.run("http", {"url": web.url(f"/redirect?to={quote(target)}")})
        assert not result.success
        assert "root:" not in result.output


async def test_an_allowed_name_opens_what_it_resolves_to() -> None:
    async with serving() as web:
        result = await bench_allowing("localhost").run("http", {"url": web.url("/echo", "localhost")})
        assert result.success, result.error
        result = await bench_allowing("localhost").run("http", {"url": web.url("/echo")})
        assert not result.success
