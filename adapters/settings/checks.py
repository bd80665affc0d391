"""The allowed values of variables: each check raises `ValueError` with a sentence that gives them."""

from __future__ import annotations

import re
from datetime import timedelta
from ipaddress import ip_network
from pathlib import Path
from typing import Annotated
from urllib.parse import unquote, urlsplit
from zoneinfo import available_timezones

from cryptography.fernet import Fernet
from pydantic import AfterValidator, BeforeValidator, SecretStr
from pydantic_settings import NoDecode

from falcon_scheduler.adapters.alerts.addresses import read_addresses, split_addresses
from falcon_scheduler.adapters.alerts.webhook import key_of
from falcon_scheduler.adapters.http.guard import AddressGuard
from falcon_scheduler.core.domain.duration import parse_duration

_SHORTEST_WEBHOOK_SECRET_BYTES = 24  # Source: Standard Webhooks, "Signature scheme"
_LONGEST_PATIENCE = timedelta(seconds=30)  # half of the time for which a message is claimed
_SHORTEST_TOKEN = 16
_SHORTEST_SECRET_BYTES = 32  # Source: RFC 7518 section 3.2, a key at least as long as the SHA-256 output


def duration(value: object) -> object:
    if not isinstance(value, str):
        return value
    try:
        return parse_duration(value)
    except ValueError:
        raise ValueError("must be a duration such as 30s, 5m or 1h30m") from None


def positive(value: timedelta) -> timedelta:
    if value <= timedelta():
        raise ValueError("must be longer than nothing")
    return value


def timezone(value: str) -> str:
    if value not in available_timezones():
        raise ValueError("must be an IANA time zone such as UTC or Europe/Berlin")
    return value


def api_prefix(value: str) -> str:
    if not re.fullmatch(r"(/[A-Za-z0-9._~-]+)*/?", value):
        raise ValueError("must be a path such as /api or /falcon/v1")
    return value.rstrip("/")


def web_address(value: str) -> str:
    if not re.fullmatch(r"https?://[^\s/]+(/\S*)?", value):
        raise ValueError("must be an address that starts with http:// or https://")
    return value.rstrip("/")


def mongo_uri(value: str) -> str:
    if not value.startswith(("mongodb://", "mongodb+srv://")):
        raise ValueError("must start with mongodb:// or mongodb+srv://")
    return value


def database_of(uri: object) -> str | None:
    """The database in the path of a MongoDB URI; None without one."""
    if not isinstance(uri, str):
        return None
    named = re.fullmatch(r"mongodb(?:\+srv)?://[^/]+/([^?]+)(?:\?.*)?", uri)
    return unquote(named[1]) if named else None


def redis_url(value: SecretStr) -> SecretStr:
    if not parts_of_redis_url(value.get_secret_value()):
        raise ValueError("must be an address such as redis://:password@host:6379/0, or rediss:// for TLS")
    return value


def parts_of_redis_url(url: object) -> dict[str, object]:
    """The parts of a Redis URL; empty for any other text."""
    try:
        address = urlsplit(str(url or ""))
        port = address.port
    except ValueError:  # a port that is no number, or too large
        return {}
    well_formed = re.fullmatch(r"(/[0-9]{0,5})?", address.path) and not address.query
    if address.scheme not in {"redis", "rediss"} or not address.hostname or not well_formed:
        return {}
    parts = {"host": address.hostname, "port": port, "db": address.path.strip("/") or None}
    who = {"username": address.username, "password": address.password}
    parts |= {name: unquote(value) if value else None for name, value in who.items()}
    parts["tls"] = address.scheme == "rediss"
    return {name: value for name, value in parts.items() if value is not None}


def header_text(value: str) -> str:
    if not re.fullmatch(r"[\x20-\x7e]+", value):
        raise ValueError("must be one line of plain ASCII text, as an HTTP header takes it")
    return value


def signing_secret(value: SecretStr) -> SecretStr:
    if len(value.get_secret_value().encode()) < _SHORTEST_SECRET_BYTES:
        raise ValueError(f"must be at least {_SHORTEST_SECRET_BYTES} bytes long (RFC 7518, section 3.2)")
    return value


