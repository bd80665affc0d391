"""What readers see of secrets, and that a masked value that comes back is replaced by the stored one."""

from __future__ import annotations

import json
import time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from falcon_scheduler.core.domain.masking import mask_faults, masked, restored
from falcon_scheduler.core.domain.plain_secrets import secrets_in
from falcon_scheduler.core.domain.redaction import CONCEALED, conceal

REFERENCE = "{{ prefect.blocks.secret.my-token }}"
CONFIG: dict[str, Any] = {
    "url": "https://bob:pl4nted-1@api.example.com/v1?token=pl4nted-2&page=3",
    "headers": {
        "Authorization": "Bearer pl4nted-3",
        "X-Api-Key": "pl4nted-4",
        "Cookie": "sid=pl4nted-5",
        "X-Auth-Key": "pl4nted-6",
        "Accept": "application/json",
        "X-Ref": f"Bearer {REFERENCE}",
    },
    "query": {"sig": "pl4nted-7", "page": 2},
    "auth": {"type": "bearer", "secret_block": "my-token"},
    "body": {
        "password": "pl4nted-8",
        "pin": 1234,
        "api_key": 987654321,
        "max_tokens": 4096,
        "tokens": ["pl4nted-9"],
        "credentials": {"user": "pl4nted-10"},
        "text": '{"client_secret": "pl4nted-11"}',
    },
}
SHOWN: dict[str, Any] = {
    "url": f"https://{CONCEALED}@api.example.com/v1?token={CONCEALED}&page=3",
    "headers": {
        "Authorization": CONCEALED,
        "X-Api-Key": CONCEALED,
        "Cookie": CONCEALED,
        "X-Auth-Key": CONCEALED,
        "Accept": "application/json",
        "X-Ref": f"Bearer {REFERENCE}",
    },
    "query": {"sig": CONCEALED, "page": 2},
    "auth": {"type": "bearer", "secret_block": "my-token"},
    "body": {
        "password": CONCEALED,
        "pin": 1234,
        "api_key": CONCEALED,
        "max_tokens": 4096,
        "tokens": [CONCEALED],
        "credentials": {"user": CONCEALED},
        "text": f'{{"client_secret": "{CONCEALED}"}}',
    },
}


def test_secrets_are_masked_and_all_else_is_shown() -> None:
    assert masked(CONFIG) == SHOWN


@pytest.mark.parametrize(
    ("address", "shown"),
    [
        ("https://hooks.slack.com/services/T01/B02/pl4nted", f"https://hooks.slack.com/services/{CONCEALED}"),
        ("https://discord.com/api/webhooks/12/pl4nted-x", f"https://discord.com/api/webhooks/12/{CONCEALED}"),
        ("https://ptb.discord.com/api/v10/webhooks/12/pl4nted", None),
        ("https://acme.webhook.office.com/webhookb2/pl4nted@x/IncomingWebhook/pl4nted/y", None),
        (
            "https://api.telegram.org/bot12:pl4nted/sendMessage",
            f"https://api.telegram.org/bot{CONCEALED}/sendMessage",
        ),
        ("https://hooks.zapier.com/hooks/catch/1/pl4nted/", None),
        ("https://maker.ifttt.com/trigger/it/with/key/pl4nted", None),
        ("https://chat.example.com/hooks/pl4ntedpl4nted99", f"https://chat.example.com/hooks/{CONCEALED}"),
        ("https://hc-ping.com/550e8400-pl4nted", f"https://hc-ping.com/{CONCEALED}"),
    ],
)
def test_the_secret_path_of_a_webhook_is_concealed_in_configs_and_in_texts(address: str, shown: str | None) -> None:
    for cleaned in (masked({"url": address})["url"], conceal(f"sent to {address}?x=1 at once")):
        assert "pl4nted" not in cleaned
        assert CONCEALED in cleaned
    if shown:
        assert masked(address) == shown
    assert any("pl4nted" in secret for secret in secrets_in({"url": address})), "an echo of it is found"


def test_an_address_within_the_query_of_an_address_is_looked_into() -> None:
    address = "https://example.com/?page=1&to=http%3A//other.example/echo%3Ftoken%3Dpl4nted&next=http%3A//b.example/x"
    shown = f"https://example.com/?page=1&to={CONCEALED}&next=http%3A//b.example/x"
    assert masked(address) == shown


@pytest.mark.parametrize(
    "address",
    [
        "https://api.github.com/repos/o/r/hooks/12345678",
        "https://example.com/webhooks",
        "https://example.com/hooks/list-of-all-the-hooks",
        "https://example.com/items/550e8400-e29b-41d4-a716-446655440000",
        "https://esi.evetech.net/latest/markets/10000002/orders/?datasource=tranquility",
    ],
)
def test_an_address_that_lets_nobody_in_is_shown(address: str) -> None:
    assert masked(address) == address


def test_what_is_shown_and_sent_back_is_what_is_stored() -> None:
    assert restored(SHOWN, CONFIG, "config") == (CONFIG, [])
    changed = {**SHOWN, "headers": {**SHOWN["headers"], "Accept": "text/plain"}, "new": 1}
    value, faults = restored(changed, CONFIG, "config")
    assert faults == []
    assert value["headers"] == {**CONFIG["headers"], "Accept": "text/plain"}


@pytest.mark.parametrize(
    ("given", "location"),
    [
        ({"headers": {"X-Other": CONCEALED}}, "config.headers.X-Other"),
        ({"url": f"https://{CONCEALED}@evil.example/v1"}, "config.url"),
        ({"body": {"tokens": [CONCEALED, CONCEALED]}}, "config.body.tokens.0"),
        ({"body": {"password": f"x{CONCEALED}"}}, "config.body.password"),
        ({"method": CONCEALED}, "config.method"),
        ({"query": [CONCEALED]}, "config.query.0"),
    ],
)
def test_a_mask_without_a_stored_value_is_a_fault_that_names_its_field(given: Any, location: str) -> None:
    _, faults = restored(given, CONFIG, "config")
    assert location in {fault.location for fault in faults}
    assert location in {fault.location for fault in mask_faults(given, "config")}


names = st.sampled_from(["password", "tokens", "Authorization", "a", "url", "query", "key", "body"])
texts = st.one_of(
    st.text(max_size=20),
    st.sampled_from([REFERENCE, "https://u:p@h/?token=1", "Bearer abcdefg1", "https://hooks.slack.com/services/a/b"]),
)
values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(names, inner, max_size=3),
    max_leaves=12,
)


@given(values)
def test_whatever_is_masked_comes_back_whole_and_masking_twice_changes_nothing_more(value: Any) -> None:
    shown = masked(value)
    assert restored(shown, value, "config") == (value, [])
    assert masked(shown) == shown
    json.dumps(shown)


def test_a_hostile_address_takes_no_long_time() -> None:
    started = time.monotonic()
    for piece in (
        "://a/",
        "/hooks/a",
        "://hooks.slack.com/services/",
        "a.",
        "://a.b.c/hooks/",
        "://discord.com/api/",
    ):
        masked(piece * (64 * 1024 // len(piece)))
        masked("://" + piece * (64 * 1024 // len(piece)))
    assert time.monotonic() - started < 60  # a quadratic search would take far longer
