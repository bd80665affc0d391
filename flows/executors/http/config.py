"""The config of an http task and the parameters of its runs. Independent of how the request is sent.

Source: scheduler API, "HTTP Tasks"; the fields from `query` on are ours.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import timedelta
from typing import Annotated, Any, Literal, Self
from urllib.parse import urlsplit

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    JsonValue,
    PlainSerializer,
    WithJsonSchema,
    model_validator,
)

from falcon_scheduler.adapters.http.addresses import is_sendable
from falcon_scheduler.core.domain.duration import format_duration, from_nanoseconds, parse_duration
from falcon_scheduler.core.domain.references import REFERENCE
from falcon_scheduler.core.errors import Fault
from falcon_scheduler.flows.executors.http.assertions import Contains, JsonPathEquals
from falcon_scheduler.flows.executors.http.codes import StatusCode, StatusCodes

LONGEST_TIMEOUT = timedelta(hours=24)
_HEADER_NAME = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]{1,256}")  # Source: RFC 9110, "token"
_NOT_OURS_TO_SET = {"connection", "content-length", "keep-alive", "te", "trailer", "transfer-encoding", "upgrade"}
"""Headers that frame the message. If a task sets them, a proxy and the server may see different messages."""
_CONTROL = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")
_HOST = re.compile(r"(?:[\w.~%-]+|\[[0-9A-Fa-f:.]+\])(?::\d{1,5})?", re.ASCII)
_RESERVED_PREFIX = "x-scheduler-"
_OF_THE_AUTHOR = frozenset(
    {
        *("forwarded", "x-forwarded-for", "x-forwarded-host", "x-forwarded-port", "x-forwarded-prefix"),
        *("x-forwarded-proto", "x-forwarded-server", "x-host", "x-original-host", "x-original-url", "x-rewrite-url"),
        *("x-http-method", "x-http-method-override", "x-method-override"),
        *("accept-encoding", "if-range", "range"),
    }
)
"""Headers that lead a request, and the secrets in it, to another place of the server, or that make it answer in
parts or encodings in which an echoed secret is not found. A caller who may only execute must not set them."""
_FOR_THE_AUTHOR = "may be set by a caller who may create or update tasks: it can lead the task's secrets elsewhere"


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


def _headers_of_a_run(value: dict[str, str]) -> dict[str, str]:
    if any(name.lower() == "host" for name in value):
        raise ValueError("Host belongs to the address, which a run can't change")
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


def _no_user_info(value: str) -> str:
    if "@" in urlsplit(value).netloc:
        raise ValueError("must not hold a user or password; give them as proxy_auth")
    return value


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


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


class BasicAuth(_Part):
    """User name and password; a Secret block contains the password."""

    type: Literal["basic"]
    username: Annotated[str, Field(min_length=1, pattern=r"^[^:\x00-\x1f]+$")]
    secret_block: BlockName


class BearerAuth(_Part):
    """A token; a Secret block contains it."""

    type: Literal["bearer"]
    secret_block: BlockName


class ClientCertificate(_Part):
    """Sent to the server; a Secret block contains chain and unencrypted key, in PEM."""

    secret_block: BlockName


class HttpConfig(_Part):
    """Config of an http task. Any text may hold `{{ prefect.blocks.secret.NAME }}`."""

    url: Address
    method: Method = "GET"
    headers: Headers = Field(default_factory=dict)
    body: Annotated[JsonValue, Field(description="Text is sent as it is, anything else as JSON")] = None
    expected_code: Annotated[StatusCode, Field(description="The status that means success")] = 200
    timeout: Annotated[Timeout, Field(description="Bounds the whole exchange")] = timedelta(seconds=30)
    follow_redirect: bool = True
    validate_ssl: bool = True
    query: Annotated[Query, Field(description="Added to the url's query")] = Field(default_factory=dict)
    expected_codes: Annotated[StatusCodes | None, Field(description="In place of expected_code")] = None
    retry_codes: Annotated[
        StatusCodes | None, Field(description="Statuses worth another attempt; default 408, 425, 429, 500-599")
    ] = None
    auth: Annotated[BasicAuth | BearerAuth, Field(discriminator="type")] | None = None
    assertions: Annotated[
        list[Annotated[Contains | JsonPathEquals, Field(discriminator="type")]], Field(max_length=50)
    ] = Field(default_factory=list)
    proxy: Annotated[Address, AfterValidator(_no_user_info)] | None = None
    proxy_auth: BasicAuth | None = None
    client_certificate: ClientCertificate | None = None

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if self.expected_codes is not None and "expected_code" in self.model_fields_set:
            raise ValueError("give expected_code or expected_codes, not both")
        if self.auth and any(name.lower() == "authorization" for name in self.headers):
            raise ValueError("give auth or an Authorization header, not both")
        if self.proxy_auth and not self.proxy:
            raise ValueError("proxy_auth needs a proxy")
        return self

    @property
    def expected(self) -> StatusCodes:
        """Statuses that mean success."""
        return self.expected_codes or StatusCodes.only(self.expected_code)


class HttpParameters(_Part):
    """What one run may change. Not the address: its author decided where secrets are sent."""

    query: Query = Field(default_factory=dict)
    """Merged over the config's."""
    headers: Annotated[Headers, AfterValidator(_headers_of_a_run)] = Field(default_factory=dict)
    """Merged over the config's."""
    body: JsonValue = None
    """Replaces the config's."""


def reserved_headers(parameters: Mapping[str, Any]) -> list[Fault]:
    """Headers among a run's parameters that a caller who may only execute must not set."""
    headers = parameters.get("headers")
    names = headers if isinstance(headers, Mapping) else ()
    return [
        Fault(f"parameters.headers.{name}", _FOR_THE_AUTHOR) for name in names if str(name).lower() in _OF_THE_AUTHOR
    ]


def clashes(config: HttpConfig, parameters: HttpParameters) -> list[Fault]:
    """Parameters of a run that contradict the config."""
    return [
        Fault(f"parameters.headers.{name}", "the task's auth sets this header")
        for name in parameters.headers
        if config.auth and name.lower() == "authorization"
    ]


def doubled_credentials(config: HttpConfig) -> list[Fault]:
    """Faults of a new config with two credentials: httpx would silently use those in the address.

    A stored config is sent as before.
    """
    in_address = "@" in urlsplit(REFERENCE.sub("reference", config.url)).netloc
    if in_address and (config.auth or any(name.lower() == "authorization" for name in config.headers)):
        return [Fault("config.url", "holds a user, and there are auth or an Authorization header: give one of them")]
    return []


def laid_over(config: HttpConfig, parameters: HttpParameters) -> HttpConfig:
    """The config for one run."""
    lower = {name.lower() for name in parameters.headers}
    kept = {name: text for name, text in config.headers.items() if name.lower() not in lower}
    changes: dict[str, Any] = {
        "query": {**config.query, **parameters.query},
        "headers": {**kept, **parameters.headers},
    }
    if "body" in parameters.model_fields_set:
        changes["body"] = parameters.body
    return config.model_copy(update=changes)
