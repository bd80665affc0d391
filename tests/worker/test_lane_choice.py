"""Which runs a lane performs: http tasks, unless they ask for what only a process of their own can give."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from uuid import UUID, uuid4

import pytest
from prefect.client.schemas.objects import FlowRun
from prefect.client.schemas.responses import DeploymentResponse

from falcon_scheduler.flows.worker.deployment_cache import DeploymentCache
from falcon_scheduler.flows.worker.lane_choice import SharedDeployments, fits_lane
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


FUNCTION = "falcon_scheduler.flows.entrypoints.function_task"


class Known(DeploymentCache):
    """Deployments that the worker has read."""

    def __init__(self, *deployments: DeploymentResponse) -> None:
        self.all = {each.id: each for each in deployments}

    def known(self, deployment_id: UUID | None) -> DeploymentResponse | None:
        return self.all.get(deployment_id) if deployment_id else None


class AnsweringLane:
    """Performs the runs of these deployments."""

    def __init__(self, *shared: DeploymentResponse) -> None:
        self.shared: frozenset[str] | None = frozenset(str(each.id) for each in shared)
        self.asked: list[list[str]] = []

    async def __call__(self, deployment_ids: Sequence[str]) -> frozenset[str] | None:
        self.asked.append([*deployment_ids])
        return self.shared


async def test_a_lane_is_asked_once_about_functions_and_never_about_http_tasks() -> None:
    http, shared, alone = deployment(), deployment(FUNCTION), deployment(FUNCTION)
    lane = AnsweringLane(shared)
    choice = SharedDeployments(Known(http, shared, alone), lane)
    for _ in range(2):
        await choice.learn([http.id, shared.id, alone.id, None, uuid4()])
    assert lane.asked == [[str(shared.id), str(alone.id)]]
    assert [fits_lane(flow_run(), each, TEMPLATE, choice) for each in (http, shared, alone)] == [True, True, False]
    assert not fits_lane(flow_run(job_variables={"env": {"A": "b"}}), shared, TEMPLATE, choice)


async def test_it_is_asked_again_when_the_task_was_changed() -> None:
    known = deployment(FUNCTION, version="1")
    lane, deployments = AnsweringLane(known), Known(known)
    choice = SharedDeployments(deployments, lane)
    await choice.learn([known.id])
    assert known.id in choice
    deployments.all[known.id] = known.model_copy(update={"version": "2"})
    lane.shared = frozenset()
    await choice.learn([known.id])
    assert known.id not in choice
    assert len(lane.asked) == 2


async def test_without_an_answer_each_run_has_a_process_of_its_own() -> None:
    known = deployment(FUNCTION)
    lane = AnsweringLane(known)
    lane.shared = None
    choice = SharedDeployments(Known(known), lane)
    await choice.learn([known.id])
    assert known.id not in choice
