"""What single fields of an http task may hold: addresses, headers, timeouts."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Annotated, Literal
from urllib.parse import urlsplit

from pydantic import AfterValidator, BeforeValidator, Field, PlainSerializer, WithJsonSchema

from falcon_scheduler.adapters.http.addresses import is_sendable
from falcon_scheduler.core.domain.duration import format_duration, from_nanoseconds, parse_duration
from falcon_scheduler.core.domain.references import REFERENCE

LONGEST_TIMEOUT = timedelta(hours=24)
_HEADER_NAME = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]{1,256}")  # Source: RFC 9110, "token"
_NOT_OURS_TO_SET = {"connection", "content-length", "keep-alive", "te", "trailer", "transfer-encoding", "upgrade"}
"""Headers that frame the message. If a task sets them, a proxy and the server may see different messages."""
_CONTROL = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")
_HOST = re.compile(r"(?:[\w.~%-]+|\[[0-9A-Fa-f:.]+\])(?::\d{1,5})?", re.ASCII)
_RESERVED_PREFIX = "x-scheduler-"


def _address(value: str) -> str:
    tried = REFERENCE.sub("reference", value)
    try:
        parts = urlsplit(tried)
        port_is_fine = parts.port != 0
    except ValueError:
        port_is_fine = False
    if not port_is_fine or parts.scheme not in {"http", "https"} or not parts.hostname:
        raise ValueError("must be an address such as https://api.example.com/path")
    if not re.fullmatch(r"[^\s\x00-\x1f\x7f\\]+", tried):
        raise ValueError("must not hold spaces, control characters or backslashes; percent-encode them")
    if not is_sendable(tried):
        raise ValueError("must have a host that can be looked up, such as api.example.com")
    return value


def _header_name(name: str) -> str:
    if not _HEADER_NAME.fullmatch(name):
        raise ValueError("is not a header name: letters, digits and !#$%&'*+-.^_`|~ are allowed")
    if name.lower() in _NOT_OURS_TO_SET or name.lower().startswith(_RESERVED_PREFIX):
        raise ValueError("is set by the scheduler")
    return name


def _header_text(text: str) -> str:
    if _CONTROL.search(text):
        raise ValueError("must be one line without control characters")
    return text


def _headers(value: dict[str, str]) -> dict[str, str]:
    if len({name.lower() for name in value}) != len(value):
        raise ValueError("a header is given twice, in different case")
    host = next((text for name, text in value.items() if name.lower() == "host"), "a")
    if not _HOST.fullmatch(REFERENCE.sub("reference", host.strip(" \t"))):
        raise ValueError("Host must be a name or an address, with or without a port")
    return value


def _timeout(value: object) -> object:
    if isinstance(value, str):
        return parse_duration(value)
    if isinstance(value, int) and not isinstance(value, bool):
        return from_nanoseconds(value)  # as the Go service stores it
    return value


def _in_bounds(value: timedelta) -> timedelta:
    if not timedelta() < value <= LONGEST_TIMEOUT:
        raise ValueError("must be longer than nothing and at most 24h")
    return value


def _upper(value: object) -> object:
    return value.upper() if isinstance(value, str) else value


Address = Annotated[str, Field(max_length=8192), AfterValidator(_address)]
Headers = Annotated[
    dict[Annotated[str, AfterValidator(_header_name)], Annotated[str, AfterValidator(_header_text)]],
    Field(max_length=100),
    AfterValidator(_headers),
]
Method = Annotated[Literal["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"], BeforeValidator(_upper)]
Timeout = Annotated[
    timedelta,
    BeforeValidator(_timeout),
    AfterValidator(_in_bounds),
    PlainSerializer(format_duration, when_used="json"),
    WithJsonSchema({"type": "string", "examples": ["30s", "1m30s"]}),
]
QueryValue = str | int | float | bool
Query = dict[str, QueryValue | list[QueryValue]]
BlockName = Annotated[str, Field(pattern=r"^[a-z0-9]+(-[a-z0-9]+)*$", description="Name of a Prefect Secret block")]
