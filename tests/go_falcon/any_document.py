"""Strategies for documents of any origin: a field holds what it should, anything that BSON knows, or nothing."""

from __future__ import annotations

import math
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from bson import Binary, Decimal128, Int64, MaxKey, MinKey, ObjectId, Regex, Timestamp
from bson.datetime_ms import DatetimeMS
from hypothesis import strategies as st

Document = dict[str, Any]

FIRST, LAST = datetime(1, 1, 2), datetime(9999, 12, 30)  # noqa: DTZ001 - hypothesis adds the zone
texts = st.text(st.characters(exclude_characters="\x00", exclude_categories=["Cs"]), max_size=40)
instants = st.datetimes(FIRST, LAST, timezones=st.just(UTC)).map(lambda each: each.replace(microsecond=0))
scalars = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**63), 2**63 - 1),
    st.floats(),
    st.sampled_from([200.0, 1e20, -0.0, math.inf, math.nan, 3.0]),
    texts,
    st.sampled_from(
        ["", "0 0 3 * * *", "61 * * * * *", "*/5 * * * *", "@every 1h", "5m", "2562047h", "running", "a" * 5000]
    ),
    instants,
    st.integers(-(2**62), 2**62).map(DatetimeMS),
    st.binary(max_size=40).map(Binary),
    st.sampled_from([ObjectId(b"0123456789ab"), Decimal128("1.5"), Regex("^a"), Timestamp(1, 2), MinKey(), MaxKey()]),
    st.integers(-(2**63), 2**63 - 1).map(Int64),
)
names = st.text(
    st.characters(codec="ascii", categories=("Ll", "Nd"), include_characters="_$"), min_size=1, max_size=8
)
values = st.recursive(
    scalars, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(names, inner, max_size=3), max_leaves=8
)


def _document(fields: Sequence[str], parts: dict[str, st.SearchStrategy[Any]]) -> st.SearchStrategy[Document]:
    strategies: dict[str, st.SearchStrategy[Any]] = dict.fromkeys(fields, values)
    strategies |= {name: part | values for name, part in parts.items()}
    return st.fixed_dictionaries({}, optional=strategies)


metadata_of_tasks = _document(
    [
        *("max_retries", "retry_interval", "timeout", "tags", "is_system", "source", "version", "last_error"),
        *("success_count", "failure_count", "total_runs", "average_runtime", "timezone", "overlap"),
        *("skipped_count", "last_skipped", "alerts", "start_at", "end_at", "max_runs", "jitter", "start_within"),
        *("calendars", "catch_up"),
    ],
    {},
)
bookkeeping = _document(
    [
        *("paused", "active", "is_active", "last_outcome", "runtime_total_us", "today", "counted", "fencing_token"),
        *("removed_count", "removing", "deployed", "was_enabled", "impeded", "owed", "limited", "limited_runs"),
    ],
    {"today": _document(["day", "completed", "failed", "runtime_us"], {})},
)
tasks = _document(
    [
        *("name", "description", "type", "schedule", "status", "priority", "enabled", "config", "last_run"),
        *("last_run_duration", "next_run", "created_at", "updated_at", "created_by", "updated_by", "revision"),
    ],
    {
        "type": st.sampled_from(["http", "function", "custom", "system", "shell"]),
        "config": st.dictionaries(names, values, max_size=4),
        "metadata": metadata_of_tasks,
        "scheduler": bookkeeping,
    },
)
executions = _document(
    [
        *("task_id", "status", "started_at", "completed_at", "duration", "output", "error", "worker_id"),
        *("retry_count", "heartbeat_at", "occurrence", "fenced_by"),
    ],
    {
        "status": st.sampled_from(["pending", "running", "completed", "failed", "lost"]),
        "metadata": _document(
            [
                *("queued_at", "scheduled_for", "trigger", "worker_id", "retry_count", "lock_key"),
                *("fencing_token", "parameters", "status_code"),
            ],
            {},
        ),
    },
)
ids = st.one_of(
    st.uuids().map(str),
    texts.filter(bool),
    st.integers(-(2**63), 2**63 - 1),
    st.floats(allow_nan=False),
    st.binary(min_size=12, max_size=12).map(ObjectId),
    instants,
)
