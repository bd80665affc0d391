"""Fields that go-falcon's clients send with a task although the service sets them itself.

Such clients read a task, change a field and send the whole `metadata` back. The fields that the service computes are
ignored, and the answer lists them. A value that contradicts the task, such as the claim to be a system task, is
refused. docs/go-falcon.md has the table.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from falcon_scheduler.core.errors import Fault

SCHEMA = "$schema"
"""The address of a body's JSON Schema, which HUMA's clients send. Source: huma v2, SchemaLinkTransformer."""
COUNTED = frozenset(
    {
        *("version", "last_error", "success_count", "failure_count", "total_runs", "average_runtime"),
        *("skipped_count", "last_skipped", "runs_left", "owed_runs"),
    }
)
"""Fields of `metadata` that are ignored with any value."""
UNREMARKABLE: Mapping[str, tuple[object, ...]] = {"is_system": (False, None), "source": ("api", "import", "", None)}
"""Fields of `metadata` that are ignored with one of these values, and refused with any other."""
_REASON = "is set by the service and was ignored"


def without_own_fields(body: Any) -> tuple[Any, list[Fault]]:
    """A task's body without the ignored fields, and these fields by name.

    `tags: null` is Go's form of an empty list.
    """
    if not isinstance(body, Mapping):
        return body, []
    kept = {name: value for name, value in body.items() if name != SCHEMA and not (name == "tags" and value is None)}
    metadata = kept.get("metadata")
    if not isinstance(metadata, Mapping):
        return kept, []
    left_out = [name for name, value in metadata.items() if _is_left_out(name, value)]
    no_tags = {"tags"} if metadata.get("tags", ()) is None else set()
    kept["metadata"] = {name: value for name, value in metadata.items() if name not in {*left_out, *no_tags}}
    return kept, [Fault(f"metadata.{name}", _REASON) for name in left_out]


def _is_left_out(name: str, value: object) -> bool:
    return name in COUNTED or value in UNREMARKABLE.get(name, ())
