"""Which runs a lane performs: http tasks, unless they ask for what only a process of their own can give."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

import pytest
from prefect.client.schemas.objects import FlowRun
from prefect.client.schemas.responses import DeploymentResponse

from falcon_scheduler.flows.worker.lane_choice import fits_lane
from falcon_scheduler.flows.worker.worker import WarmProcessWorker

HTTP = "falcon_scheduler.flows.entrypoints.http_task"
TEMPLATE = WarmProcessWorker.get_default_base_job_template()


def deployment(entrypoint: str = HTTP, **fields: Any) -> DeploymentResponse:
    return DeploymentResponse(id=uuid4(), flow_id=uuid4(), name="d", entrypoint=entrypoint, **fields)


def flow_run(**fields: Any) -> FlowRun:
    return FlowRun(flow_id=uuid4(), **fields)


def with_default(name: str, value: object) -> dict[str, Any]:
    variables = TEMPLATE["variables"]
    known = variables["properties"]
    return {
        **TEMPLATE,
        "variables": {**variables, "properties": {**known, name: {**known.get(name, {}), "default": value}}},
    }


@pytest.mark.parametrize(
    "entrypoint", [HTTP, HTTP.removeprefix("falcon_scheduler.")], ids=["of this version", "of version 0.1"]
)
def test_an_http_task_is_performed_in_a_lane(entrypoint: str) -> None:
    assert fits_lane(flow_run(), deployment(entrypoint, job_variables={}), TEMPLATE)


@pytest.mark.parametrize(
    ("of", "template"),
    [
        (deployment("falcon_scheduler.flows.entrypoints.function_task"), TEMPLATE),
        (deployment("flows/entrypoints.py:http_task"), TEMPLATE),
        (deployment(pull_steps=[{"prefect.deployments.steps.set_working_directory": {"directory": "/"}}]), TEMPLATE),
        (deployment(job_variables={"env": {"NOTE": "here"}}), TEMPLATE),
        (deployment(job_variables={"memory_limit_mb": 64}), TEMPLATE),
        (deployment(job_variables={"command": "true"}), TEMPLATE),
        (deployment(), with_default("working_dir", "/srv")),
        (deployment(), with_default("env", {"NOTE": "here"})),
        (
            deployment(),
            {**TEMPLATE, "job_configuration": {**TEMPLATE["job_configuration"], "command": "true"}},
        ),
        (None, TEMPLATE),
    ],
)
def test_a_run_that_needs_a_process_of_its_own_gets_one(
    of: DeploymentResponse | None, template: dict[str, Any]
) -> None:
    assert not fits_lane(flow_run(), of, template)


def test_job_variables_of_a_single_run_give_it_a_process_of_its_own() -> None:
    assert not fits_lane(flow_run(job_variables={"env": {"NOTE": "here"}}), deployment(), TEMPLATE)
