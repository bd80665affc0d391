"""What goes in comes out: a task as it was created, read, exported, and made again from its export."""

from __future__ import annotations

import json
import uuid
from datetime import timedelta
from random import Random
from typing import Any

import httpx
from hypothesis import given, settings
from hypothesis import strategies as st

from falcon_scheduler.adapters.mongo.reading import whole_numbers
from falcon_scheduler.core.domain.duration import format_duration
from falcon_scheduler.core.domain.unseen import JOINERS_AND_MARKS, LINE_BREAKS_AND_TABS, unseen_in
from tests.schedules.expressions import random_expression, random_zone

EXAMPLES = 15
DEFAULTS = {
    "description": "",
    "priority": "normal",
    "enabled": True,
    "metadata": {
        "max_retries": 3,
        "retry_interval": "1m0s",
        "timeout": "5m0s",
        "tags": [],
        "timezone": "UTC",
        "overlap": "skip",
    },
}

characters = st.characters(exclude_categories=["Cs"], exclude_characters="\x00")
names = st.text(characters, max_size=40).filter(lambda text: text.isprintable() and text == text.strip())
keys = st.text(characters, min_size=1, max_size=12).filter(lambda text: not text.startswith("$"))
scalars = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**63), 2**63 - 1),
    st.floats(allow_nan=False, allow_infinity=False),
    st.text(characters, max_size=30),
)
values = st.recursive(
    scalars, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(keys, inner, max_size=3), max_leaves=8
)
tags = st.lists(st.from_regex(r"[a-z0-9é][\w .:/+-]{0,20}", fullmatch=True), max_size=4, unique=True)
seeds = st.integers(0, 2**32).map(Random)
schedules = st.one_of(
    seeds.map(random_expression),
    seeds.map(lambda random: f"CRON_TZ={random_zone(random)} {random_expression(random)}"),
    st.sampled_from(["@hourly", "@daily", "@weekly", "@monthly", "@yearly", "@midnight"]),
    st.integers(1, 10**6).map(lambda seconds: f"@every {format_duration(timedelta(seconds=seconds))}"),
)
functions = st.fixed_dictionaries(
    {"function_name": st.just("echo"), "module": st.just("builtin")},
    optional={"parameters": st.dictionaries(st.from_regex("[a-z]{1,8}", fullmatch=True), values, max_size=4)},
).map(lambda config: {"type": "function", "config": config})
requests = st.fixed_dictionaries(
    {
        "url": st.from_regex(
            r"https?://[a-z]{1,9}\.example\.com/[A-Za-z0-9%._~-]{0,9}(\?[a-z]=[0-9a-z]{1,9})?", fullmatch=True
        )
    },
    optional={
        "method": st.sampled_from(["GET", "POST", "PUT", "DELETE"]),
        "headers": st.dictionaries(st.from_regex("X-[a-z]{1,8}", fullmatch=True), st.sampled_from(["a", "b c", "é"])),
        "body": values,
        "expected_code": st.integers(200, 299),
        "timeout": st.integers(1, 60).map(lambda seconds: f"{seconds}s"),
        "validate_ssl": st.booleans(),
    },
).map(lambda config: {"type": "http", "config": config})


def lengths(least: timedelta, most: timedelta) -> st.SearchStrategy[str]:
    return st.timedeltas(least, most).map(format_duration)


definitions = st.builds(
    lambda kind, rest, metadata: {**rest, **kind, "metadata": metadata},
    functions | requests,
    st.fixed_dictionaries(
        {"name": names, "schedule": schedules},
        optional={
            "description": st.text(characters, max_size=500).filter(
                lambda text: unseen_in(text, allowed=LINE_BREAKS_AND_TABS | JOINERS_AND_MARKS) is None
            ),
            "priority": st.sampled_from(["low", "normal", "high", "critical"]),
            "enabled": st.booleans(),
        },
    ),
    st.fixed_dictionaries(
        {},
        optional={
            "max_retries": st.integers(0, 10),
            "retry_interval": lengths(timedelta(seconds=1), timedelta(hours=1)),
            "timeout": lengths(timedelta(seconds=30), timedelta(hours=24)),
            "tags": tags,
            "timezone": seeds.map(random_zone),
            "overlap": st.sampled_from(["skip", "queue", "cancel_running"]),
        },
    ),
)


def whole(given: dict[str, Any]) -> dict[str, Any]:
    """A definition with everything that it leaves to the service."""
    return {**DEFAULTS, **given, "metadata": {**DEFAULTS["metadata"], **given["metadata"]}}  # type: ignore[dict-item]


def exactly(value: Any) -> str:
    """So that 1, 1.0 and true differ, as they do in JSON."""
    return json.dumps(value, sort_keys=True)


def definition_in(task: dict[str, Any]) -> dict[str, Any]:
    """The part of a task as it is read that its author gave."""
    metadata = {name: task["metadata"][name] for name in DEFAULTS["metadata"]}  # type: ignore[attr-defined]
    names = ("name", "description", "type", "schedule", "priority", "enabled", "config")
    return {**{name: task[name] for name in names}, "metadata": metadata}


@settings(max_examples=EXAMPLES)
@given(definitions)
async def test_a_definition_comes_out_of_a_read_an_export_and_an_import_as_it_went_in(
    admin: httpx.AsyncClient, given: dict[str, Any]
) -> None:
    given = {**given, "name": f"{given['name']} {uuid.uuid4()}".strip()}
    given["config"] = whole_numbers(given["config"])  # 200.0 is an integer, as in JSON
    wanted = exactly(whole(given))
    created = await admin.post("/tasks", json=given)
    assert created.status_code == 201, created.text
    task_id = created.json()["id"]
    assert exactly(definition_in(created.json())) == wanted
    read = (await admin.get(f"/tasks/{task_id}")).json()
    assert exactly(definition_in(read)) == wanted

    exported = await the_one_exported(admin, given["name"])
    wanted = exactly({**whole(given), "id": task_id, "source": "api", "paused": False})
    assert exactly(exported) == wanted
    again = (await admin.post("/tasks/import", json={"tasks": [exported], "overwrite": True})).json()
    assert again["imported_tasks"] == [{"id": task_id, "name": given["name"]}], again
    assert (await admin.get(f"/tasks/{task_id}")).json()["metadata"]["version"] == 1, "nothing was changed"

    await admin.delete(f"/tasks/{task_id}")
    imported = (await admin.post("/tasks/import", json={"tasks": [exported]})).json()
    assert imported["failed_tasks"] == []
    [made] = imported["imported_tasks"]
    assert made["id"] == task_id
    assert exactly(await the_one_exported(admin, given["name"])) == wanted
    await admin.delete(f"/tasks/{made['id']}")


async def the_one_exported(admin: httpx.AsyncClient, name: str) -> dict[str, Any]:
    [found] = [task for task in (await admin.get("/tasks/export")).json()["tasks"] if task["name"] == name]
    return dict(found)


def test_what_is_compared_is_compared_to_the_letter() -> None:
    assert exactly(1) != exactly(1.0)
    assert exactly(0.0) != exactly(-0.0)
    assert exactly({"a": 1, "b": 2}) == exactly({"b": 2, "a": 1})
