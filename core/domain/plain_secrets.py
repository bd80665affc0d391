"""Finds plain secrets in a config or in parameters, so that a `Redactor` can remove them by their text.

A server that is called with a secret may echo it anywhere and in any spelling; only its text identifies it there.
"""

from __future__ import annotations

import base64
import binascii
import json
import re
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import unquote, unquote_plus, urlsplit

from falcon_scheduler.core.domain.redaction import is_secret_name, named_in_text
from falcon_scheduler.core.domain.secret_addresses import secret_paths

QUERY_NAMES = frozenset({"key", "sig", "signature", "code", "auth", "pwd", "sid", "session"})
"""In a query these names mean secrets; elsewhere they are everyday words."""
_LONG = 8
"""Shorter texts inside a secret value are more often everyday words (`basic`, `dark`) than secrets."""
_LONG_NUMBER = 100_000
"""Smaller numbers are counts: `"tokens": 12`."""


def secrets_in(value: object) -> Iterator[str]:
    """Texts in plain JSON under a secret's name, in the userinfo of addresses, or named inside of a text."""
    if isinstance(value, Mapping):
        for name, inner in value.items():
            if is_secret_name(str(name)):
                yield from _all_of(inner)
            elif name == "query" and isinstance(inner, Mapping):
                yield from secrets_in({each: inner[each] for each in inner if each not in QUERY_NAMES})
                yield from (text for each in QUERY_NAMES & inner.keys() for text in _all_of(inner[each]))
            else:
                yield from secrets_in(inner)
    elif isinstance(value, list | tuple):
        for inner in value:
            yield from secrets_in(inner)
    elif isinstance(value, str):
        yield from _in_text(value)


def _all_of(value: object) -> Iterator[str]:
    """Every text below a secret's name."""
    if isinstance(value, str):
        yield value
        yield from _parts_of(value)
    elif isinstance(value, Mapping | list | tuple):
        inside = value.values() if isinstance(value, Mapping) else value
        yield from (text for each in inside for text in _all_of(each) if len(text) >= _LONG)
        yield from secrets_in(value)
    elif isinstance(value, int) and abs(value) >= _LONG_NUMBER:
        yield str(value)


def _parts_of(value: str) -> Iterator[str]:
    """A header's credentials without their scheme, a Basic password, the values of cookies."""
    scheme, _, credentials = value.rpartition(" ")
    yield credentials
    if scheme.strip().lower() == "basic":
        try:
            yield base64.b64decode(credentials, validate=True).decode().partition(":")[2]
        except (binascii.Error, UnicodeDecodeError):
            return
    for part in re.split(r"[;,\s]+", value):
        _, _, text = part.partition("=")
        if len(text) >= _LONG:
            yield text


def _in_text(text: str) -> Iterator[str]:
    if "://" in text:
        yield from _in_address(text)
    if text.lstrip()[:1] in {"{", "["} and (parsed := _parsed(text)) is not None:
        yield from secrets_in(parsed)
    for found in named_in_text(text):
        yield found
        yield unquote_plus(found)


def _parsed(text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None


def _in_address(text: str) -> Iterator[str]:
    try:
        parts = urlsplit(text)
    except ValueError:
        return
    userinfo, _, _ = parts.netloc.rpartition("@")
    if userinfo:
        user, _, password = userinfo.partition(":")
        yield password or user
        yield unquote(password or user)
        yield base64.b64encode(userinfo.encode()).decode()
        yield base64.b64encode(f"{unquote(user)}:{unquote(password)}".encode()).decode()
    for path in secret_paths(text):
        yield path
        yield unquote(path)
        yield from (segment for segment in path.split("/") if len(segment) >= _LONG)
    for pair in parts.query.split("&"):
        name, _, value = pair.partition("=")
        plain = unquote_plus(value)
        if is_secret_name(name) or name.lower() in QUERY_NAMES:
            yield value
            yield plain
        elif "://" in plain:  # an address to redirect to
            yield from _in_address(plain)
