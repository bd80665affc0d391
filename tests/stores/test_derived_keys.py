"""What one client derives from the password serves the next of the same process."""

from __future__ import annotations

import hashlib
from typing import Any

import pytest

from falcon_scheduler.adapters.mongo import derived_keys
from falcon_scheduler.adapters.mongo.client import open_database, ping


@pytest.fixture
def hashed(monkeypatch: pytest.MonkeyPatch) -> list[bytes]:
    """The passwords that are hashed from here on."""
    passwords: list[bytes] = []
    original = hashlib.pbkdf2_hmac

    def noted(name: str, password: bytes, *rest: Any) -> bytes:
        passwords.append(password)
        return original(name, password, *rest)

    monkeypatch.setattr(hashlib, "pbkdf2_hmac", noted)
    monkeypatch.setattr(derived_keys, "_derived", {})
    return passwords


async def test_the_password_is_hashed_once_for_all_clients_of_a_process(
    embedded_uri: str, hashed: list[bytes]
) -> None:
    for _ in range(3):
        async with open_database(embedded_uri, "derived_keys") as database:
            await ping(database)
    assert len(hashed) == 1


async def test_keys_of_another_salt_are_derived_again(embedded_uri: str, hashed: list[bytes]) -> None:
    """As after a change of the password, or on another server at the same address."""
    async with open_database(embedded_uri, "derived_keys") as database:
        await ping(database)
    client_key, server_key, _, count = derived_keys._derived[embedded_uri]
    derived_keys._derived[embedded_uri] = (client_key[::-1], server_key, b"another", count)
    async with open_database(embedded_uri, "derived_keys") as database:
        await ping(database)
    assert len(hashed) == 2
