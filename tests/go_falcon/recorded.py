"""A database as go-falcon's own code wrote it, and what that code reads from it.

Source: go-falcon 2264f99 with its MongoDB driver 1.17.4; all values are made up.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from bson import Int64, json_util

DATA = Path(__file__).parent / "data"
COLLECTIONS = ("groups", "group_memberships", "group_permissions", "permissions", "user_profiles")
DURATIONS = frozenset({"retry_interval", "timeout", "average_runtime", "last_run_duration", "duration"})
Document = dict[str, Any]


def documents(collection: str) -> Sequence[Document]:
    """The documents of a collection, with the types that go-falcon's driver gave them."""
    options = json_util.JSONOptions(tz_aware=True, tzinfo=UTC)
    lines = (DATA / f"{collection}.jsonl").read_text().splitlines()
    return [json_util.loads(line, json_options=options) for line in lines]


def as_go_reads(collection: str) -> Mapping[str, Document]:
    """What go-falcon decodes from them, by id."""
    lines = (DATA / f"{collection}.as-go-reads.jsonl").read_text().splitlines()
    return {document["id"]: document for document in map(json.loads, lines)}


def go_task(document: Mapping[str, Any]) -> Document:
    """A stored task as go-falcon's model decodes it and its API shows it.

    Raises:
        AssertionError: its driver would refuse the document.
    """
    metadata = document["metadata"]
    for name in ("retry_interval", "timeout", "average_runtime"):
        assert isinstance(metadata.get(name, Int64(0)), Int64), f"{document['_id']}: {name} is no int64"
    shown = {
        "id": document["_id"],
        **{name: document[name] for name in ("name", "description", "type", "schedule", "status", "priority")},
        "enabled": document["enabled"],
        "config": _numbers_as_json(document["config"]),
        "metadata": {
            "max_retries": metadata["max_retries"],
            **{name: go_duration(metadata[name]) for name in ("retry_interval", "timeout", "average_runtime")},
            **{name: metadata[name] for name in ("tags", "is_system", "source", "version")},
            **{name: metadata[name] for name in ("success_count", "failure_count", "total_runs")},
        },
        "created_at": go_instant(document["created_at"]),
        "updated_at": go_instant(document["updated_at"]),
    }
    if metadata.get("last_error"):
        shown["metadata"]["last_error"] = metadata["last_error"]
    for name in ("last_run", "next_run"):
        if document.get(name) is not None:
            shown[name] = go_instant(document[name])
    for name in ("created_by", "updated_by"):
        if document.get(name):
            shown[name] = document[name]
    if document.get("last_run_duration") is not None:
        assert isinstance(document["last_run_duration"], Int64)
        shown["last_run_duration"] = go_duration(document["last_run_duration"])
    return shown


def go_execution(document: Mapping[str, Any]) -> Document:
    """A stored execution as go-falcon's model decodes it."""
    assert isinstance(document["duration"], Int64), f"{document['_id']}: duration is no int64"
    shown = {
        "id": document["_id"],
        **{name: document[name] for name in ("task_id", "status", "metadata", "worker_id", "retry_count")},
        "started_at": go_instant(document["started_at"]),
        "duration": go_duration(document["duration"]),
    }
    for name in ("output", "error"):
        if document.get(name):
            shown[name] = document[name]
    if document.get("completed_at") is not None:
        shown["completed_at"] = go_instant(document["completed_at"])
    return shown


def go_duration(nanoseconds: int) -> str:
    """Go's `Duration.String`, to the nanosecond. Our own writer holds microseconds."""
    if nanoseconds == 0:
        return "0s"
    for limit, unit in ((1_000, "ns"), (1_000_000, "µs"), (1_000_000_000, "ms")):
        if nanoseconds < limit:
            return f"{_decimal(nanoseconds, limit // 1000)}{unit}"
    minutes, rest = divmod(nanoseconds, 60_000_000_000)
    hours, minutes = divmod(minutes, 60)
    seconds = f"{_decimal(rest, 1_000_000_000)}s"
    if hours:
        return f"{hours}h{minutes}m{seconds}"
    return f"{minutes}m{seconds}" if minutes else seconds


def go_instant(instant: datetime) -> str:
    """RFC 3339 as Go marshals it: no zeros at the end of the fraction."""
    text = instant.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%f").rstrip("0").rstrip(".")
    return f"{text}Z"


def _decimal(value: int, unit: int) -> str:
    whole, rest = divmod(value, unit)
    return str(whole) if not rest else f"{whole}.{rest:0{len(str(unit)) - 1}d}".rstrip("0")


def _numbers_as_json(value: Any) -> Any:
    """Go writes a whole double without a fraction."""
    if isinstance(value, float) and value.is_integer():
        return int(value)
    if isinstance(value, Mapping):
        return {name: _numbers_as_json(inner) for name, inner in value.items()}
    if isinstance(value, list):
        return [_numbers_as_json(inner) for inner in value]
    return value
