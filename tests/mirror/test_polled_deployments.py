"""What a worker's poll changes at the deployments of its queues, on the server that our stack starts."""

from __future__ import annotations

import uuid
from typing import Any

import pytest
from prefect.client.orchestration import PrefectClient
from prefect.client.schemas.actions import WorkPoolCreate
from prefect.server.api import background_workers, workers
from prefect.server.models import deployments

from falcon_scheduler.deployments.stack import prefect_polls
from tests.conftest import wait_until


async def test_polls_show_a_new_deployment_as_ready_and_write_no_other(client: PrefectClient) -> None:
    name = f"polled-{uuid.uuid4().hex[:8]}"
    await client.create_work_pool(WorkPoolCreate(name=name, type="process"))
    flow_id = await client.create_flow_from_name(name)

    async def deploy(which: str) -> str:
        return str(await client.create_deployment(flow_id=flow_id, name=which, work_pool_name=name))

    async def polled(deployment_id: str) -> dict[str, Any]:
        await client.get_scheduled_flow_runs_for_work_pool(work_pool_name=name)
        answer = await client.request("GET", "/deployments/{id}", path_params={"id": deployment_id})
        return dict(answer.json())

    async def ready(deployment_id: str) -> dict[str, Any] | None:
        found = await polled(deployment_id)
        return found if found["status"] == "READY" else None

    try:
        first = await deploy("first")
        before = await wait_until(lambda: ready(first), "the first deployment is shown as Ready")
        second = await deploy("second")
        await wait_until(lambda: ready(second), "the second one is shown as Ready")
        after = await polled(first)
        assert before["last_polled"] is not None
        assert (after["status"], after["last_polled"]) == ("READY", before["last_polled"])
    finally:
        await client.delete_work_pool(name)


def test_prefect_calls_what_replaces_its_function_under_its_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(background_workers, "task_functions", [*background_workers.task_functions])
    for path in prefect_polls.MODULES:  # they are put back after the test
        monkeypatch.setattr(f"{path}.{prefect_polls.FUNCTION}", deployments.mark_deployments_ready)
    assert prefect_polls.mark_what_changes()
    assert prefect_polls.mark_what_changes(), "it may be called again"
    replaced = getattr(workers, prefect_polls.FUNCTION)
    assert replaced.__name__ == prefect_polls.FUNCTION
    assert hasattr(replaced, "narrowed")
    assert background_workers.task_functions.count(replaced) == 1
