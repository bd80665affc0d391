"""What a run is given reaches it as it was sent: Prefect evaluates and changes nothing of it."""

from __future__ import annotations

import json
from typing import Any
from uuid import UUID

import pytest
from prefect.client.orchestration import PrefectClient
from prefect.client.schemas.actions import VariableCreate

from falcon_scheduler.core.domain.execution import ExecutionStatus
from falcon_scheduler.core.errors import Invalid
from tests.conftest import ADMIN, Scheduler, function, wait_until
from tests.mirror.deployments import deployment_of
from tests.mirror.test_poison import adopted

EARLIER_SCHEMA = {
    "title": "Parameters",
    "type": "object",
    "properties": {
        "task_id": {"title": "task_id", "type": "string", "position": 0},
        "parameters": {
            "anyOf": [{"type": "object", "additionalProperties": True}, {"type": "null"}],
            "default": None,
            "title": "parameters",
            "position": 1,
        },
    },
    "required": ["task_id"],
}
"""What the version before this one declared."""
EVALUATED = {
    "variable": {"__prefect_kind": "workspace_variable", "variable_name": "plans_of_the_shop"},
    "template": [{"__prefect_kind": "jinja", "template": "{{ 6 * 7 }}"}],
    "removed": {"deep": [{"__prefect_kind": "json"}]},
    "reference": {"ref": {"__prefect_kind": "none", "value": 1}},
}
CHANGED = {"large": 1e20, "larger": 1.5e300, "small": 5e-324, "zero": -0.0, "whole": 1.0, "exponent": 1e16}

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("worker")]


async def test_what_prefect_would_evaluate_or_change_arrives_as_it_was_sent(
    scheduler: Scheduler, client: PrefectClient
) -> None:
    if await client.read_variable_by_name("plans_of_the_shop") is None:
        await client.create_variable(VariableCreate(name="plans_of_the_shop", value="secret"))
    given = {**EVALUATED, **CHANGED, "__prefect_kind": "jinja", "template": "{{ 1 / 0 }}"}
    task = await scheduler.task()
    ended = await scheduler.run(task, **given)
    assert ended.status is ExecutionStatus.COMPLETED, ended.error
    assert json.dumps(json.loads(ended.output), sort_keys=True) == json.dumps(given, sort_keys=True)
    shown = (await scheduler.history(task))[0].parameters
    assert json.dumps(shown, sort_keys=True) == json.dumps(given, sort_keys=True)


@pytest.mark.parametrize("form", ["object", "text"])
async def test_a_run_planned_by_an_earlier_version_or_started_in_prefect_is_given_what_it_carries(
    scheduler: Scheduler, client: PrefectClient, form: str
) -> None:
    task = await scheduler.task(config=function("echo", greeting="o7"))
    given: Any = {"planned": ["before", 1, None]}
    body = {"parameters": given if form == "object" else json.dumps(given)}
    flow_run = await client.create_flow_run_from_deployment(UUID(task.deployment_id), parameters=body)
    ended = await scheduler.ended(str(flow_run.id))
    assert json.loads(ended.output) == {"greeting": "o7", **given}
    assert ended.parameters == given


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ("{not json", "parameters: must be the JSON text of an object"),
        ("[1]", "parameters: must be a JSON object"),
        ('{"x": 1e999, "big": 99999999999999999999}', "parameters.big: must fit into 64 bits"),
        ({"deep": {"$where": 1}}, "parameters.deep.$where: a name must not"),
    ],
)
async def test_what_a_run_may_not_be_given_in_prefect_fails_it_and_gives_the_reason(
    scheduler: Scheduler, client: PrefectClient, given: Any, said: str
) -> None:
    task = await scheduler.task()
    flow_run = await client.create_flow_run_from_deployment(
        UUID(task.deployment_id), parameters={"parameters": given}
    )
    ended = await scheduler.ended(str(flow_run.id))
    assert ended.status is ExecutionStatus.FAILED
    assert said in ended.error


async def test_a_deployment_of_an_earlier_version_takes_an_execute_and_is_brought_up_to_date(
    scheduler: Scheduler, client: PrefectClient
) -> None:
    task = await scheduler.task()
    await client.request(
        "PATCH",
        "/deployments/{id}",
        path_params={"id": task.deployment_id},
        json={"parameter_openapi_schema": EARLIER_SCHEMA, "tags": ["changed-in-prefect", "function"]},
    )
    assert json.loads((await scheduler.run(task, new="form")).output) == {"new": "form"}
    await scheduler.services.reconcile.reload()
    there = await deployment_of(client, task.id)
    assert there["parameter_openapi_schema"]["properties"]["parameters"]["anyOf"][0]["format"] == "json-string"
    assert "changed-in-prefect" in (await scheduler.services.tasks.get(task.id)).definition.tags, "nothing is lost"
    assert (await scheduler.services.reconcile.reload()).updated == 0


async def test_what_no_store_takes_as_it_is_neither_fails_a_run_nor_loses_its_log(
    scheduler: Scheduler, client: PrefectClient
) -> None:
    task = await scheduler.task(config={"function_name": "odd", "module": "tests", "parameters": {}}, max_retries=0)
    ended = await scheduler.run(task)
    assert ended.status is ExecutionStatus.COMPLETED, ended.error
    assert ended.output == "half \N{REPLACEMENT CHARACTER} and \N{REPLACEMENT CHARACTER}"
    assert ended.detail["huge"] == str(2**70)

    async def completed() -> bool:
        state = (await client.read_flow_run(UUID(ended.id))).state
        return state is not None and state.is_completed()

    await wait_until(completed, "Prefect knows")
    body = {"logs": {"flow_run_id": {"any_": [ended.id]}}}

    async def lines() -> str:
        found: list[dict[str, Any]] = (await client.request("POST", "/logs/filter", json=body)).json()
        return "\n".join(each["message"] for each in found)

    async def said() -> bool:
        return "a line with \N{REPLACEMENT CHARACTER}" in await lines()

    await wait_until(said, "the log arrived")


async def test_a_value_that_prefect_would_read_for_itself_is_refused_for_a_deployment_of_somebody_elses(
    scheduler: Scheduler, client: PrefectClient
) -> None:
    async with adopted(scheduler, client) as task_id:
        given = {"a": [{"__prefect_kind": "jinja", "template": "{{ 1 }}"}], "b": 1e20, "c": {"d": -0.0}, "e": 1e15}
        with pytest.raises(Invalid) as refused:
            await scheduler.services.runs.execute(task_id, parameters=given, priority=None, by=ADMIN)
        assert {fault.location for fault in refused.value.faults} == {
            "parameters.a.0.__prefect_kind",
            "parameters.b",
            "parameters.c.d",
        }
        kept = {"e": 1e15, "f": [1.5, 2**62, "{{ 6 * 7 }}"], "g": {"ref": "x"}}
        asked = await scheduler.services.runs.execute(task_id, parameters=kept, priority=None, by=ADMIN)
        assert (await client.read_flow_run(UUID(asked.id))).parameters == kept
