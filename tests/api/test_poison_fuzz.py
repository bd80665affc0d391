"""Any JSON as a run's parameters, through the API, Prefect on PostgreSQL, a worker, MongoDB, and back."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from typing import Any

import httpx
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from falcon_scheduler.adapters.mongo.reading import whole_numbers
from falcon_scheduler.api_facade.composition.services import Services
from tests.api.conftest import faults
from tests.api.test_runs import ended

EXAMPLES, AT_ONCE = 4, 12
MEANINGFUL = [
    "__prefect_kind",
    "value",
    "template",
    "variable_name",
    "$ref",
    "$where",
    "a.b",
    ".",
    "",
    "parameters",
    "task_id",
]
ODD_TEXTS = [
    "jinja",
    "workspace_variable",
    "json",
    "none",
    "{{ 7 * 6 }}",
    "\x00",
    "\ud800",
    "half \udfff of it",
    "\u2028",
    "\U0001d518",
]
ODD_NUMBERS = [1e20, -1e20, 1e16, 1.5e300, 5e-324, -0.0, 2**53 + 1, 2**63 - 1, -(2**63), 2**63, 10**30, 1.0]

names = st.sampled_from(MEANINGFUL) | st.text(max_size=6)
leaves = st.one_of(
    st.none(),
    st.booleans(),
    st.sampled_from(ODD_NUMBERS),
    st.sampled_from(ODD_TEXTS),
    st.integers(),
    st.floats(allow_nan=False, allow_infinity=False),
    st.text(max_size=20),
)
values = st.recursive(
    leaves, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(names, inner, max_size=3), max_leaves=10
)
deep = st.integers(8, 12).map(lambda levels: json.loads('{"a":' * levels + "1e20" + "}" * levels))
objects = st.dictionaries(names, values, min_size=1, max_size=4) | deep


def exactly(value: Any) -> str:
    """So that 1, 1.0 and true differ, and 0.0 and -0.0, as they do in JSON."""
    return json.dumps(value, sort_keys=True)


@pytest.mark.slow
@pytest.mark.usefixtures("worker")
@settings(
    max_examples=EXAMPLES,
    phases=[Phase.generate],  # a run takes too long for a search of the smallest example
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)
@given(st.lists(objects, min_size=AT_ONCE, max_size=AT_ONCE))
async def test_what_is_sent_arrives_and_is_shown_as_it_was_sent_or_is_refused_by_name(
    make: Callable[..., Any], admin: httpx.AsyncClient, services: Services, sent: list[dict[str, Any]]
) -> None:
    task = await make(
        config={"function_name": "echo", "module": "builtin"}, metadata={"overlap": "queue", "timeout": "1m"}
    )
    path = f"/tasks/{task['id']}/execute"
    headers = {"Content-Type": "application/json"}
    answers = [await admin.post(path, content=json.dumps({"parameters": each}), headers=headers) for each in sent]
    asked: dict[str, Any] = {}
    for given_, answer in zip(sent, answers, strict=True):
        if answer.status_code == 202:
            asked[answer.json()["execution_id"]] = given_
        else:
            assert all(where.startswith(("parameters", "body")) for where in faults(answer)), answer.text
    executions = await asyncio.gather(*(ended(admin, each) for each in asked))
    for execution in executions:
        given_ = whole_numbers(asked[execution["id"]])  # 1.0 is an integer, as in JSON
        assert execution["status"] == "completed", (given_, execution["error"])
        assert exactly(json.loads(execution["output"])) == exactly(given_), "what the function received"
        assert exactly(execution["metadata"].get("parameters", {})) == exactly(given_), "what the history shows"
    await services.mirror.history.sweep()
    assert await services.engine.unreadable.ids() == []
    history = (await admin.get(f"/tasks/{task['id']}/history", params={"page_size": 100})).json()
    assert history["total"] == len(asked)