def access_token(value: SecretStr) -> SecretStr:
    if len(value.get_secret_value()) < _SHORTEST_TOKEN:
        raise ValueError(f"must be at least {_SHORTEST_TOKEN} characters long")
    return value


def networks(value: tuple[str, ...]) -> tuple[str, ...]:
    for each in value:
        try:
            ip_network(each)
        except ValueError:
            raise ValueError("must be addresses or networks such as 10.0.0.7 or 10.0.0.0/8") from None
    return value


def fernet_key(value: SecretStr) -> SecretStr:
    try:
        Fernet(value.get_secret_value())
    except ValueError:
        raise ValueError("must be a Fernet key: 32 bytes in URL-safe base64") from None
    return value


def listed(value: object) -> object:
    return tuple(part.strip() for part in value.split(",") if part.strip()) if isinstance(value, str) else value


def allow_rules(value: tuple[str, ...]) -> tuple[str, ...]:
    AddressGuard(value)  # raises ValueError, which names the rule
    return value


def proxy(value: SecretStr) -> SecretStr:
    web_address(value.get_secret_value())
    return value


def origins(value: tuple[str, ...]) -> tuple[str, ...]:
    for origin in value:
        if not re.fullmatch(r"https?://[^\s/]+", origin):
            raise ValueError("must be origins such as https://ui.example.com, without a path")
    return value


def host_names(value: tuple[str, ...]) -> tuple[str, ...]:
    for name in value:
        if not re.fullmatch(r"\*|(\*\.)?[A-Za-z0-9]([A-Za-z0-9._-]*[A-Za-z0-9])?", name):
            raise ValueError("must be host names such as scheduler.example.com or *.example.com, without a port")
    return value


def addresses(value: object) -> object:
    return split_addresses(value) if isinstance(value, str) else value


def webhook_secret(value: SecretStr) -> SecretStr:
    if len(key_of(value.get_secret_value())) < _SHORTEST_WEBHOOK_SECRET_BYTES:
        raise ValueError(f"must be at least {_SHORTEST_WEBHOOK_SECRET_BYTES} bytes long (Standard Webhooks)")
    return value


def webhooks(value: tuple[SecretStr, ...]) -> tuple[SecretStr, ...]:
    for each in read_addresses((entry.get_secret_value() for entry in value), "webhook"):
        try:
            web_address(each.url)
        except ValueError as error:
            raise ValueError(f"{each.name} {error}") from None
    return value


def apprise_urls(value: tuple[SecretStr, ...]) -> tuple[SecretStr, ...]:
    found = read_addresses((entry.get_secret_value() for entry in value), "apprise")
    if found:
        from falcon_scheduler.adapters.alerts.apprise import (
            service_of,  # the import takes a third of a second, so it is made only when needed
        )

        for each in found:
            try:
                service_of(each.url)
            except ValueError as error:
                raise ValueError(f"{each.name} {error}") from None
    return value


def patience(value: timedelta) -> timedelta:
    if not timedelta(seconds=1) <= value <= _LONGEST_PATIENCE:
        raise ValueError("must be 1s to 30s")
    return value


def distinct_channels(webhooks: tuple[SecretStr, ...], apprise: tuple[SecretStr, ...]) -> None:
    taken = read_addresses((entry.get_secret_value() for entry in webhooks), "webhook")
    read_addresses((entry.get_secret_value() for entry in apprise), "apprise", [each.name for each in taken])


def plugins(value: tuple[str, ...]) -> tuple[str, ...]:
    for name in value:
        # Each run has its own working directory, so a relative path would name a different file in each.
        by_path = name.endswith(".py")
        if not (Path(name).is_absolute() if by_path else all(map(str.isidentifier, name.split(".")))):
            raise ValueError(f"{name!r} is neither a module's name nor the absolute path of a .py file")
    return value


Listed = Annotated[tuple[str, ...], NoDecode, BeforeValidator(listed)]
Addresses = Annotated[tuple[SecretStr, ...], NoDecode, BeforeValidator(addresses)]
Duration = Annotated[timedelta, BeforeValidator(duration), AfterValidator(positive)]
WebAddress = Annotated[str, AfterValidator(web_address)]
