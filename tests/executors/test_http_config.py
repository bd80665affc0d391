"""What an http task's config may hold; every fault is named with its field, all at once."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.executors.bench import Bench, bench_allowing

GOOD: dict[str, Any] = {"url": "https://api.example.com/health"}


@pytest.mark.parametrize(
    "config",
    [
        {},
        {"method": "patch"},
        {"timeout": 30_000_000_000},  # nanoseconds, as the Go service stores them
        {"timeout": "24h"},
        {"url": "http://[::1]:8080/x?y#z"},
        {"url": "http://bücher.example/"},
        {"url": "https://{{ prefect.blocks.secret.host }}/{{prefect.blocks.secret.path-1}}"},
        {"body": "text with {{ mustaches }}"},
        {"body": [1, {"a": None}]},
        {"expected_codes": [200, "201-204", "404"]},
        {"retry_codes": ["500-599"]},
        {"auth": {"type": "bearer", "secret_block": "my-token"}},
        {"auth": {"type": "basic", "username": "bob", "secret_block": "pw"}},
        {"proxy": "http://proxy.example:3128"},
        {"client_certificate": {"secret_block": "cert"}},
        {"query": {"a": 1, "b": [True, "x", 0.5]}},
        {"assertions": [{"type": "json_path", "path": "$['a'][0]", "equals": None}]},
    ],
)
def test_a_good_config_has_no_fault(bench: Bench, config: dict[str, Any]) -> None:
    assert bench.faults("http", {**GOOD, **config}) == {}


@pytest.mark.parametrize(
    ("config", "location"),
    [
        ({"url": None}, "config.url"),
        ({"url": ""}, "config.url"),
        ({"url": "example.com"}, "config.url"),
        ({"url": "file:///etc/passwd"}, "config.url"),
        ({"url": "https://"}, "config.url"),
        ({"url": "https://a b/"}, "config.url"),
        ({"url": "https://a..b/"}, "config.url"),
        ({"url": "https://u:p@a.example/", "headers": {"authorization": "Bearer x"}}, "config.url"),
        ({"url": "https://u:p@a.example/", "auth": {"type": "bearer", "secret_block": "x"}}, "config.url"),
        ({"url": "https://" + "a" * 64 + ".example/"}, "config.url"),
        ({"url": "https://ä..example/"}, "config.url"),
        ({"url": "https://a%20b.example/"}, "config.url"),
        ({"url": "https://[::1%25eth0/"}, "config.url"),
        ({"url": "https://a.example/\u2028"}, "config.url"),
        ({"url": "https://a/\r\nX: y"}, "config.url"),
        ({"url": "https://a:99999/"}, "config.url"),
        ({"url": "https://a/" + "x" * 9000}, "config.url"),
        ({"url": "https://a/{{ prefect.variables.x }}"}, "config.url"),
        ({"method": "TRACE"}, "config.method"),
        ({"method": 1}, "config.method"),
        ({"headers": {"a b": "c"}}, "config.headers.a b"),
        ({"headers": {"é": "c"}}, "config.headers.é"),
        ({"headers": {"a": "b\r\nc: d"}}, "config.headers.a"),
        ({"headers": {"a": "b\x7f"}}, "config.headers.a"),
        ({"headers": {"Content-Length": "1"}}, "config.headers.Content-Length"),
        ({"headers": {"transfer-encoding": "chunked"}}, "config.headers.transfer-encoding"),
        ({"headers": {"X-Scheduler-Fencing-Token": "9"}}, "config.headers.X-Scheduler-Fencing-Token"),
        ({"headers": {"Host": "a b"}}, "config.headers"),
        ({"headers": {"a": "1", "A": "2"}}, "config.headers"),
        ({"headers": {"a": 1}}, "config.headers.a"),
        ({"headers": ["a"]}, "config.headers"),
        ({"expected_code": "200"}, "config.expected_code"),
        ({"expected_code": 600}, "config.expected_code"),
        ({"expected_code": True}, "config.expected_code"),
        ({"expected_codes": []}, "config.expected_codes"),
        ({"expected_codes": ["204-200"]}, "config.expected_codes"),
        ({"expected_codes": ["2xx"]}, "config.expected_codes"),
        ({"expected_codes": ["2\uff10\uff10"]}, "config.expected_codes"),
        ({"expected_codes": [99]}, "config.expected_codes.0"),
        ({"timeout": "0s"}, "config.timeout"),
        ({"timeout": "25h"}, "config.timeout"),
        ({"timeout": "-5s"}, "config.timeout"),
        ({"timeout": 0}, "config.timeout"),
        ({"timeout": "soon"}, "config.timeout"),
        ({"timeout": True}, "config.timeout"),
        ({"follow_redirect": "yes"}, "config.follow_redirect"),
        ({"validate_ssl": 1}, "config.validate_ssl"),
        ({"auth": {"type": "digest"}}, "config.auth"),
        ({"auth": {"type": "bearer", "token": "x"}}, "config.auth.secret_block"),
        ({"auth": {"type": "bearer", "secret_block": "No Such"}}, "config.auth.secret_block"),
        ({"auth": {"type": "basic", "username": "a:b", "secret_block": "x"}}, "config.auth.username"),
        ({"assertions": [{"type": "json_path", "path": "$..a", "equals": 1}]}, "config.assertions.0.path"),
        ({"assertions": [{"type": "json_path", "path": "a[", "equals": 1}]}, "config.assertions.0.path"),
        ({"assertions": [{"type": "json_path", "path": "$.a"}]}, "config.assertions.0.equals"),
        ({"assertions": [{"type": "contains", "text": ""}]}, "config.assertions.0.text"),
        ({"assertions": [{"type": "matches"}]}, "config.assertions.0"),
        ({"proxy": "socks5://p:1"}, "config.proxy"),
        ({"proxy": "http://bob:pw@p:1"}, "config.proxy"),
        ({"proxy_auth": {"type": "basic", "username": "a", "secret_block": "x"}}, "config"),
        ({"expected_code": 200, "expected_codes": [201]}, "config"),
        ({"headers": {"authorization": "x"}, "auth": {"type": "bearer", "secret_block": "x"}}, "config"),
        ({"unknown": 1}, "config.unknown"),
    ],
)
def test_a_fault_is_named_with_its_field(bench: Bench, config: dict[str, Any], location: str) -> None:
    assert location in bench.faults("http", {**GOOD, **config})


def test_all_faults_come_at_once(bench: Bench) -> None:
    config = {"method": "X", "timeout": "x", "other": 1}
    assert set(bench.faults("http", config, url="x", query={"a": {}})) == {
        "config.url",
        "config.method",
        "config.timeout",
        "config.other",
        "parameters.url",
        "parameters.query.a",
    }


def test_no_fault_repeats_what_was_given(bench: Bench) -> None:
    planted = "pl4nted-s3cret"
    config = {
        "url": f"nonsense://bob:{planted}@x",
        "headers": {"Authorization": f"Bearer {planted}\n"},
        "auth": {"type": "bearer", "token": planted},
        "proxy": f"http://bob:{planted}@p",
    }
    faults = bench.faults("http", config)
    assert len(faults) >= 4
    assert planted not in str(faults)


values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=10), inner, max_size=3),
    max_leaves=8,
)
fields = st.sampled_from(
    [
        "url",
        "method",
        "headers",
        "body",
        "expected_code",
        "expected_codes",
        "timeout",
        "auth",
        "assertions",
        "proxy",
        "query",
    ]
)


@given(st.dictionaries(fields, values, max_size=5), st.sampled_from(["http", "function", "custom", "nonsense"]))
def test_no_config_whatever_breaks_the_check(config: dict[str, Any], task_type: str) -> None:
    bench = bench_allowing()
    assert all(fault.location and fault.message for fault in bench.registry.faults(task_type, config, config))
