"""How the OpenAPI document shows fields that may be left out.

A `default` in a schema makes generators of client code (openapi-typescript and others) take the field for one that
is always there. So defaults are told in descriptions, and a field that may be left out is simply not required.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any


def tell_defaults(schemas: Mapping[str, Any]) -> None:
    """Move the defaults of request bodies into the descriptions of their fields."""
    for field in _fields(schemas):
        if "default" not in field:
            continue
        default = field.pop("default")
        if default is not None and not isinstance(default, dict | list):  # which are told by their own fields
            told = f"Default: `{json.dumps(default)}`." if default != "" else "Default: empty."
            field["description"] = f"{field.get('description', '')} {told}".strip()


def leave_out_null(schemas: Mapping[str, Any]) -> None:
    """Show the fields of answers that have no value as they are sent: not at all, and never as null."""
    for field in _fields(schemas):
        field.pop("default", None)
        without_null(field)


def without_null(field: dict[str, Any]) -> None:
    """Take null away from what a field may be. A query can't send it either."""
    kinds = field.get("anyOf", [])
    if {"type": "null"} not in kinds:
        return
    kinds = [each for each in kinds if each != {"type": "null"}]
    del field["anyOf"]
    if len(kinds) == 1:
        field.update({**kinds[0], **field})
    else:
        field["anyOf"] = kinds


def _fields(schemas: Mapping[str, Any]) -> list[dict[str, Any]]:
    return [field for schema in schemas.values() for field in schema.get("properties", {}).values()]
