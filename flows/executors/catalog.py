"""How executors are listed for clients."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True, kw_only=True)
class CatalogEntry:
    """Something a task can run."""

    type: str
    """The task type to give."""
    name: str
    """What it is called: `http`, `analytics.processData`, `csv_export`."""
    kind: str
    """`http`, `function` or `executor`."""
    description: str
    """The first paragraph of its documentation."""
    isolation: str
    """`process` or `shared`, see `isolation.Isolation`."""
    schema: Mapping[str, Any]
    """JSON Schema of the task's `config`."""


def described(thing: object) -> str:
    """The first paragraph of a docstring, on one line."""
    text = inspect.getdoc(thing) or ""
    return " ".join(text.split("\n\n", 1)[0].split())


def enclosed(properties: Mapping[str, Any], parameters: Mapping[str, Any]) -> dict[str, Any]:
    """The schema of a config with constant `properties`, and `parameters` of the given schema."""
    inner = dict(parameters)
    definitions = inner.pop("$defs", None)  # references in it start at the root
    schema: dict[str, Any] = {
        "type": "object",
        "properties": {**{name: {"const": value} for name, value in properties.items()}, "parameters": inner},
        "required": [*properties, *(["parameters"] if inner.get("required") else [])],
        "additionalProperties": False,
    }
    return {**schema, "$defs": definitions} if definitions else schema
