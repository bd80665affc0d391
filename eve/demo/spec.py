"""Checks requests and answers against ESI's own specification, in the version of the compatibility date.

`spec.json` is a trimmed extract of the published OpenAPI documents of 2020-01-01 and 2026-08-18; the shape of a
corporation changed at 2026-07-21.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any

from jsonschema import Draft202012Validator

NEW_CORPORATIONS_FROM = date(2026, 7, 21)
OLDEST = date(2020, 1, 1)


@dataclass(frozen=True, slots=True)
class Operation:
    """One route in one version."""

    route: str
    method: str
    headers: Mapping[str, Mapping[str, Any]]
    required_headers: frozenset[str]
    body: Any
    response: Any
    cache_seconds: float | None
    rate_limit: Mapping[str, Any] | None

    def body_faults(self, body: object) -> list[str]:
        """What is wrong with a request's body."""
        return [error.message[-200:] for error in self.body.iter_errors(body)]

    def response_faults(self, body: object) -> list[str]:
        """What is wrong with an answer."""
        return [f"{error.json_path}: {error.message[:200]}" for error in self.response.iter_errors(body)]


@cache
def operations(version: str) -> Mapping[str, Operation]:
    """All routes of a version, by path."""
    extract = json.loads((Path(__file__).parent / "spec.json").read_text())["versions"][version]
    return {route: _operation(route, raw) for route, raw in extract.items()}


def _operation(route: str, raw: Mapping[str, Any]) -> Operation:
    headers = {one["name"].lower(): one for one in raw["parameters"] if one["in"] == "header"}
    return Operation(
        route=route,
        method=raw["method"],
        headers={name: one["schema"] for name, one in headers.items()},
        required_headers=frozenset({"x-compatibility-date"}),
        body=Draft202012Validator(raw.get("body", {})),
        response=Draft202012Validator(raw["response"]),
        cache_seconds=raw["cache_age"],
        rate_limit=raw.get("rate_limit"),
    )


def asked_date(headers: Mapping[str, str]) -> date:
    """The compatibility date of a request; the oldest when there is none.

    Raises:
        ValueError: it is no date, or one that has not begun: days begin at 11:00 UTC.
    """
    text = headers.get("x-compatibility-date")
    if text is None:
        return OLDEST
    asked = date.fromisoformat(text)
    if asked > (datetime.now(UTC) - timedelta(hours=11)).date():
        raise ValueError("X-Compatibility-Date lies in the future")
    return asked


def operation(route: str, asked: date) -> Operation:
    """The route as it is at a compatibility date."""
    return operations("2026-07-21" if asked >= NEW_CORPORATIONS_FROM else "2020-01-01")[route]


def header_faults(wanted: Operation, headers: Mapping[str, str]) -> list[str]:
    """What is wrong with a request's headers; a real User-Agent is required beyond the specification."""
    faults = [f"header {name} is required" for name in wanted.required_headers if name not in headers]
    for name, schema in wanted.headers.items():
        value = headers.get(name)
        if value is not None and "enum" in schema and value not in schema["enum"]:
            faults.append(f"header {name} is not one of {schema['enum']}")
    if "@" not in headers.get("user-agent", "") and "http" not in headers.get("user-agent", ""):
        faults.append("User-Agent names no contact")
    return faults
