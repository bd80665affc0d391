"""How the OpenAPI document shows fields that may be left out.

A `default` in a schema makes generators of client code (openapi-typescript and others) treat the field as always
present. So the description contains the default, and an optional field is simply not required.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any


def describe_defaults(schemas: Mapping[str, Any]) -> None:
    """Move the defaults of request bodies into the descriptions of their fields."""
    for field in _fields(schemas):
        if "default" not in field:
            continue
        default = field.pop("default")
        if default is not None and not isinstance(default, dict | list):  # nested fields describe their own defaults
            sentence = f"Default: `{json.dumps(default)}`." if default != "" else "Default: empty."
            field["description"] = f"{field.get('description', '')} {sentence}".strip()


def leave_out_null(schemas: Mapping[str, Any]) -> None:
    """Describe fields of answers without a value as they are sent: left out, never null."""
    for field in _fields(schemas):
        field.pop("default", None)
        without_null(field)


def without_null(field: dict[str, Any]) -> None:
    """Remove null from the types of a field. A query can't send it either."""
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
