"""What one run of an http task may change of its config."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import AfterValidator, Field, JsonValue

from falcon_scheduler.core.errors import Fault
from falcon_scheduler.flows.executors.http.config import HttpConfig, Part
from falcon_scheduler.flows.executors.http.values import Headers, Query

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


def _headers_of_a_run(value: dict[str, str]) -> dict[str, str]:
    if any(name.lower() == "host" for name in value):
        raise ValueError("Host belongs to the address, which a run can't change")
    return value


class HttpParameters(Part):
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
